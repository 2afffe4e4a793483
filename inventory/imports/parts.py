"""Importing parts: new ones are entered, those that are there take what the file says and differs."""

from inventory.ground import db, jobs
from inventory.imports.columns import Column
from inventory.imports.kinds import Check, Key, Kind, Piece, by_sql

_written = by_sql(
    """UPDATE part SET name_zh = r.name_zh, name_en = r.name_en, kind = r.kind, maker = coalesce(r.maker_id, part.maker),
                  lithium = coalesce(r.lithium, part.lithium), unit_cost_cny = r.unit_cost_cny,
                  holding_rate_per_year = coalesce(r.holding_rate_per_year, part.holding_rate_per_year),
                  cost_source = coalesce(r.cost_source, part.cost_source)
           FROM ready_parts AS r WHERE part.id = r.existing AND r.changed AND r.line BETWEEN $1 AND $2""",
    """INSERT INTO part (part_number, name_zh, name_en, kind, maker, serialised, lithium, unit_cost_cny,
                             holding_rate_per_year, cost_source, active)
           SELECT part_number, name_zh, name_en, kind, maker_id, coalesce(serialised, true), coalesce(lithium, false),
                  unit_cost_cny, coalesce(holding_rate_per_year, 0.22), coalesce(cost_source, ''), true
           FROM ready_parts WHERE existing IS NULL AND line BETWEEN $1 AND $2""",
)


async def _write(piece: Piece) -> None:
    """Write parts, and have their cover judged anew where they may now travel differently."""
    rows = await db.fetch(
        """SELECT part.id FROM ready_parts AS r JOIN part ON part.id = r.existing
           WHERE r.changed AND r.lithium <> part.lithium AND r.line BETWEEN $1 AND $2 ORDER BY part.id""",
        piece.first,
        piece.last,
    )
    await _written(piece)
    if rows:
        await jobs.enqueue(jobs.RefreshCover(parts=[row["id"] for row in rows]))


PARTS = Kind(
    name="parts",
    right="parts.manage",
    en="Parts",
    zh="备件",
    columns=(
        Column(name="part_number", en="Part number", zh="备件编号", required=True, example="PSU-1100-P",
               also=("料号", "PN", "part")),
        Column(name="name_zh", en="Chinese name", zh="中文名称", required=True, example="1100W 铂金电源",
               also=("name zh", "名称", "备件名称")),
        Column(name="name_en", en="English name", zh="英文名称", required=True, example="1100 W platinum power supply",
               also=("name en",)),
        Column(name="kind", en="Kind", zh="类别", required=True, example="psu", also=("备件类别",),
               hint=("as in the catalogue: drive, psu, fan …", "与备件目录一致：drive、psu、fan 等")),
        Column(name="maker", en="Maker", zh="原厂", example="DELL", also=("制造商", "厂家"),
               hint=("the maker's code", "原厂编码")),
        Column(name="serialised", en="Kept by serial", zh="按序列号管理", shape="flag", example="yes",
               hint=("yes, unless the file says no", "默认为“是”")),
        Column(name="lithium", en="Lithium", zh="含锂电池", shape="flag", example="no"),
        Column(name="unit_cost_cny", en="Unit cost CNY", zh="单位成本（元）", shape="amount", required=True, least=0,
               example="1450.00", also=("单价", "成本", "unit cost")),
        Column(name="holding_rate_per_year", en="Holding rate per year", zh="年持有成本率", shape="number", least=0, most=10,
               example="0.22", hint=("a share of the unit cost; 0.22 where nothing is given", "占单位成本的比例；默认 0.22")),
        Column(name="cost_source", en="Source of the cost", zh="成本来源", shape="note", example="price list 2026"),
    ),
    found="""part.id AS existing, maker_party.id AS maker_id, part.serialised AS old_serialised,
             part_alias.id IS NOT NULL AS is_alias""",
    joins="""LEFT JOIN part ON part.part_number = typed.part_number
             LEFT JOIN party AS old_maker ON old_maker.id = part.maker
             LEFT JOIN party AS maker_party ON maker_party.code = typed.maker AND maker_party.is_maker
             LEFT JOIN part_alias ON part_alias.number = typed.part_number""",
    checks=(
        Check(column="part_number", code="is_alias", when="r.is_alias"),
        Check(column="maker", code="unknown_maker", when="r.maker IS NOT NULL AND r.maker_id IS NULL"),
        Check(column="serialised", code="kept_differently", when="r.existing IS NOT NULL AND r.serialised <> r.old_serialised"),
    ),
    keys=(Key(column="part_number", parts=("r.part_number",)),),
    changes={
        "name_zh": "part.name_zh",
        "name_en": "part.name_en",
        "kind": "part.kind",
        "maker": "old_maker.code",
        "lithium": "part.lithium",
        "unit_cost_cny": "part.unit_cost_cny",
        "holding_rate_per_year": "part.holding_rate_per_year",
        "cost_source": "part.cost_source",
    },
    write=_write,
)  # fmt: skip
