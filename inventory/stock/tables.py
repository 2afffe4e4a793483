"""The ledger's tables: levels, units, reservations, movements, and what is expected to arrive."""

from piccolo.columns import BigSerial, Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    addressable,
    document,
    flag,
    given_key,
    instant,
    key,
    link,
    money,
    note,
    optional_binary,
    optional_instant,
    optional_link,
    optional_real,
    optional_text,
    optional_whole,
    real,
    reference,
    text,
    whole,
)
from inventory.installed_base.tables import Contract
from inventory.people.tables import Person
from inventory.places.tables import Bin, Party, Place

CONDITION_IS_KNOWN = "condition IN ('good', 'defective', 'quarantine', 'frozen', 'in_test', 'scrapped', 'unknown')"


PROVENANCE_IS_KNOWN = (
    "provenance IN ('maker_direct', 'authorised_channel', 'vendor_exchange', 'recovered', 'pulled', 'broker', "
    "'unproven')"
)


class Pool(Table, tablename="pool", help_text="Whose call stock answers: everybody's (common) or one contract's"):
    """The common pool, or one contract's project-dedicated stock."""

    id = Serial(primary_key=True)
    code = text(unique=True)
    contract = optional_link(Contract)


class Level(Table, tablename="level", help_text="The ledger's running sum per part × store × condition × owner × pool"):
    """How much is there, how much of it is promised, and the lines it is held against.

    `free` (a column of the database, on_hand − reserved) is what may still be promised. The lines belong to the
    good, own row; planning and emergency write them through `stock.set_lines`. What the
    plan in force reckons with, the rate of demand and the days a new piece takes, stands beside them.
    """

    id = BigSerial(primary_key=True)
    part = link(Part)
    place = link(Place, index=True)
    condition = text()
    owner = link(Party)
    pool = link(Pool)
    on_hand = whole(0)
    reserved = whole(0)
    backordered = whole(0)
    base_stock = optional_whole()
    reorder_point = optional_whole()
    critical_point = optional_whole()
    average_failure_line = optional_whole()
    rate_per_day = optional_real()
    resupply_days = optional_real()

    level_identity = Unique([part, place, condition, owner, pool])
    level_condition_is_known = Check(CONDITION_IS_KNOWN)
    level_on_hand_not_negative = Check("on_hand >= 0")
    level_reserved_not_negative = Check("reserved >= 0")
    level_backordered_not_negative = Check("backordered >= 0")
    level_free_not_negative = Check("reserved <= on_hand")
    level_only_good_stock_is_promised = Check("condition = 'good' OR (reserved = 0 AND backordered = 0)")


class Unit(
    Table, tablename="unit", help_text="One physical piece with its maker's serial; always in exactly one place"
):
    """A serialised piece; where it has been is in its movements.

    A piece whose label names a serial that another unit carries already goes by our tag; what its label claims stays
    written beside it. One that comes back from a customer with data on it `holds_data` until that is erased and somebody
    else has verified it; so long it is no good stock, by whatever way it would become that.
    """

    id = key()
    part = link(Part)
    serial = text(index=True)
    claimed_serial = optional_text(index=True)
    maker = optional_link(Party)
    tag = optional_text(unique=True)
    condition = text()
    owner = link(Party)
    pool = link(Pool)
    place = link(Place)
    bin = optional_link(Bin)
    custodian = optional_link(Person)
    provenance = text()
    source = note()
    firmware = optional_text()
    holds_data = flag(default=False)
    receipt = reference(index=True)
    received_at = instant()

    unit_with_data_is_not_good = Check("NOT holds_data OR condition <> 'good'")
    unit_serial_is_unique_per_maker = Unique([maker, serial], nulls_distinct=False)
    unit_condition_is_known = Check(CONDITION_IS_KNOWN)
    unit_provenance_is_known = Check(PROVENANCE_IS_KNOWN)
    unit_can_be_addressed = addressable("serial")


class Lot(Table, tablename="lot", help_text="Pieces without serials that came in together"):
    """A lot: what of a part one delivery brought; a bad batch is found by it."""

    id = key()
    part = link(Part)
    number = text(index=True)
    provenance = text()
    source = note()
    receipt = reference(index=True)
    received_at = instant()

    lot_number_is_unique_per_part = Unique([part, number])
    lot_provenance_is_known = Check(PROVENANCE_IS_KNOWN)


