"""Parts, their other numbers and substitutes, device models and their parts lists, as people enter them."""

from inventory.catalogue import register
from inventory.imports.parts import PARTS as IMPORTED
from inventory.master_data.fields import Field, same
from inventory.master_data.kinds import Kind, by_verb

MAKER = "(SELECT id FROM party WHERE is_maker AND code = {})"
PART = "(SELECT id FROM part WHERE part_number = {})"
MODEL = "(SELECT id FROM device_model WHERE code = {})"

_OF_PARTS = {column.name: column for column in IMPORTED.columns}


def _part(name: str, **more: object) -> Field:
    """A column of the import of parts as a field of a part."""
    return same(_OF_PARTS[name], **{"sql": f"part.{name}", "column": name, **more})


PARTS = Kind(
    name="parts",
    group="catalogue",
    en="Parts",
    zh="备件",
    what="part",
    what_zh="备件",
    read="parts.read",
    table="part",
    cover=("parts", "ARRAY[part.id]"),
    joins="LEFT JOIN party ON party.id = part.maker",
    key="part.part_number",
    title="part.part_number",
    natural=("part_number",),
    fields=(
        _part("part_number", fixed=True),
        _part("name_zh"),
        _part("name_en"),
        _part("kind"),
        _part("maker", sql="party.code", finds=MAKER, refers="companies"),
        _part("serialised", fixed=True, given=True,
              hint=("pieces in the ledger are kept one way; it stays", "台账按此方式管理单件，录入后不变")),
        _part("lithium"),
        _part("unit_cost_cny", right="costs.read"),
        _part("holding_rate_per_year", right="costs.read", required=True, given="0.22"),
        _part("cost_source", right="costs.read"),
        Field(name="active", en="In use", zh="在用", shape="flag", sql="part.active", column="active", later=True),
    ),
    enter=by_verb(register.enter_parts, register.NewPart),
)  # fmt: skip

ALIASES = Kind(
    name="part-numbers",
    group="catalogue",
    en="Other part numbers",
    zh="别名编号",
    what="alias",
    what_zh="别名编号",
    read="parts.read",
    table="part_alias",
    joins="JOIN part ON part.id = part_alias.part",
    key="part_alias.id::text",
    title="part_alias.number",
    natural=("number",),
    fields=(
        Field(name="part", en="Part number", zh="备件编号", required=True, sql="part.part_number", column="part", finds=PART,
              refers="parts"),
        Field(name="number", en="Other number", zh="别名编号", required=True, sql="part_alias.number", fixed=True),
        Field(name="kind", en="Kind", zh="类别", shape="choice", required=True, sql="part_alias.kind", column="kind",
              choices={
                  "fru": ("FRU number", "FRU 号"),
                  "option": ("option number", "选件号"),
                  "bom": ("BOM code", "BOM 编码"),
                  "maker": ("maker's number", "原厂料号"),
              }),
    ),
    enter=by_verb(register.enter_aliases, register.NewAlias),
    belongs={"part": "parts"},
)  # fmt: skip

SUBSTITUTIONS = Kind(
    name="substitutions",
    group="catalogue",
    en="Substitutes",
    zh="替代关系",
    what="substitution",
    what_zh="替代关系",
    read="parts.read",
    table="substitution",
    cover=("parts", "ARRAY[substitution.part]"),
    joins="""JOIN part ON part.id = substitution.part
             JOIN part AS other ON other.id = substitution.substitute""",
    key="substitution.id::text",
    title="part.part_number || ' ← ' || other.part_number",
    natural=("part", "substitute"),
    fields=(
        Field(name="part", en="Part asked for", zh="所需备件", required=True, sql="part.part_number", fixed=True, finds=PART,
              refers="parts"),
        Field(name="substitute", en="May be replaced by", zh="可替代为", required=True, sql="other.part_number", fixed=True,
              finds=PART, refers="parts"),
        Field(name="valid_from", en="Valid from", zh="生效日期", shape="day", required=True, sql="substitution.valid_from",
              column="valid_from"),
        Field(name="valid_to", en="Valid to", zh="失效日期", shape="day", sql="substitution.valid_to", column="valid_to"),
        Field(name="remark", en="Remark", zh="备注", shape="note", sql="substitution.remark", column="remark"),
    ),
    enter=by_verb(register.enter_substitutions, register.NewSubstitution),
    belongs={"part": "parts", "substitute": "parts"},
)  # fmt: skip

