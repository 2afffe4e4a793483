"""The ledger's tables: levels, units, reservations, movements, and what is expected to arrive."""

from piccolo.columns import BigSerial, Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    document,
    flag,
    instant,
    key,
    link,
    note,
    optional_instant,
    optional_link,
    optional_real,
    optional_text,
    optional_whole,
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
    good, own row; planning and emergency write them through `stock.set_lines`.
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
    """A serialised piece; where it has been is in its movements."""

    id = key()
    part = link(Part)
    serial = text(index=True)
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
    receipt = reference(index=True)
    received_at = instant()

    unit_serial_is_unique_per_maker = Unique([maker, serial], nulls_distinct=False)
    unit_condition_is_known = Check(CONDITION_IS_KNOWN)
    unit_provenance_is_known = Check(PROVENANCE_IS_KNOWN)


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
    name_zh = text()
    name_en = text()

    priority_class_rank_is_a_percentage = Check("rank BETWEEN 0 AND 100")


class Reservation(
    Table, tablename="reservation", help_text="A pending movement: posted, voided, expired or taken over, once"
):
    """Stock of one level held for one purpose, or (soft) promised to it from `starts_at` on.

    What a pending reservation still holds is `quantity - posted_quantity`.
    """

    id = key()
    level = link(Level, index=True)
    quantity = whole()
    posted_quantity = whole(0)
    state = text()
    priority = whole(0)
    priority_class = optional_text()
    reference_number = optional_text(index=True)
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
    expected_delivery_source_is_known = Check("source_kind IN ('purchase_order_line', 'transfer_line', 'return')")


class Receipt(Table, tablename="receipt", help_text="Goods taken in at a store"):
    """A goods receipt; its lines are movements."""

    id = key()
    number = text(unique=True)
    place = link(Place)
    source_kind = optional_text()
    source = reference(index=True)
    received_at = instant()
    received_by = text()
    remark = note()


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

    transfer_state_is_known = Check("state IN ('proposed', 'draft', 'shipped', 'received', 'cancelled')")
    transfer_leads_elsewhere = Check("from_place <> to_place")


class TransferLine(Table, tablename="transfer_line", help_text="One part of a transfer"):
    """What a transfer carries; a reservation holds it until it ships."""

    id = key()
    transfer = link(Transfer, index=True)
    part = link(Part)
    pool = link(Pool)
    quantity = whole()
    shipped_quantity = whole(0)
    received_quantity = whole(0)
    reservation = reference()

    transfer_line_quantity_is_positive = Check("quantity > 0")
    transfer_line_ships_at_most_its_quantity = Check("shipped_quantity BETWEEN 0 AND quantity")
    transfer_line_receives_what_was_shipped = Check("received_quantity BETWEEN 0 AND shipped_quantity")


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
    """Parts given to an engineer, from one to another, or back; its lines are movements."""

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

    handover_leads_elsewhere = Check("from_place <> to_place")
    handover_state_is_known = Check("state IN ('given', 'accepted', 'declined')")
    handover_is_answered_by_someone = Check("(state = 'given') = (answered_by IS NULL)")