class LotStock(Table, tablename="lot_stock", help_text="How many pieces of a lot lie where; the level's finer split"):
    """The ledger's running sum per lot, spot and bin, for parts without serials."""

    id = BigSerial(primary_key=True)
    lot = link(Lot)
    part = link(Part)
    place = link(Place)
    condition = text()
    owner = link(Party)
    pool = link(Pool)
    bin = optional_link(Bin)
    quantity = whole()

    lot_stock_identity = Unique([lot, place, condition, owner, pool, bin], nulls_distinct=False)  # noqa: A003  the column
    lot_stock_not_negative = Check("quantity >= 0")


class PriorityClass(Table, tablename="priority_class", help_text="Who goes first when stock is short"):
    """A class of purposes; the higher rank gets the last piece (D49)."""

    id = Serial(primary_key=True)
    code = text(unique=True)
    rank = whole()
    may_empty_depots = flag(default=False)
    name_zh = text()
    name_en = text()

    priority_class_rank_is_a_percentage = Check("rank BETWEEN 0 AND 100")


class Reservation(
    Table, tablename="reservation", help_text="A pending movement: posted, voided, expired or taken over, once"
):
    """Stock of one level held for one purpose, or (soft) promised to it from `starts_at` on.

    What a pending reservation still holds is `quantity - posted_quantity`; what is held may be worth no less than
    `least_provenance`, where its purpose asks for that.
    """

    id = key()
    level = link(Level, index=True)
    quantity = whole()
    posted_quantity = whole(0)
    state = text()
    priority = whole(0)
    priority_class = optional_text()
    reference_number = optional_text(index=True)
    least_provenance = optional_text()
    reserved_at = instant()
    reserved_by = text()
    held_at = optional_instant()
    starts_at = optional_instant()
    short_since = optional_instant()
    expires_at = optional_instant()
    taken_over_by = reference()
    resolved_at = optional_instant()
    resolved_by = optional_text()

    reservation_quantity_is_positive = Check("quantity > 0")
    reservation_state_is_known = Check("state IN ('soft', 'pending', 'posted', 'voided', 'expired', 'taken_over')")
    reservation_posts_at_most_what_it_holds = Check("posted_quantity BETWEEN 0 AND quantity")
    reservation_resolves_once = Check("(state IN ('soft', 'pending')) = (resolved_at IS NULL)")
    reservation_is_soft_until_its_start = Check(
        "(state <> 'soft' OR (starts_at IS NOT NULL AND held_at IS NULL)) AND (state <> 'pending' OR held_at IS NOT NULL)"
    )
    reservation_least_provenance_is_known = Check(PROVENANCE_IS_KNOWN.replace("provenance IN", "least_provenance IN"))
    reservation_is_taken_over_by_another = Check("(state = 'taken_over') = (taken_over_by IS NOT NULL)")


class Movement(Table, tablename="movement", help_text="The ledger: append-only, from a place to a place, by month"):
    """One line of the ledger; never changed, only reversed by another.

    Partitioned by month of `recorded_at`, which the table's own migration sets up in SQL.
    """

    id = key()
    recorded_at = instant()
    occurred_at = instant()
    kind = text()
    part = link(Part)
    quantity = whole()
    unit = optional_link(Unit)
    lot = optional_link(Lot)
    from_place = link(Place)
    from_condition = text()
    from_owner = link(Party)
    from_pool = link(Pool)
    from_bin = optional_link(Bin)
    to_place = link(Place)
    to_condition = text()
    to_owner = link(Party)
    to_pool = link(Pool)
    to_bin = optional_link(Bin)
    reservation = reference()
    document_kind = optional_text()
    document = optional_text()
    reason = note()
    actor = text()
    reverses = reference()
    receipt = reference()


class ExpectedDelivery(
    Table, tablename="expected_delivery", help_text="What is to arrive where and when, and how sure that is"
):
    """Inbound stock that a receipt will match: from an order, a transfer, a return."""

    id = key()
    part = link(Part)
    place = link(Place)
    pool = link(Pool)
    quantity = whole()
    received_quantity = whole(0)
    due_at = instant()
    confirmed = flag(default=False)
    source_kind = text()
    source = reference(index=True)
    closed_at = optional_instant()

    expected_delivery_is_positive = Check("quantity > 0")
    expected_delivery_received_not_negative = Check("received_quantity >= 0")
    expected_delivery_source_is_known = Check(
        "source_kind IN ('purchase_order_line', 'transfer_line', 'notice_line', 'return')"
    )


