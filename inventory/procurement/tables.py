"""Vendors, what they offer, and what we order from them."""

from piccolo.columns import Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    day,
    document,
    flag,
    instant,
    key,
    link,
    money,
    note,
    optional_day,
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
from inventory.places.tables import Party, Place
from inventory.stock.tables import Lot, Pool, Receipt, Unit


class Vendor(Table, tablename="vendor", help_text="How we order from a vendor and what its terms are"):
    """A party we order from; `secret_version` selects the derived signing secret, which is never stored."""

    id = Serial(primary_key=True)
    party = link(Party)
    place = link(Place)
    kind = text()
    channel = text()
    endpoint = optional_text()
    secret_version = whole(1)
    return_terms = note()
    inspect_on_receipt = flag(default=False)
    holidays = optional_text()
    active = flag(default=True)

    vendor_is_one_per_party = Unique([party])
    vendor_holidays_are_known = Check("holidays IN ('CN')")
    vendor_kind_is_known = Check("kind IN ('maker', 'distributor', 'repairer', 'broker')")
    vendor_channel_is_known = Check("channel IN ('http', 'by_hand')")
    vendor_channel_has_its_endpoint = Check("channel <> 'http' OR endpoint IS NOT NULL")


class VendorContact(
    Table,
    tablename="vendor_contact",
    help_text="Whom to call at a vendor, for what, and when somebody last reached them",
):
    """A person or desk of a vendor; `around_the_clock` is 7×24, else `hours` says when they are there."""

    id = key()
    vendor = link(Vendor, index=True)
    name = text()
    role = text()
    phone = optional_text()
    email = optional_text()
    around_the_clock = flag(default=False)
    hours = note()
    verified_at = optional_instant()
    verified_by = optional_text()
    in_force = flag(default=True)

    vendor_contact_role_is_known = Check("role IN ('sales', 'emergency', 'returns', 'quality', 'logistics', 'finance')")
    vendor_contact_can_be_reached = Check("phone IS NOT NULL OR email IS NOT NULL")
    vendor_contact_is_verified_by_someone = Check("(verified_at IS NULL) = (verified_by IS NULL)")


class VendorClosure(
    Table, tablename="vendor_closure", help_text="When a vendor is closed: no order moves on these days"
):
    """Days, both named, on which a vendor's lead times stand still; public holidays it keeps stand with the vendor."""

    id = Serial(primary_key=True)
    vendor = link(Vendor)
    first_on = day()
    last_on = day()
    remark = note()
    in_force = flag(default=True)

    vendor_closure_is_unique = Unique([vendor, first_on])
    vendor_closure_ends_after_it_starts = Check("last_on >= first_on")


class Authorisation(Table, tablename="authorisation", help_text="A maker's letter that lets a vendor sell its parts"):
    """An authorisation letter with its validity (D95), for all parts of its maker or for the kinds and numbers it names."""

    id = Serial(primary_key=True)
    vendor = link(Vendor, index=True)
    maker = link(Party)
    letter_number = text()
    valid_from = day()
    valid_to = day()
    part_kinds = document(default="[]")
    part_numbers = document(default="[]")
    file = reference()

    authorisation_is_unique = Unique([vendor, maker, letter_number])
    authorisation_ends_after_it_starts = Check("valid_to >= valid_from")


class Offer(Table, tablename="offer", help_text="What a vendor asks for a part, how many and how fast"):
    """An offer per vendor and part; the expedited way has its own price and lead time, and so has a repair."""

    id = Serial(primary_key=True)
    vendor = link(Vendor)
    part = link(Part, index=True)
    unit_price_cny = money()
    minimum_quantity = whole()
    lot_size = whole()
    maximum_quantity = whole()
    order_fee_cny = money()
    lead_time_days = real()
    expedited_hours = optional_real()
    expedited_price_cny = optional_money()
    expedited_fee_cny = optional_money()
    exchange_hours = optional_real()
    exchange_fee_cny = optional_money()
    repair_price_cny = optional_money()
    repair_days = optional_real()
    valid_from = day()
    valid_to = optional_day()

    offer_is_unique = Unique([vendor, part, valid_from])
    offer_quantities_fit = Check("minimum_quantity > 0 AND lot_size > 0 AND maximum_quantity >= minimum_quantity")
    offer_prices_are_not_negative = Check("unit_price_cny >= 0 AND order_fee_cny >= 0")
    offer_repair_is_not_negative = Check("repair_price_cny >= 0 AND repair_days >= 0")
    offer_expedited_is_whole = Check(
        "(expedited_hours IS NULL) = (expedited_price_cny IS NULL) AND (expedited_hours IS NULL) = (expedited_fee_cny IS NULL)"
    )


