"""What comes back, what is owed back, and what stands in meanwhile."""

from decimal import Decimal

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
    money,
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
from inventory.procurement.tables import Vendor
from inventory.stock.tables import Lot, Pool, Unit

# ---- return debts


class ReturnDebt(
    Table,
    tablename="return_debt",
    help_text="A piece somebody owes back: who, to whom, by when, and what it costs late",
):
    """An engineer owes a piece to a depot, or we owe one to a vendor; the same piece may be owed both ways at once.

    `held_at` is where the books have the piece while an engineer owes it: his own stock, or the site it came out of.
    `may_be_kept` says that the contract lets the customer keep it; its paper then settles the debt. A debt is warned of at
    `warn_at`, before it is due. `money_cny` is what being late costs; `terms` are what was agreed, in words and as data.
    """

    id = key()
    number = text(unique=True)
    debtor_kind = text()
    debtor = optional_text(index=True)
    depot = link(Place, index=True)
    vendor = optional_link(Vendor, index=True)
    part = link(Part)
    unit = optional_link(Unit)
    lot = optional_link(Lot)
    quantity = whole(1)
    pool = link(Pool)
    held_at = optional_link(Place)
    expected_serial = optional_text(index=True)
    device = optional_link(Device, index=True)
    may_be_kept = flag(default=False)
    document_kind = text()
    document_number = text(index=True)
    opened_at = instant()
    opened_by = text()
    due_at = instant()
    warn_at = instant()
    warned_at = optional_instant()
    terms = document()
    money_cny = money(Decimal(0))
    state = text()
    settled_at = optional_instant()
    settled_by = optional_text()
    returned_serial = optional_text()
    reason = note()
    signed_by = optional_text()
    loss_told_at = optional_instant()
    loss_told_by = optional_text()

    return_debt_debtor_is_known = Check("debtor_kind IN ('engineer', 'us')")
    return_debt_names_who_owes_whom = Check(
        "(debtor_kind = 'engineer') = (debtor IS NOT NULL) AND (debtor_kind = 'us') = (vendor IS NOT NULL)"
    )
    return_debt_state_is_known = Check("state IN ('open', 'returned', 'kept_by_customer', 'charged', 'written_off')")
    return_debt_is_settled_by_somebody = Check(
        "(state = 'open') = (settled_at IS NULL) AND (state = 'open') = (settled_by IS NULL)"
    )
    return_debt_counts_pieces = Check("quantity > 0 AND (unit IS NULL OR quantity = 1)")
    return_debt_money_is_not_negative = Check("money_cny >= 0")
    return_debt_is_warned_of_before_it_is_due = Check("warn_at <= due_at AND opened_at <= due_at")
    return_debt_loss_has_four_eyes = Check("state <> 'written_off' OR settled_by IS DISTINCT FROM loss_told_by")


class WrongReturn(
    Table, tablename="wrong_return", help_text="A piece that came in for a debt with another serial than was expected"
):
    """What was expected and what came, where; taken in as what it is while the debt stays open, until it is answered."""

    id = key()
    debt = link(ReturnDebt, index=True)
    expected_serial = text()
    found_serial = text()
    unit = optional_link(Unit)
    noted_at = instant()
    noted_by = text()
    remark = note()
    settled_at = optional_instant()
    settled_by = optional_text()
    outcome = optional_text()
    reason = note()

    wrong_return_differs = Check("expected_serial <> found_serial")
    wrong_return_outcome_is_known = Check("outcome IN ('expected_came', 'record_corrected', 'record_stands')")
    wrong_return_is_settled_with_an_outcome = Check(
        "(settled_at IS NULL) = (outcome IS NULL) AND (settled_at IS NULL) = (settled_by IS NULL)"
    )
    wrong_return_correction_takes_two_people = Check("outcome <> 'record_corrected' OR settled_by <> noted_by")


class ReturnPolicy(
    Table, tablename="return_policy", help_text="By when removed parts are brought back, and what counts as a repeat"
):
    """The policy of bringing back; the latest one holds. `depots` are stores with a term of their own, by code."""

    id = Serial(primary_key=True)
    amount = whole()
    counts = text()
    warn_hours = whole()
    depots = document(default="{}")
    repeat_days = whole()
    quiet_days = whole()
    set_at = instant()
    set_by = text()
    remark = note()

    return_policy_counts_in_a_known_way = Check("counts IN ('hours', 'calendar_days', 'business_days')")
    return_policy_days_are_positive = Check("amount > 0 AND warn_hours >= 0 AND repeat_days > 0 AND quiet_days > 0")


# ---- whole-unit swaps, loaners, and erasing customers' data


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