class AdvanceNotice(
    Table, tablename="advance_notice", help_text="What a sender says is on its way: which pieces, with whom, due when"
):
    """An advance shipping notice (预到货通知): of an order, of a transfer, or entered by hand."""

    id = key()
    number = text(unique=True)
    kind = text()
    document = optional_text(index=True)
    source = reference(index=True)
    place = link(Place)
    origin = link(Place)
    pool = link(Pool)
    state = text()
    carrier = optional_text()
    waybill = optional_text()
    due_at = instant()
    created_at = instant()
    created_by = text()
    closed_at = optional_instant()
    remark = note()
    reason = note()

    advance_notice_kind_is_known = Check("kind IN ('purchase_order', 'transfer', 'by_hand')")
    advance_notice_state_is_known = Check("state IN ('expected', 'partly_received', 'received', 'closed', 'cancelled')")
    advance_notice_ends_with_a_reason = Check("state NOT IN ('closed', 'cancelled') OR reason <> ''")


class AdvanceNoticeLine(Table, tablename="advance_notice_line", help_text="One part of an advance shipping notice"):
    """How many pieces of a part are on their way; `source` is the line of the order or transfer they belong to."""

    id = key()
    notice = link(AdvanceNotice, index=True)
    part = link(Part)
    quantity = whole()
    received_quantity = whole(0)
    source = reference(index=True)

    advance_notice_line_is_one_per_source = Unique([notice, part, source], nulls_distinct=False)
    advance_notice_line_quantity_is_positive = Check("quantity > 0")
    advance_notice_line_received_not_negative = Check("received_quantity >= 0")


class AdvanceNoticeSerial(
    Table, tablename="advance_notice_serial", help_text="A serial that a notice says is on its way"
):
    """One expected serial, ticked when it came."""

    id = key()
    line = link(AdvanceNoticeLine)
    serial = text(index=True)
    received_at = optional_instant()

    advance_notice_serial_is_named_once = Unique([line, serial])


class Receipt(Table, tablename="receipt", help_text="Goods taken in at a store"):
    """A goods receipt; its lines say what was expected, what came and why they differ; its movements what was booked."""

    id = key()
    number = text(unique=True)
    place = link(Place)
    source_kind = optional_text()
    document = optional_text(index=True)
    notice = optional_link(AdvanceNotice, index=True)
    received_at = instant()
    received_by = text()
    remark = note()


DIFFERENCES = (
    "partial",
    "short",
    "over",
    "wrong_serial",
    "duplicate_serial",
    "damaged",
    "wrong_part",
)
"""How what came may differ from what was expected."""


class ReceiptLine(
    Table, tablename="receipt_line", help_text="What came of a part, against what was expected; append-only"
):
    """One line of a receipt: pieces of one part that came in one condition with one difference, or did not come."""

    id = key()
    receipt = link(Receipt, index=True)
    part = link(Part)
    owner = link(Party)
    quantity = whole()
    missing = whole(0)
    expected_quantity = optional_whole()
    condition = text()
    difference = optional_text()
    reason = note()
    serials = document(default="[]")
    tags = document(default="[]")
    lot = optional_link(Lot)
    source = reference(index=True)

    receipt_line_counts_what_came_or_is_missing = Check("quantity >= 0 AND missing >= 0 AND quantity + missing > 0")
    receipt_line_condition_is_known = Check(CONDITION_IS_KNOWN)
    receipt_line_difference_is_known = Check(f"difference IN ({', '.join(repr(kind) for kind in DIFFERENCES)})")
    receipt_line_misses_only_what_is_partial_or_short = Check("missing = 0 OR difference IN ('partial', 'short')")


class Inspection(Table, tablename="inspection", help_text="What somebody found a piece to be; append-only"):
    """A judgement, test or incoming inspection of pieces of a part, and the condition they have since."""

    id = key()
    number = text(index=True)
    kind = text()
    result = text()
    part = link(Part, index=True)
    unit = optional_link(Unit, index=True)
    lot = optional_link(Lot)
    place = link(Place)
    quantity = whole()
    from_condition = text()
    to_condition = text()
    finding = note()
    inspected_at = instant()
    inspected_by = text()

    inspection_kind_is_known = Check("kind IN ('incoming', 'test', 'judgement')")
    inspection_result_is_known = Check("result IN ('passed', 'failed', 'open')")
    inspection_conditions_are_known = Check(
        CONDITION_IS_KNOWN.replace("condition", "from_condition")
        + " AND "
        + CONDITION_IS_KNOWN.replace("condition", "to_condition")
    )
    inspection_frees_only_what_passed = Check(
        "to_condition <> 'good' OR result = 'passed' OR from_condition = 'frozen'"
    )


