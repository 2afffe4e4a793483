"""What comes back, goes back, or stands in until it does: swaps of whole units, loans to customers, erased data."""

from piccolo.columns import Serial
from piccolo.constraints import Check
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    document,
    flag,
    instant,
    key,
    link,
    note,
    optional_binary,
    optional_instant,
    optional_link,
    optional_money,
    optional_real,
    optional_text,
    real,
    reference,
    text,
    whole,
)
from inventory.installed_base.tables import Device
from inventory.places.tables import Place
from inventory.stock.tables import Pool, Unit

# ---- whole-unit swaps and loaners ----


class SwapPolicy(
    Table, tablename="swap_policy", help_text="When a swap is prepared and a loan is asked back; append-only"
):
    """The policy of swaps and loans; the latest one holds."""

    id = Serial(primary_key=True)
    reserve_before_minutes = whole()
    answer_within_minutes = whole()
    prepare_minutes = whole()
    loan_days = whole()
    remind_hours = whole()
    set_at = instant()
    set_by = text()
    remark = note()

    swap_policy_times_are_positive = Check(
        "reserve_before_minutes > 0 AND answer_within_minutes > 0 AND prepare_minutes >= 0 AND loan_days > 0 "
        "AND remind_hours > 0"
    )


class Swap(
    Table, tablename="swap", help_text="A device that may have to be replaced whole, against two clocks (D33, D34)"
):
    """From the report of a fault until the swap is over or released; `request` is the part request of the repair.

    `start_by` and `complete_by` are its two deadlines, `leave_by` meets both from `place`, the store whose unit is
    reserved; empty while the clock stands. `reserve_at` is when that unit is held and somebody is asked. Once decided,
    `swap_request` is the part request by which the unit leaves, `misses` what was too late already.
    """

    id = key()
    number = text(unique=True)
    device = link(Device, index=True)
    request = reference(index=True)
    severity = text()
    priority_class = text()
    reported_at = instant()
    runs_from = text()
    assumed = flag(default=False)
    limit_hours = real()
    start_by = optional_instant()
    complete_by = optional_instant()
    leave_by = optional_instant()
    reserve_at = optional_instant()
    fitting_hours = real()
    way_hours = optional_real()
    part = optional_link(Part)
    place = optional_link(Place)
    pool = optional_link(Pool)
    reservation = reference(index=True)
    short_since = optional_instant()
    state = text()
    opened_at = instant()
    opened_by = text()
    decided_at = optional_instant()
    decided_by = optional_text()
    decision = optional_text()
    decision_reason = note()
    misses = document(default="[]")
    swap_request = reference(index=True)
    left_at = optional_instant()
    installed_at = optional_instant()
    serial_in = optional_text()
    serial_out = optional_text()
    successor = optional_link(Device)
    old_data = optional_text()
    repaired_at = optional_instant()
    ended_at = optional_instant()
    ended_because = optional_text()

    swap_state_is_known = Check(
        "state IN ('watching', 'reserved', 'decided', 'left', 'installed', 'closed', 'released')"
    )
    swap_runs_from_is_known = Check("runs_from IN ('report', 'repair_limit', 'decision')")
    swap_decision_is_known = Check("decision IN ('swap', 'no_swap')")
    swap_decision_has_its_person = Check(
        "(decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL)"
    )
    swap_leaves_by_decision = Check("state NOT IN ('decided', 'left', 'installed', 'closed') OR decision = 'swap'")
    swap_old_data_is_known = Check("old_data IN ('to_erase', 'erased', 'kept_by_customer')")
    swap_ends_for_a_reason = Check(
        "(state IN ('closed', 'released')) = (ended_at IS NOT NULL) AND (ended_at IS NULL) = (ended_because IS NULL)"
    )
    swap_end_is_known = Check(
        "ended_because IN ('repaired', 'cancelled', 'no_swap', 'new_cause', 'not_needed', 'swapped')"
    )


class Loan(Table, tablename="loan", help_text="Equipment of equal function at a customer until a repair is done (D50)"):
    """One unit lent in place of a device; it stays ours, and is at the device's site until it is back."""

    id = key()
    number = text(unique=True)
    device = link(Device, index=True)
    request = reference(index=True)
    unit = link(Unit, index=True)
    part = link(Part)
    from_place = link(Place)
    pool = link(Pool)
    state = text()
    promised = flag(default=True)
    reason = note()
    condition_out = note()
    contact = text()
    contact_phone = optional_text()
    lent_at = instant()
    lent_by = text()
    due_at = instant()
    signed_by = optional_text()
    signed_at = optional_instant()
    signature = optional_binary()
    repaired_at = optional_instant()
    called_at = optional_instant()
    returned_at = optional_instant()
    returned_by = optional_text()
    to_place = optional_link(Place)
    checks = document(default="{}")
    condition_back = optional_text()
    damage = note()
    charge_cny = optional_money()
    data = optional_text()

    loan_state_is_known = Check("state IN ('lent', 'returned', 'closed')")
    loan_is_due_after_it_was_lent = Check("due_at > lent_at")
    loan_return_is_told = Check(
        "(state = 'lent') = (returned_at IS NULL) AND (returned_at IS NULL) = (to_place IS NULL) "
        "AND (returned_at IS NULL) = (data IS NULL)"
    )
    loan_data_is_known = Check("data IN ('to_erase', 'erased', 'kept_by_customer')")
    loan_condition_back_is_known = Check("condition_back IN ('in_test', 'defective')")
    loan_charge_is_not_negative = Check("charge_cny >= 0")


class LoanExtension(
    Table, tablename="loan_extension", help_text="A loan that lasts longer, by whose word and why; append-only"
):
    """From which due time to which."""

    id = key()
    loan = link(Loan, index=True)
    was_due_at = instant()
    due_at = instant()
    reason = text()
    extended_at = instant()
    extended_by = text()


class DataErasure(
    Table, tablename="data_erasure", help_text="A customer's data erased from a unit, and who verified it"
):
    """One erasure (数据清除); it frees the unit for its test once a second person verified it."""

    id = key()
    number = text(unique=True)
    unit = link(Unit, index=True)
    place = link(Place)
    document_kind = optional_text()
    document_number = optional_text()
    method = text()
    tool = text()
    remark = note()
    erased_at = instant()
    erased_by = text()
    verified_at = optional_instant()
    verified_by = optional_text()
    result = optional_text()
    verification = note()

    data_erasure_method_is_known = Check(
        "method IN ('overwrite', 'crypto_erase', 'block_erase', 'degauss', 'media_removed')"
    )
    data_erasure_has_four_eyes = Check("verified_by IS NULL OR verified_by <> erased_by")
    data_erasure_is_verified_by_somebody = Check(
        "(verified_at IS NULL) = (verified_by IS NULL) AND (verified_at IS NULL) = (result IS NULL)"
    )
    data_erasure_result_is_known = Check("result IN ('passed', 'failed')")