class PurchaseOrder(Table, tablename="purchase_order", help_text="An order to a vendor, from draft to receipt"):
    """A purchase order; `reference_key` is the idempotency key the vendor sees, the same at every attempt."""

    id = key()
    number = text(unique=True)
    vendor = link(Vendor, index=True)
    ship_to = link(Place)
    pool = link(Pool)
    kind = text()
    state = text()
    expedited = flag(default=False)
    total_cny = money()
    case_number = optional_text(index=True)
    request_number = optional_text(index=True)
    created_at = instant()
    created_by = text()
    approved_at = optional_instant()
    approved_by = optional_text()
    placed_at = optional_instant()
    acknowledged_at = optional_instant()
    vendor_reference = optional_text()
    promised_at = optional_instant()
    received_at = optional_instant()
    closed_at = optional_instant()
    problem = note()

    purchase_order_kind_is_known = Check("kind IN ('normal', 'emergency')")
    purchase_order_state_is_known = Check(
        "state IN ('draft', 'approved', 'placed', 'acknowledged', 'partly_received', 'received', 'refused', 'cancelled')"
    )
    purchase_order_is_approved_by_someone = Check(
        "state IN ('draft', 'cancelled') OR (approved_at IS NOT NULL AND approved_by IS NOT NULL)"
    )


class PurchaseOrderLine(Table, tablename="purchase_order_line", help_text="One part of a purchase order"):
    """What is ordered, at what price, and how much of it has come."""

    id = key()
    purchase_order = link(PurchaseOrder, index=True)
    part = link(Part, index=True)
    quantity = whole()
    unit_price_cny = money()
    received_quantity = whole(0)
    short_quantity = whole(0)

    purchase_order_line_is_one_per_part = Unique([purchase_order, part])
    purchase_order_line_quantity_is_positive = Check("quantity > 0")
    purchase_order_line_received_not_negative = Check("received_quantity >= 0")
    purchase_order_line_short_not_negative = Check("short_quantity >= 0")


class OrderMessage(
    Table, tablename="order_message", help_text="What went to a vendor and what came back, word for word"
):
    """One exchange with a vendor about an order."""

    id = key()
    purchase_order = link(PurchaseOrder, index=True)
    at = instant()
    direction = text()
    status = optional_whole()
    summary = note()

    order_message_direction_is_known = Check("direction IN ('sent', 'received', 'failed')")


class Suspicion(
    Table,
    tablename="suspicion",
    help_text="Suspected counterfeits: blocked with their sisters until a second person judged",
):
    """A unit or lot (`code`) that may be counterfeit, with whatever came with it."""

    id = key()
    number = text(unique=True)
    part = link(Part, index=True)
    receipt = link(Receipt)
    scope = text()
    code = text()
    state = text()
    reason = note()
    opened_at = instant()
    opened_by = text()
    decided_at = optional_instant()
    decided_by = optional_text()
    decision = note()

    suspicion_scope_is_known = Check("scope IN ('receipt', 'vendor')")
    suspicion_state_is_known = Check("state IN ('blocked', 'released', 'confirmed')")
    suspicion_is_decided_by_a_second_person = Check(
        "(state = 'blocked') = (decided_by IS NULL) AND decided_by IS DISTINCT FROM opened_by"
    )


class SuspectPiece(
    Table, tablename="suspect_piece", help_text="A piece under suspicion, and where it was; append-only"
):
    """A unit, or pieces of a lot at a place: blocked there, or out of reach."""

    id = key()
    suspicion = link(Suspicion, index=True)
    unit = optional_link(Unit)
    lot = optional_link(Lot)
    place = link(Place)
    quantity = whole()
    blocked = flag(default=False)

    suspect_piece_is_a_unit_or_a_lot = Check("num_nonnulls(unit, lot) = 1 AND quantity > 0")


class QualityClaim(
    Table, tablename="quality_claim", help_text="What a vendor is told of a bad batch, and what it answered"
):
    """A quality claim (质量索赔) about a part of a receipt, its evidence frozen as it was opened."""

    id = key()
    number = text(unique=True)
    vendor = link(Vendor, index=True)
    part = link(Part)
    receipt = link(Receipt)
    state = text()
    pieces = whole()
    reason = note()
    evidence = document()
    alarm_number = optional_text()
    opened_at = instant()
    opened_by = text()
    sent_at = optional_instant()
    sent_by = optional_text()
    answered_at = optional_instant()
    answered_by = optional_text()
    answer = note()
    closed_at = optional_instant()
    closed_by = optional_text()
    outcome = note()

    quality_claim_state_is_known = Check("state IN ('open', 'sent', 'answered', 'closed')")
    quality_claim_counts_its_pieces = Check("pieces > 0")
    quality_claim_ends_once = Check("(state = 'closed') = (closed_at IS NOT NULL)")