class Scrapping(Table, tablename="scrapping", help_text="A proposal to scrap, which a second person decides"):
    """Pieces that somebody wants scrapped; they stay where they are until somebody else agrees."""

    id = key()
    number = text(unique=True)
    place = link(Place)
    part = link(Part)
    owner = link(Party)
    pool = link(Pool)
    unit = optional_link(Unit)
    lot = optional_link(Lot)
    quantity = whole()
    state = text()
    reason = note()
    proposed_at = instant()
    proposed_by = text()
    decided_at = optional_instant()
    decided_by = optional_text()
    remark = note()

    scrapping_quantity_is_positive = Check("quantity > 0")
    scrapping_state_is_known = Check("state IN ('proposed', 'approved', 'refused')")
    scrapping_is_decided_by_a_second_person = Check(
        "(state = 'proposed') = (decided_by IS NULL) AND decided_by IS DISTINCT FROM proposed_by"
    )


class Transfer(
    Table, tablename="transfer", help_text="Stock sent from one store to another, in transit until received"
):
    """A transfer with in-transit custody."""

    id = key()
    number = text(unique=True)
    from_place = link(Place)
    to_place = link(Place)
    mode = optional_text()
    state = text()
    case_number = optional_text(index=True)
    created_at = instant()
    created_by = text()
    shipped_at = optional_instant()
    due_at = optional_instant()
    received_at = optional_instant()
    waybill = optional_text()
    hours = optional_real()

    transfer_state_is_known = Check(
        "state IN ('proposed', 'draft', 'shipped', 'partly_received', 'received', 'closed', 'cancelled')"
    )
    transfer_leads_elsewhere = Check("from_place <> to_place")


class TransferLine(Table, tablename="transfer_line", help_text="One part of a transfer"):
    """What a transfer carries; a reservation holds it until it ships."""

    id = key()
    transfer = link(Transfer, index=True)
    part = link(Part)
    owner = link(Party)
    pool = link(Pool)
    quantity = whole()
    shipped_quantity = whole(0)
    received_quantity = whole(0)
    lost_quantity = whole(0)
    reservation = reference()

    transfer_line_quantity_is_positive = Check("quantity > 0")
    transfer_line_ships_at_most_its_quantity = Check("shipped_quantity BETWEEN 0 AND quantity")
    transfer_line_receives_what_was_shipped = Check("received_quantity BETWEEN 0 AND shipped_quantity")
    transfer_line_loses_only_what_did_not_arrive = Check(
        "lost_quantity BETWEEN 0 AND shipped_quantity - received_quantity"
    )


class PickList(Table, tablename="pick_list", help_text="What somebody fetches from the bins of a store in one walk"):
    """A pick list over one or several documents; how far it is, its picks say."""

    id = key()
    number = text(unique=True)
    place = link(Place, index=True)
    started_at = instant()
    started_by = text()


class Pick(Table, tablename="pick", help_text="Pieces to be fetched from one bin, and what was really taken"):
    """One line of a pick list: while open, unit, lot and bin are a suggestion; once picked, what was taken."""

    id = key()
    pick_list = link(PickList, index=True)
    reservation = link(Reservation, index=True)
    document_kind = optional_text()
    document_number = optional_text(index=True)
    quantity = whole()
    state = text()
    unit = optional_link(Unit)
    lot = optional_link(Lot)
    bin = optional_link(Bin)
    suggested_unit = optional_link(Unit)
    picked_at = optional_instant()
    picked_by = optional_text()
    reason = note()

    pick_quantity_is_positive = Check("quantity > 0")
    pick_state_is_known = Check("state IN ('open', 'picked', 'short', 'shipped', 'dropped')")
    pick_names_what_was_taken = Check("state NOT IN ('picked', 'shipped') OR num_nonnulls(unit, lot) = 1")
    pick_takes_one_unit_at_a_time = Check("unit IS NULL OR quantity = 1")


