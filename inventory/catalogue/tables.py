"""The catalogue: parts, the models they fit, and how often they fail."""

from piccolo.columns import Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.ground.columns import (
    addressable,
    day,
    flag,
    link,
    money,
    note,
    optional_day,
    optional_link,
    optional_text,
    real,
    text,
    whole,
)
from inventory.places.tables import Party


class Part(Table, tablename="part", help_text="A kind of spare part, by its part number"):
    """A part number kept for repair."""

    id = Serial(primary_key=True)
    part_number = text(unique=True)
    name_zh = text()
    name_en = text()
    kind = text(index=True)
    maker = optional_link(Party)
    serialised = flag(default=True)
    lithium = flag(default=False)
    unit_cost_cny = money()
    holding_rate_per_year = real()
    cost_source = note()
    inspect_on_receipt = flag(default=False)
    active = flag(default=True)

    part_cost_is_not_negative = Check("unit_cost_cny >= 0")
    part_holding_rate_is_not_negative = Check("holding_rate_per_year >= 0")
    part_can_be_addressed = addressable("part_number")


class PartAlias(Table, tablename="part_alias", help_text="Other numbers of the same part"):
    """An FRU number, option number or BOM code that means a part."""

    id = Serial(primary_key=True)
    part = link(Part, index=True)
    number = text(unique=True)
    kind = text()

    part_alias_kind_is_known = Check("kind IN ('fru', 'option', 'bom', 'maker')")


class DeviceModel(Table, tablename="device_model", help_text="A model of covered devices"):
    """A model of machine that customers run."""

    id = Serial(primary_key=True)
    code = text(unique=True)
    name = text()
    maker = optional_link(Party)

    device_model_can_be_addressed = addressable("code")


class Substitution(Table, tablename="substitution", help_text="A part that may stand in for another; one direction"):
    """`substitute` may be used where `part` is asked for: `pieces` of it for each, perhaps only in one model."""

    id = Serial(primary_key=True)
    part = link(Part, index=True)
    substitute = link(Part)
    kind = text()
    pieces = whole(1)
    model = optional_link(DeviceModel)
    min_firmware = optional_text()
    valid_from = day()
    valid_to = optional_day()
    remark = note()

    substitution_is_unique = Unique([part, substitute, model], nulls_distinct=False)
    substitution_is_another_part = Check("part <> substitute")
    substitution_takes_pieces = Check("pieces BETWEEN 1 AND 100")
    substitution_kind_is_known = Check("kind IN ('substitute', 'supersession')")
    substitution_ends_after_it_starts = Check("valid_to IS NULL OR valid_to >= valid_from")


class SwapUnit(Table, tablename="swap_unit", help_text="A whole unit of equal function to a device of a model"):
    """`part` may replace a whole device of `model` (整台设备替换), or stand in for it until it is repaired (备机)."""

    id = Serial(primary_key=True)
    model = link(DeviceModel)
    part = link(Part, index=True)
    in_force = flag(default=True)

    swap_unit_is_named_once = Unique([model, part])


class Symptom(Table, tablename="symptom", help_text="What an engineer or a ticket system sees, in one word"):
    """A symptom; its kit says which parts are worth taking along."""

    id = Serial(primary_key=True)
    code = text(unique=True)
    name_zh = text()
    name_en = text()

    symptom_can_be_addressed = addressable("code")


class KitLine(
    Table, tablename="kit_line", help_text="A part worth taking along for a symptom, perhaps only for a model"
):
    """What people know; what debriefs taught is counted from the debriefs."""

    id = Serial(primary_key=True)
    symptom = link(Symptom)
    model = optional_link(DeviceModel)
    part = link(Part)
    quantity = whole()

    kit_line_is_named_once = Unique([symptom, model, part], nulls_distinct=False)
    kit_line_takes_something = Check("quantity > 0")


class ModelPart(Table, tablename="model_part", help_text="How many of a part one device of a model carries"):
    """A line of a model's parts list."""

    id = Serial(primary_key=True)
    model = link(DeviceModel)
    part = link(Part, index=True)
    per_device = whole()
    critical = flag(default=False)

    model_part_is_unique = Unique([model, part])
    model_part_count_is_positive = Check("per_device > 0")


class FailureRate(Table, tablename="failure_rate", help_text="How often a part fails, with its evidence"):
    """A part's annual failure rate as believed from a day on (Gamma with `shape` and `exposure`)."""

    id = Serial(primary_key=True)
    part = link(Part)
    valid_from = day()
    annual_rate = real()
    shape = real()
    exposure_device_years = real()
    failures = whole()
    device_years = real()
    source = text()
    evidence = note()

    failure_rate_is_one_per_day = Unique([part, valid_from, source])
    failure_rate_source_is_known = Check("source IN ('assumed', 'field_record', 'history')")
    failure_rate_is_not_negative = Check("annual_rate >= 0 AND shape > 0 AND exposure_device_years > 0")
