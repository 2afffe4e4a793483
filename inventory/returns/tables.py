"""What comes back, what is owed back, and what stands in meanwhile."""

from decimal import Decimal

from piccolo.columns import Serial
from piccolo.constraints import Check, Unique
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
    optional_whole,
    real,
    reference,
    text,
    whole,
)
from inventory.installed_base.tables import Calendar, Contract, Device
from inventory.places.tables import Party, Place
from inventory.procurement.tables import Vendor
from inventory.stock.tables import Lot, Pool, Receipt, Unit

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
    unit = optional_link(Unit, index=True)
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


# ---- RMAs, advance exchange, repairs, customers' own units


class ReturnTerms(
    Table, tablename="return_terms", help_text="Until when a vendor wants the old piece, and what it charges when late"
):
    """A vendor's return terms, for all makers' parts or for one maker's; the one that names the maker goes first.

    The clock begins when the vendor shipped the good piece, or when we received it. `doa_days`: how long after delivery a
    piece counts as dead on arrival. `words` are the terms as the vendor wrote them.
    """

    id = Serial(primary_key=True)
    vendor = link(Vendor, index=True)
    maker = optional_link(Party)
    days = whole()
    counts = text()
    calendar = link(Calendar)
    runs_from = text()
    grace = whole(0)
    off_day_moves = flag(default=False)
    charge = text()
    charge_percent = optional_money()
    charge_cny = optional_money()
    doa_days = optional_whole()
    words = note()
    set_at = instant()
    set_by = text()

    return_terms_are_one_per_vendor_and_maker = Unique([vendor, maker], nulls_distinct=False)
    return_terms_count_days = Check("counts IN ('calendar_days', 'business_days') AND days BETWEEN 1 AND 400")
    return_terms_grace_is_not_negative = Check("grace BETWEEN 0 AND 400")
    return_terms_begin_is_known = Check("runs_from IN ('shipped', 'received')")
    return_terms_charge_is_known = Check("charge IN ('list_price', 'share', 'fixed', 'nothing')")
    return_terms_charge_is_whole = Check(
        "(charge = 'share') = (charge_percent IS NOT NULL) AND (charge = 'fixed') = (charge_cny IS NOT NULL)"
    )
    return_terms_doa_days_are_positive = Check("doa_days BETWEEN 1 AND 400")


class Rma(Table, tablename="rma", help_text="Pieces that go back to one vendor, from the request to its last answer"):
    """A return to a vendor; RMAs that were asked for together share a `bundle`. `request_number` is the part request it is for.

    `advance`: the vendor sends the good piece first, and owns it until it has the old one.
    """

    id = key()
    number = text(unique=True)
    bundle = text(index=True)
    vendor = link(Vendor, index=True)
    place = link(Place, index=True)
    pool = link(Pool)
    contract = optional_link(Contract)
    state = text()
    advance = flag(default=False)
    request_number = optional_text(index=True)
    claim_number = optional_text(index=True)
    vendor_number = optional_text(index=True)
    carrier = optional_text()
    waybill = optional_text()
    remark = note()
    opened_at = instant()
    opened_by = text()
    requested_at = optional_instant()
    requested_by = optional_text()
    authorised_at = optional_instant()
    authorised_by = optional_text()
    vendor_shipped_at = optional_instant()
    vendor_waybill = optional_text()
    promised_at = optional_instant()
    shipped_at = optional_instant()
    shipped_by = optional_text()
    at_vendor_at = optional_instant()
    at_vendor_by = optional_text()
    answered_at = optional_instant()
    closed_at = optional_instant()
    closed_by = optional_text()
    reason = note()

    rma_state_is_known = Check(
        "state IN ('draft', 'requested', 'authorised', 'shipped', 'at_vendor', 'answered', 'closed', 'cancelled')"
    )
    rma_ends_once = Check("(state IN ('closed', 'cancelled')) = (closed_at IS NOT NULL)")
    rma_is_authorised_by_its_number = Check("state IN ('draft', 'requested', 'cancelled') OR vendor_number IS NOT NULL")


