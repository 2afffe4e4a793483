"""Part requests: what an engineer or a ticket system asked for, and what was promised."""

from piccolo.columns import Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    binary,
    document,
    flag,
    instant,
    key,
    link,
    money,
    note,
    optional_document,
    optional_instant,
    optional_link,
    optional_money,
    optional_real,
    optional_text,
    reference,
    text,
    whole,
)
from inventory.installed_base.tables import Device, ServiceTerm
from inventory.places.tables import Place
from inventory.stock.tables import Pool


class PartRequest(Table, tablename="part_request", help_text="A request for parts, by ticket system or engineer"):
    """One request; `source` and `reference_number` are the asking system's own name for it.

    `need_by` is asked for by whoever opened it, or computed from the contract's clock; empty while the clock stands.
    `follows` is the request of which this one is a consequence. `charged` says why its customer pays for the parts. Planned
    work has a date (`planned_at`, when it begins), and neither a severity nor a clock.
    """

    id = key()
    number = text(unique=True)
    source = text()
    reference_number = text()
    fingerprint = binary()
    ticket = optional_text(index=True)
    device = link(Device, index=True)
    service_term = optional_link(ServiceTerm)
    severity = optional_text()
    priority_class = text()
    planned_at = optional_instant()
    symptom = optional_text()
    fault_reported_at = instant()
    need_by = optional_instant()
    need_by_asked = flag(default=False)
    engineer = optional_text()
    remark = note()
    state = text()
    opened_at = instant()
    opened_by = text()
    closed_at = optional_instant()
    follows = reference(index=True)
    follows_because = optional_text()
    charged = optional_text()

    part_request_is_planned_or_has_a_severity = Check("(planned_at IS NULL) <> (severity IS NULL)")
    part_request_reference_is_unique = Unique([source, reference_number])
    part_request_state_is_known = Check(
        "state IN ('planned', 'quoted', 'awaiting_approval', 'backordered', 'reserved', 'picked', 'shipped', 'arrived', "
        "'reconciled', 'cancelled')"
    )
    part_request_charged_is_known = Check("charged IN ('out_of_contract', 'out_of_warranty', 'parts_charged')")
    part_request_follows_for_a_reason = Check(
        "(follows IS NULL) = (follows_because IS NULL) AND "
        "follows_because IN ('dead_on_arrival', 'rejected', 'new_cause', 'swap')"
    )


class RequestPause(Table, tablename="request_pause", help_text="A time in which a request's clock stood (D15)"):
    """The fault cannot be reproduced; the clock stands until it comes back."""

    id = key()
    request = link(PartRequest, index=True)
    paused_at = instant()
    paused_by = text()
    reason = note()
    resumed_at = optional_instant()
    resumed_by = optional_text()

    request_pause_ends_after_it_begins = Check("resumed_at >= paused_at")


class RequestLine(Table, tablename="request_line", help_text="One part of a request with its promise"):
    """A line: where it comes from, when it arrives, and whether that is firm: it holds stock or names a delivery.

    `quantity` counts asked pieces; each is answered by `pieces_each` pieces of the supplied part. What no single store
    has is split into several lines. `ahead` says how a line of planned work stands before its day.
    """

    id = key()
    request = link(PartRequest, index=True)
    position = whole()
    part = link(Part)
    quantity = whole()
    device_position = optional_text()
    state = text()
    pool = link(Pool)
    source_place = optional_link(Place)
    supplied_part = optional_link(Part)
    pieces_each = whole(1)
    reservation = reference(index=True)
    expected = reference(index=True)
    first_promised_at = optional_instant()
    promised_at = optional_instant()
    firm = flag(default=False)
    reasons = document(default="[]")
    ladder = document(default="[]")
    ahead = optional_document()
    reserved_at = optional_instant()
    picked_at = optional_instant()
    shipped_at = optional_instant()
    arrived_at = optional_instant()
    reconciled_at = optional_instant()
    outcome = optional_text()
    serial_in = optional_text()
    serial_out = optional_text()

    request_line_position_is_unique = Unique([request, position])
    request_line_quantity_is_positive = Check("quantity > 0 AND pieces_each > 0")
    request_line_state_is_known = Check(
        "state IN ('planned', 'quoted', 'awaiting_approval', 'backordered', 'reserved', 'picked', 'shipped', 'arrived', "
        "'reconciled', 'cancelled')"
    )
    request_line_firm_promise_holds_stock = Check("NOT firm OR reservation IS NOT NULL OR expected IS NOT NULL")
    request_line_outcome_is_known = Check(
        "outcome IN ('used', 'returned_good', 'returned_defective', 'no_fault_found', 'dead_on_arrival', 'lost', 'mixed')"
    )