MODELS = Kind(
    name="device-models",
    group="catalogue",
    en="Device models",
    zh="机型",
    what="device model",
    what_zh="机型",
    read="parts.read",
    table="device_model",
    joins="LEFT JOIN party ON party.id = device_model.maker",
    key="device_model.code",
    title="device_model.code",
    natural=("code",),
    fields=(
        Field(name="code", en="Code", zh="编码", required=True, sql="device_model.code", fixed=True, example="R740"),
        Field(name="name", en="Name", zh="名称", required=True, sql="device_model.name", column="name"),
        Field(name="maker", en="Maker", zh="原厂", sql="party.code", column="maker", finds=MAKER, refers="companies"),
    ),
    enter=by_verb(register.enter_models, register.NewModel),
)  # fmt: skip

MODEL_PARTS = Kind(
    name="parts-lists",
    group="catalogue",
    en="Parts lists of models",
    zh="机型清单",
    what="parts list line",
    what_zh="机型清单行",
    read="parts.read",
    table="model_part",
    cover=("parts", "ARRAY[model_part.part]"),
    joins="""JOIN device_model ON device_model.id = model_part.model
             JOIN part ON part.id = model_part.part""",
    key="model_part.id::text",
    title="device_model.code || ' / ' || part.part_number",
    natural=("model", "part"),
    fields=(
        Field(name="model", en="Model", zh="机型", required=True, sql="device_model.code", fixed=True, finds=MODEL,
              refers="device-models"),
        Field(name="part", en="Part number", zh="备件编号", required=True, sql="part.part_number", fixed=True, finds=PART,
              refers="parts"),
        Field(name="per_device", en="Pieces in a device", zh="单台数量", shape="whole", required=True,
              sql="model_part.per_device", column="per_device", least=1, most=10000, given="1"),
        Field(name="critical", en="Critical", zh="关键", shape="flag", sql="model_part.critical", column="critical"),
    ),
    enter=by_verb(register.enter_model_parts, register.NewModelPart),
    belongs={"model": "device-models", "part": "parts"},
)  # fmt: skip

SWAP_UNITS = Kind(
    name="swap-units",
    group="catalogue",
    en="Swap and loaner units",
    zh="整机备机",
    what="swap unit",
    what_zh="整机备机",
    read="parts.read",
    table="swap_unit",
    cover=("parts", "ARRAY[swap_unit.part]"),
    joins="""JOIN device_model ON device_model.id = swap_unit.model
             JOIN part ON part.id = swap_unit.part""",
    key="swap_unit.id::text",
    title="device_model.code || ' / ' || part.part_number",
    natural=("model", "part"),
    fields=(
        Field(name="model", en="Model", zh="机型", required=True, sql="device_model.code", fixed=True, finds=MODEL,
              refers="device-models"),
        Field(name="part", en="Whole unit", zh="整机备机", required=True, sql="part.part_number", fixed=True, finds=PART,
              refers="parts", hint=("it replaces a device of the model where a repair takes too long",
                                    "修复超时时替换该机型的整台设备")),
        Field(name="in_force", en="In force", zh="有效", shape="flag", sql="swap_unit.in_force", column="in_force",
              later=True),
    ),
    enter=by_verb(register.enter_swap_units, register.NewSwapUnit),
    belongs={"model": "device-models", "part": "parts"},
)  # fmt: skip