class RmaLine(
    Table, tablename="rma_line", help_text="One piece (or some of a lot) on an RMA, what is asked and answered"
):
    """What goes back and what comes of it; open while its piece or what stands for it has not found its end.

    `owner` is whose the old piece is, and so whose the replacement becomes. An advance exchange may name the old piece by
    `expected_serial` before it is there. `credit` is told with its currency; `cost_cny` is what the vendor charges for it.
    """

    id = key()
    rma = link(Rma, index=True)
    position = whole()
    part = link(Part)
    quantity = whole(1)
    unit = optional_link(Unit, index=True)
    lot = optional_link(Lot)
    owner = link(Party)
    expected_serial = optional_text()
    condition = text()
    expected_condition = text()
    failure_code = optional_text()
    complaint = note()
    dead_on_arrival = flag(default=False)
    asked = text()
    answer = optional_text()
    no_fault_found = flag(default=False)
    finding = note()
    answered_at = optional_instant()
    answered_by = optional_text()
    replacement_serial = optional_text()
    replacement = optional_link(Unit, index=True)
    replacement_owner = optional_link(Party)
    credit_number = optional_text()
    credit_amount = optional_money()
    credit_currency = optional_text()
    cost_cny = optional_money()
    charged_cny = optional_money()
    came_at = optional_instant()
    came_serial = optional_text()
    came_condition = optional_text()
    receipt = optional_link(Receipt)
    reservation = reference()
    debt = reference()
    scrap_agreed_by = optional_text()
    closed_at = optional_instant()

    rma_line_position_is_unique = Unique([rma, position])
    rma_line_quantity_is_positive = Check("quantity > 0 AND (unit IS NULL OR quantity = 1)")
    rma_line_is_a_unit_or_of_a_lot = Check("unit IS NULL OR lot IS NULL")
    rma_line_conditions_are_known = Check(
        "condition IN ('defective', 'quarantine', 'frozen', 'unknown') AND expected_condition IN ('good', 'in_test')"
    )
    rma_line_asked_is_known = Check("asked IN ('repair', 'exchange', 'credit')")
    rma_line_answer_is_known = Check("answer IN ('repaired', 'exchanged', 'credited', 'rejected', 'scrapped')")
    rma_line_is_answered_by_somebody = Check("(answer IS NULL) = (answered_by IS NULL)")
    rma_line_credit_is_whole = Check(
        "(answer IS NOT DISTINCT FROM 'credited') = (credit_number IS NOT NULL) AND "
        "(credit_number IS NULL) = (credit_amount IS NULL) AND (credit_number IS NULL) = (credit_currency IS NULL) AND "
        "credit_amount >= 0 AND credit_currency ~ '^[A-Z]{3}$'"
    )
    rma_line_money_is_not_negative = Check("cost_cny >= 0 AND charged_cny >= 0")
    rma_line_scrap_takes_two_people = Check("scrap_agreed_by IS DISTINCT FROM answered_by OR answered_by IS NULL")


class RepairOrder(
    Table,
    tablename="repair_order",
    help_text="The repair of one unit, on our bench or at a vendor, until it passed its test",
):
    """A repair: what was wrong, what was done, what it took; `rma_line` where a vendor does it.

    A unit that is repaired is in test until somebody finds that it passed; the lead time is from `started_at` to
    `passed_at`.
    """

    id = key()
    number = text(unique=True)
    bench = text()
    unit = link(Unit, index=True)
    part = link(Part, index=True)
    place = link(Place, index=True)
    pool = link(Pool)
    owner = link(Party)
    contract = optional_link(Contract)
    vendor = optional_link(Vendor)
    rma_line = optional_link(RmaLine)
    state = text()
    failure_code = optional_text()
    complaint = note()
    diagnosis = note()
    resolution_code = optional_text()
    resolution = note()
    technician = optional_text()
    labour_minutes = whole(0)
    labour_cny = optional_money()
    vendor_cost_cny = optional_money()
    scrapping_number = optional_text()
    opened_at = instant()
    opened_by = text()
    due_at = instant()
    started_at = optional_instant()
    finished_at = optional_instant()
    finished_by = optional_text()
    passed_at = optional_instant()
    passed_by = optional_text()
    closed_at = optional_instant()
    reason = note()

    repair_order_bench_is_known = Check("bench IN ('own', 'vendor')")
    repair_order_state_is_known = Check(
        "state IN ('opened', 'in_work', 'in_test', 'passed', 'beyond_repair', 'cancelled')"
    )
    repair_order_ends_once = Check("(state IN ('passed', 'beyond_repair', 'cancelled')) = (closed_at IS NOT NULL)")
    repair_order_passes_by_somebody = Check("(state = 'passed') = (passed_by IS NOT NULL)")
    repair_order_labour_is_not_negative = Check("labour_minutes >= 0 AND labour_cny >= 0 AND vendor_cost_cny >= 0")