class Debrief(
    Table, tablename="debrief", help_text="What became of pieces that were issued, and of those they replaced"
):
    """Some pieces of a line, accounted for; `removed` tells of the part that came out. A loss counts once confirmed."""

    id = key()
    line = link(RequestLine, index=True)
    quantity = whole()
    outcome = text()
    serial_in = optional_text()
    serial_out = optional_text()
    removed = optional_text()
    failure_code = optional_text()
    remark = note()
    told_at = instant()
    told_by = text()
    confirmed_by = optional_text()

    debrief_counts_something = Check("quantity > 0")
    debrief_outcome_is_known = Check(
        "outcome IN ('used', 'returned_good', 'returned_defective', 'no_fault_found', 'dead_on_arrival', 'lost')"
    )
    debrief_removed_is_known = Check("removed IN ('kept_by_customer', 'owed')")
    debrief_loss_has_four_eyes = Check("confirmed_by IS NULL OR confirmed_by <> told_by")


class FaultReportHandover(
    Table,
    tablename="fault_report_handover",
    help_text="A fault analysis report that its customer was given (D16); append-only",
):
    """To whom, when, by whom; a report is handed over again when more was found."""

    id = key()
    request = link(PartRequest, index=True)
    handed_at = instant()
    handed_by = text()
    received_by = text()
    remark = note()


class RequestPolicy(
    Table, tablename="request_policy", help_text="What paid parts cost, and which requests need an approval; versioned"
):
    """Prices are offers' prices with tax and a margin; an empty limit means that no value needs an approval."""

    id = Serial(primary_key=True)
    margin_percent = money()
    labour_cny = money()
    freight_cny = money()
    valid_hours = whole()
    approve_above_cny = optional_money()
    approve_out_of_contract = flag(default=True)
    decide_within_minutes = whole()
    set_at = instant()
    set_by = text()
    remark = note()


class Quotation(
    Table, tablename="quotation", help_text="What a request's parts cost its customer; versions of a number"
):
    """A quotation as it was sent: only how it was answered is written to it afterwards (a trigger sees to that)."""

    id = key()
    number = text()
    version = whole()
    request = link(PartRequest, index=True)
    state = text()
    policy = optional_link(RequestPolicy)
    margin_percent = money()
    labour_cny = money()
    freight_cny = money()
    total_cny = money()
    made_at = instant()
    made_by = text()
    valid_until = instant()
    remark = note()
    answered_at = optional_instant()
    answered_by = optional_text()
    said_by = optional_text()
    answer_reason = note()

    quotation_version_is_unique = Unique([number, version])
    quotation_state_is_known = Check("state IN ('open', 'accepted', 'rejected', 'expired', 'replaced', 'withdrawn')")
    quotation_answer_is_told = Check(
        "(state = 'open') = (answered_at IS NULL) AND (state NOT IN ('accepted', 'rejected') OR said_by IS NOT NULL)"
    )
    quotation_prices_are_not_negative = Check("labour_cny >= 0 AND freight_cny >= 0 AND total_cny >= 0")


class QuotationLine(
    Table,
    tablename="quotation_line",
    help_text="A part of a quotation: price, availability, arrival, what a repair costs",
):
    """`arrives_at` is what would be promised were it accepted at once; never changed."""

    id = key()
    quotation = link(Quotation)
    position = whole()
    part = link(Part)
    supplied_part = optional_link(Part)
    quantity = whole()
    unit_price_cny = money()
    repair_price_cny = optional_money()
    repair_days = optional_real()
    availability = text()
    arrives_at = optional_instant()

    quotation_line_position_is_unique = Unique([quotation, position])
    quotation_line_quantity_is_positive = Check("quantity > 0")
    quotation_line_availability_is_known = Check(
        "availability IN ('in_stock', 'on_its_way', 'to_order', 'not_available')"
    )


class RequestApproval(
    Table, tablename="request_approval", help_text="A request that a rule holds back until somebody approves it (D92)"
):
    """Why it was asked, until when an answer is due, and who answered what; never the one who asked for the parts."""

    id = key()
    request = link(PartRequest, index=True)
    state = text()
    reasons = document()
    value_cny = money()
    policy = optional_link(RequestPolicy)
    asked_at = instant()
    asked_by = text()
    due_at = instant()
    decided_at = optional_instant()
    decided_by = optional_text()
    decided_for = optional_text()
    decision_reason = note()

    request_approval_state_is_known = Check("state IN ('asked', 'approved', 'refused', 'withdrawn')")
    request_approval_is_decided_by_somebody = Check("(state = 'asked') = (decided_at IS NULL)")
