"""Plans: what the optimizer was asked, what it answered, and who approved it."""

from piccolo.columns import Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    day,
    document,
    instant,
    key,
    link,
    note,
    optional_document,
    optional_instant,
    optional_link,
    optional_money,
    optional_real,
    optional_text,
    real,
    text,
    whole,
)
from inventory.installed_base.tables import ServiceClass
from inventory.places.tables import Place
from inventory.stock.tables import Pool


class Plan(Table, tablename="plan", help_text="One run of the optimizer with its inputs, bounds and approval"):
    """A plan; it holds once approved, until a newer one is.

    One under changed assumptions (`changes`, made to the network of `based_on`) only answers a question: it never holds.
    `optimizer` names the formulas that made it, `frontier` is what other targets would cost, once somebody asked.
    """

    id = key()
    number = text(unique=True)
    state = text()
    made_at = instant()
    made_by = text()
    status = text()
    proof = optional_text()
    cost_cny = optional_money()
    lower_bound_cny = optional_money()
    gap = optional_real()
    network = document()
    answer = document()
    optimizer = text()
    based_on = optional_link("self")
    changes = optional_document()
    frontier = optional_document()
    remark = note()
    approved_at = optional_instant()
    approved_by = optional_text()
    approved_for = optional_text()

    plan_state_is_known = Check("state IN ('proposed', 'approved', 'superseded', 'rejected', 'what_if')")
    plan_under_changed_assumptions_never_holds = Check(
        "(state = 'what_if') = (changes IS NOT NULL) AND (state = 'what_if') = (based_on IS NOT NULL)"
    )
    plan_is_approved_by_someone = Check(
        "(state IN ('approved', 'superseded')) = (approved_at IS NOT NULL AND approved_by IS NOT NULL)"
    )


class PlanRow(Table, tablename="plan_row", help_text="What a plan says of one part in one store and pool"):
    """The base stock with the demand behind it and the on-time share the plan expects."""

    id = Serial(primary_key=True)
    plan = link(Plan)
    part = link(Part)
    place = link(Place)
    pool = link(Pool)
    base_stock = whole()
    rate_per_day = real()
    resupply_days = real()
    planned_share = real()

    plan_row_is_unique = Unique([plan, part, place, pool])


class PlanRowClass(
    Table, tablename="plan_row_class", help_text="Which service classes a row serves, and how much of their demand"
):
    """Demand of a class at a row: all of it, and the part that can be reached in time."""

    id = Serial(primary_key=True)
    plan_row = link(PlanRow)
    service_class = link(ServiceClass)
    total_rate_per_day = real()
    served_rate_per_day = real()

    plan_row_class_is_unique = Unique([plan_row, service_class])


class PlanClass(Table, tablename="plan_class", help_text="What a plan promises for a service class"):
    """Target, planned service, and the value below which service falls at most once a year in normal life."""

    id = Serial(primary_key=True)
    plan = link(Plan)
    service_class = link(ServiceClass)
    target_fraction = real()
    planned_service = real()
    normal_dip = real()
    on_time_rate_per_day = real()
    total_rate_per_day = real()

    plan_class_is_unique = Unique([plan, service_class])


class Learning(
    Table, tablename="learning", help_text="What was learned from our own history, when, and from which days"
):
    """One learning; the newest holds. Its failure rates stand with the parts, valid from `until` on."""

    id = key()
    learned_at = instant()
    learned_by = text()
    since = day()
    until = day()
    failures = whole()
    parts = whole()

    learning_looks_back = Check("since < until")


class FailureFactor(
    Table, tablename="failure_factor", help_text="How many times as often parts of a kind fail in some devices"
):
    """The factor of an age, an environment or a firmware level for a kind of part, with its evidence.

    `expected` failures if the level made no difference; the factor lies between `lower` and `upper` with nine chances in ten.
    """

    id = Serial(primary_key=True)
    learning = link(Learning)
    kind = text()
    dimension = text()
    level = text()
    device_years = real()
    failures = whole()
    expected = real()
    factor = real()
    lower = real()
    upper = real()

    failure_factor_is_unique = Unique([learning, kind, dimension, level])
    failure_factor_dimension_is_known = Check("dimension IN ('age', 'environment', 'firmware')")
    failure_factor_is_positive = Check("factor > 0 AND lower <= upper")


class MissedLimit(Table, tablename="missed_limit", help_text="How often repairs of a service class miss their limit"):
    """Of so many repairs so many came later than their contract's limit: what whole units are kept for (D33, D50)."""

    id = Serial(primary_key=True)
    learning = link(Learning)
    service_class = link(ServiceClass)
    repairs = whole()
    late = whole()
    chance = real()
    lower = real()
    upper = real()
    rate_shape = real()

    missed_limit_is_unique = Unique([learning, service_class])
    missed_limit_counts = Check("late BETWEEN 0 AND repairs AND chance BETWEEN 0 AND 1")