class Shipment(Table, tablename="shipment", help_text="Goods on their way to somebody, until he has signed for them"):
    """What left a store for a document, how it travels, and who took it over."""

    id = key()
    number = text(unique=True)
    document_kind = text()
    document_number = text(index=True)
    from_place = link(Place, index=True)
    to_place = link(Place)
    contract_code = optional_text()
    mode = optional_text()
    carrier = optional_text()
    courier_phone = optional_text()
    waybill = optional_text(index=True)
    state = text()
    promised_at = optional_instant()
    shipped_at = instant()
    shipped_by = text()
    handed_over_at = optional_instant()
    handed_to = optional_text()
    handed_over_where = optional_text()
    signature = optional_binary()
    signature_sha256 = optional_binary()

    shipment_state_is_known = Check("state IN ('shipped', 'failed', 'handed_over', 'returned', 'lost')")
    shipment_mode_is_known = Check("mode IN ('courier', 'same_city_courier', 'own_car', 'hand_carried')")
    shipment_is_handed_to_somebody = Check("(state = 'handed_over') = (handed_to IS NOT NULL)")
    shipment_signature_has_its_hash = Check("(signature IS NULL) = (signature_sha256 IS NULL)")


class Package(Table, tablename="package", help_text="One box of a shipment"):
    """A package with its contents and its weight."""

    id = key()
    shipment = link(Shipment, index=True)
    position = whole()
    weight_kg = optional_real()
    contents = document(default="[]")

    package_position_is_unique = Unique([shipment, position])
    package_weight_is_positive = Check("weight_kg > 0")


class ProvisionalIssue(
    Table, tablename="provisional_issue", help_text="A piece taken without paper, until its paper is there"
):
    """Issue first, record after: who took what, when and why, and what became of it."""

    id = key()
    number = text(unique=True)
    client_id = text()
    place = link(Place, index=True)
    code = text()
    part = optional_link(Part)
    unit = optional_link(Unit)
    pool = optional_link(Pool)
    quantity = whole()
    taken_at = instant()
    taken_by = text()
    recorded_at = instant()
    recorded_by = text()
    reason = note()
    purpose = note()
    state = text()
    conflict = optional_text()
    facts = document(default="{}")
    due_at = instant()
    document_kind = optional_text()
    document_number = optional_text(index=True)
    loss_reported_by = optional_text()
    settled_at = optional_instant()
    settled_by = optional_text()
    remark = note()

    provisional_issue_is_recorded_once = Unique([recorded_by, client_id])
    provisional_issue_quantity_is_positive = Check("quantity > 0")
    provisional_issue_state_is_known = Check(
        "state IN ('conflict', 'open', 'loss_reported', 'papered', 'brought_back', 'lost', 'dismissed')"
    )
    provisional_issue_conflict_is_known = Check(
        "conflict IN ('all_reserved', 'unit_unknown', 'unit_elsewhere', 'not_good', 'too_few', 'picked')"
    )
    provisional_issue_settles_once = Check(
        "(state IN ('papered', 'brought_back', 'lost', 'dismissed')) = (settled_at IS NOT NULL)"
    )


class PaperPolicy(
    Table, tablename="paper_policy", help_text="Until when what was taken without paper has to be recorded; append-only"
):
    """The policy of papers; the latest one holds."""

    id = Serial(primary_key=True)
    within_hours = whole()
    on_working_days = flag(default=True)
    resume_hour = whole()
    set_at = instant()
    set_by = text()
    remark = note()

    paper_policy_deadlines_are_positive = Check("within_hours > 0")
    paper_policy_resumes_within_a_day = Check("resume_hour BETWEEN 0 AND 23")


class Reversal(Table, tablename="reversal", help_text="Which movement was undone, by which other, and why; once"):
    """A movement that another one undid."""

    movement = given_key()
    reversed_by_movement = reference()
    reversed_at = instant()
    reversed_by = text()
    reason = note()


class CountPolicy(
    Table, tablename="count_policy", help_text="How often what is counted, and who may post a difference"
):
    """The policy of counting; the latest one holds."""

    id = Serial(primary_key=True)
    a_share = real()
    b_share = real()
    a_days = whole()
    b_days = whole()
    c_days = whole()
    parts_per_sheet = whole()
    hours_to_count = whole()
    four_eyes_above_cny = money()
    set_at = instant()
    set_by = text()
    remark = note()

    count_policy_shares_ascend = Check("a_share > 0 AND b_share >= a_share AND b_share <= 1")
    count_policy_intervals_are_positive = Check("a_days > 0 AND b_days > 0 AND c_days > 0")