class RepairPart(Table, tablename="repair_part", help_text="A part that went into a repair, as it was posted"):
    """What a repair took from good stock."""

    id = key()
    repair = link(RepairOrder, index=True)
    part = link(Part)
    quantity = whole()
    serials = document(default="[]")
    used_at = instant()
    used_by = text()

    repair_part_quantity_is_positive = Check("quantity > 0")


class Collection(
    Table,
    tablename="collection",
    help_text="A customer's own unit: collected, repaired, brought back and signed for (D46)",
):
    """A customer's unit while it is with us: it stays the customer's, and counts nowhere as ours.

    `vendor` repairs it for the price that was quoted; without one it is for us to say who does.
    """

    id = key()
    number = text(unique=True)
    device = optional_link(Device, index=True)
    site = link(Place)
    place = link(Place, index=True)
    contract = link(Contract)
    customer = link(Party)
    part = link(Part)
    serial = text(index=True)
    unit = optional_link(Unit, index=True)
    state = text()
    request_number = optional_text(index=True)
    quotation = optional_text()
    price_cny = optional_money()
    vendor = optional_link(Vendor)
    complaint = note()
    accessories = note()
    planned_at = instant()
    planned_by = text()
    due_at = optional_instant()
    collected_at = optional_instant()
    collected_by = optional_text()
    given_by = optional_text()
    returned_at = optional_instant()
    returned_by = optional_text()
    returned_condition = optional_text()
    signed_by = optional_text()
    signature = optional_binary()
    closed_at = optional_instant()
    reason = note()

    collection_state_is_known = Check("state IN ('planned', 'collected', 'returned', 'cancelled')")
    collection_ends_once = Check("(state IN ('returned', 'cancelled')) = (closed_at IS NOT NULL)")
    collection_is_given_by_somebody = Check("state IN ('planned', 'cancelled') OR given_by IS NOT NULL")
    collection_is_signed_for = Check("(state = 'returned') = (signed_by IS NOT NULL)")
    collection_price_is_not_negative = Check("price_cny >= 0")


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
    `swap_request` is the part request by which the unit leaves, `misses` what was too late already; from `unpromised_at` on
    the contract promises it no more.
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
    unpromised_at = optional_instant()
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
        "ended_because IN ('repaired', 'cancelled', 'no_swap', 'new_cause', 'not_needed', 'not_promised', 'swapped')"
    )


class Loan(Table, tablename="loan", help_text="Equipment of equal function at a customer until a repair is done (D50)"):
    """One unit lent in place of a device; it stays ours, and is at the device's site until it is back.

    `came_instead` is the tag of another device that was brought in its place, the last one.
    """

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
    loss_told_at = optional_instant()
    loss_told_by = optional_text()
    loss_reason = note()
    written_off_at = optional_instant()
    written_off_by = optional_text()
    signed_by = optional_text()
    signed_at = optional_instant()
    signature = optional_binary()
    repaired_at = optional_instant()
    called_at = optional_instant()
    returned_at = optional_instant()
    returned_by = optional_text()
    to_place = optional_link(Place)
    came_instead = optional_text()
    checks = document(default="{}")
    condition_back = optional_text()
    damage = note()
    charge_cny = optional_money()
    data = optional_text()

    loan_state_is_known = Check("state IN ('lent', 'returned', 'closed', 'lost')")
    loan_loss_has_four_eyes = Check(
        "(loss_told_at IS NULL) = (loss_told_by IS NULL) AND (state = 'lost') = (written_off_at IS NOT NULL) AND "
        "(written_off_at IS NULL) = (written_off_by IS NULL) AND "
        "(state <> 'lost' OR (loss_told_by IS NOT NULL AND loss_told_by <> written_off_by))"
    )
    loan_is_due_after_it_was_lent = Check("due_at > lent_at")
    loan_return_is_told = Check(
        "(state IN ('lent', 'lost')) = (returned_at IS NULL) AND (returned_at IS NULL) = (to_place IS NULL) "
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