class CountSheet(
    Table, tablename="count_sheet", help_text="A count of bins and parts in a store, from drawing to posting"
):
    """A sheet to count by; closed (posted or cancelled), it never changes."""

    id = key()
    number = text(unique=True)
    place = link(Place, index=True)
    kind = text()
    state = text()
    seed = optional_text()
    scope = document(default="{}")
    created_at = instant()
    created_by = text()
    due_at = instant()
    counted_at = optional_instant()
    counted_by = optional_text()
    closed_at = optional_instant()
    closed_by = optional_text()
    remark = note()

    count_sheet_kind_is_known = Check("kind IN ('cycle', 'surprise', 'full', 'recount')")
    count_sheet_state_is_known = Check("state IN ('counting', 'counted', 'posted', 'cancelled')")
    count_sheet_is_closed_by_someone = Check(
        "(state IN ('posted', 'cancelled')) = (closed_at IS NOT NULL AND closed_by IS NOT NULL)"
    )


class CountLine(Table, tablename="count_line", help_text="One part in one bin of a count; what came of it once posted"):
    """A line of a count. `listed` tells what the sheet asked for from what was found besides."""

    id = key()
    sheet = link(CountSheet)
    bin = optional_link(Bin)
    part = link(Part)
    condition = text()
    owner = link(Party)
    pool = link(Pool)
    listed = flag(default=True)
    reason = note()
    reason_for = optional_text()
    reasoned_by = optional_text()
    expected = optional_whole()
    counted = optional_whole()
    differing = optional_whole()
    posted = optional_whole()
    outcome = document(default="{}")

    count_line_identity = Unique([sheet, bin, part, condition, owner, pool], nulls_distinct=False)  # noqa: A003  the column
    count_line_condition_is_known = Check(CONDITION_IS_KNOWN)


class CountScan(Table, tablename="count_scan", help_text="What somebody counted on a line and when; append-only"):
    """One observation of a line: so many pieces, or these serials, between two instants. The latest one holds."""

    id = key()
    sheet = link(CountSheet)
    line = link(CountLine, index=True)
    client_id = text()
    began_at = instant()
    counted_at = instant()
    recorded_at = instant()
    counted_by = text()
    quantity = whole()
    serials = document(default="[]")

    count_scan_is_recorded_once = Unique([sheet, client_id])
    count_scan_quantity_not_negative = Check("quantity >= 0")
    count_scan_ends_after_it_began = Check("counted_at >= began_at")


class PoolCrossing(Table, tablename="pool_crossing", help_text="Stock asked for out of another pool, and the answer"):
    """A crossing: asked for with a reason, decided by another person; a refused one is kept too."""

    id = key()
    number = text(unique=True)
    place = link(Place)
    part = link(Part)
    from_pool = link(Pool)
    to_pool = link(Pool)
    quantity = whole()
    serials = document(default="[]")
    reason = note()
    state = text()
    asked_at = instant()
    asked_by = text()
    decided_at = optional_instant()
    decided_by = optional_text()
    decided_for = optional_text()
    decision_reason = note()

    pool_crossing_quantity_is_positive = Check("quantity > 0")
    pool_crossing_leads_elsewhere = Check("from_pool <> to_pool")
    pool_crossing_state_is_known = Check("state IN ('asked', 'crossed', 'refused')")
    pool_crossing_is_decided_by_someone = Check("(state = 'asked') = (decided_by IS NULL)")
    pool_crossing_takes_two_people = Check("decided_by <> asked_by")


class StoreKeeping(
    Table, tablename="store_keeping", help_text="Who holds the key of a store and how often it is counted"
):
    """An on-site store's or engineer's stock's named key-holder, and the recount duty."""

    id = Serial(primary_key=True)
    place = link(Place)
    key_holder = optional_link(Person, index=True)
    recount_days = optional_whole()
    recount_opened_at = optional_instant()

    store_keeping_is_one_per_store = Unique([place])
    store_keeping_counts_now_and_then = Check("recount_days BETWEEN 1 AND 366")


class Handover(Table, tablename="handover", help_text="Parts given from hand to hand: in transit until accepted"):
    """Parts given to an engineer, from one to another, or back; its lines are movements.

    What is lent has a time to `return_by`; it is returned once as much came back the same way.
    """

    id = key()
    number = text(unique=True)
    from_place = link(Place)
    to_place = link(Place)
    state = text()
    remark = note()
    given_at = instant()
    given_by = text()
    answered_at = optional_instant()
    answered_by = optional_text()
    answer_reason = note()
    return_by = optional_instant()
    returned_at = optional_instant()

    handover_leads_elsewhere = Check("from_place <> to_place")
    handover_state_is_known = Check("state IN ('given', 'accepted', 'declined')")
    handover_is_answered_by_someone = Check("(state = 'given') = (answered_by IS NULL)")
