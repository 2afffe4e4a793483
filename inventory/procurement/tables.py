"""Vendors, what they offer, and what we order from them."""

from decimal import Decimal

from piccolo.columns import BigSerial, Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    day,
    document,
    exact,
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
    percent,
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
    takes_drills = flag(default=False)
    active = flag(default=True)
    minimum_order_cny = money(Decimal(0))
    small_order_fee_cny = optional_money()
    freight_cny = money(Decimal(0))

    vendor_is_one_per_party = Unique([party])
    vendor_holidays_are_known = Check("holidays IN ('CN')")
    vendor_terms_are_not_negative = Check("minimum_order_cny >= 0 AND freight_cny >= 0 AND small_order_fee_cny >= 0")
    vendor_kind_is_known = Check("kind IN ('maker', 'distributor', 'repairer', 'broker')")
    vendor_channel_is_known = Check("channel IN ('http', 'cxml', 'mail', 'by_hand')")
    vendor_channel_has_its_endpoint = Check("channel = 'by_hand' OR endpoint IS NOT NULL")


class VendorCircuit(
    Table, tablename="vendor_circuit", help_text="Whether a vendor's service is called, or left to recover"
):
    """How often in a row a vendor's service could not be asked; once `opened_at`, it is asked again at `probe_at`, once."""

    id = Serial(primary_key=True)
    vendor = link(Vendor)
    failures = whole(0)
    opened_at = optional_instant()
    probe_at = optional_instant()
    failure = note()

    vendor_circuit_is_one_per_vendor = Unique([vendor])
    vendor_circuit_failures_not_negative = Check("failures >= 0")
    vendor_circuit_is_probed_while_open = Check("(opened_at IS NULL) = (probe_at IS NULL)")


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
    """An offer per vendor and part; the expedited way has its own price and lead time, and so has a repair.

    All its prices and fees are in its `currency`, and read as `prices.Quoted` says. `framework_number` is the framework
    contract (框架协议) under which they were agreed. An exchange without a fee is one under warranty alone.
    """

    id = Serial(primary_key=True)
    vendor = link(Vendor)
    part = link(Part, index=True)
    currency = text()
    invoice_kind = text()
    tax_percent = percent()
    includes_tax = flag(default=True)
    unit_price = money()
    minimum_quantity = whole()
    lot_size = whole()
    maximum_quantity = whole()
    order_fee = money()
    lead_time_days = real()
    expedited_hours = optional_real()
    expedited_price = optional_money()
    expedited_fee = optional_money()
    exchange_hours = optional_real()
    exchange_fee = optional_money()
    repair_price = optional_money()
    repair_days = optional_real()
    framework_number = optional_text()
    valid_from = day()
    valid_to = optional_day()

    offer_is_unique = Unique([vendor, part, valid_from])
    offer_currency_is_a_code = Check("currency ~ '^[A-Z]{3}$'")
    offer_invoice_kind_is_known = Check("invoice_kind IN ('special', 'general', 'none')")
    offer_tax_percent_is_a_share = Check("tax_percent BETWEEN 0 AND 100")
    offer_without_invoice_has_no_tax = Check("invoice_kind <> 'none' OR tax_percent = 0")
    offer_quantities_fit = Check("minimum_quantity > 0 AND lot_size > 0 AND maximum_quantity >= minimum_quantity")
    offer_prices_are_not_negative = Check("unit_price >= 0 AND order_fee >= 0")
    offer_repair_is_not_negative = Check("repair_price >= 0 AND repair_days >= 0")
    offer_exchange_is_not_negative = Check("exchange_hours >= 0 AND exchange_fee >= 0")
    offer_exchange_fee_has_its_time = Check("exchange_fee IS NULL OR exchange_hours IS NOT NULL")
    offer_expedited_is_whole = Check(
        "(expedited_hours IS NULL) = (expedited_price IS NULL) AND (expedited_hours IS NULL) = (expedited_fee IS NULL)"
    )


class PriceBreak(Table, tablename="price_break", help_text="What a piece costs in an order of so many or more"):
    """A step of an offer's price: from its quantity on it goes before the offer's own price."""

    id = Serial(primary_key=True)
    offer = link(Offer)
    from_quantity = whole()
    unit_price = money()

    price_break_is_one_per_quantity = Unique([offer, from_quantity])
    price_break_begins_above_one = Check("from_quantity > 1")
    price_break_price_is_not_negative = Check("unit_price >= 0")


class ExchangeRate(
    Table, tablename="exchange_rate", help_text="What 100 units of a currency are in CNY, from a day on; append-only"
):
    """A dated rate: the latest day that has come holds, and of one day's rates the one that was entered last."""

    id = Serial(primary_key=True)
    currency = text()
    valid_from = day()
    cny_per_100 = exact()
    source = note()
    entered_at = instant()
    entered_by = text()

    exchange_rate_currency_is_foreign = Check("currency ~ '^[A-Z]{3}$' AND currency <> 'CNY'")
    exchange_rate_is_positive = Check("cny_per_100 > 0")


class PurchaseOrder(Table, tablename="purchase_order", help_text="An order to a vendor, from draft to receipt"):
    """A purchase order; its id is the idempotency key the vendor sees, the same at every attempt.

    `total_cny` has everything that is payable; `small_order_fee_cny` is what of it the vendor asks for an order under its least
    value. `version` counts what was changed of it with the vendor's word; `tried_at` is when it was first sent, `asked_at` when
    the vendor was last asked about it. `late_for` is the due time whose lateness a buyer was told of, `at_risk` what that does
    to the stock it was to fill. `matched_at` since when all that came is invoiced as agreed.
    """

    id = key()
    number = text(unique=True)
    vendor = link(Vendor, index=True)
    ship_to = link(Place)
    pool = link(Pool)
    kind = text()
    state = text()
    expedited = flag(default=False)
    total_cny = money()
    small_order_fee_cny = money(Decimal(0))
    version = whole(1)
    wanted_at = optional_instant()
    case_number = optional_text(index=True)
    request_number = optional_text(index=True)
    created_at = instant()
    created_by = text()
    approved_at = optional_instant()
    approved_by = optional_text()
    approved_for = optional_text()
    tried_at = optional_instant()
    placed_at = optional_instant()
    asked_at = optional_instant()
    acknowledged_at = optional_instant()
    shipped_at = optional_instant()
    vendor_reference = optional_text()
    promised_at = optional_instant()
    first_promised_at = optional_instant()
    received_at = optional_instant()
    matched_at = optional_instant()
    closed_at = optional_instant()
    problem = note()
    late_since = optional_instant()
    late_for = optional_instant()
    at_risk = document(default="[]")

    purchase_order_kind_is_known = Check("kind IN ('normal', 'emergency')")
    purchase_order_state_is_known = Check(
        "state IN ('draft', 'approved', 'placed', 'acknowledged', 'shipped', 'partly_received', 'received', 'closed', "
        "'refused', 'cancelled')"
    )
    purchase_order_version_counts_from_one = Check("version >= 1")
    purchase_order_is_approved_by_someone = Check(
        "state IN ('draft', 'cancelled') OR (approved_at IS NOT NULL AND approved_by IS NOT NULL)"
    )


class PurchaseOrderLine(Table, tablename="purchase_order_line", help_text="One part of a purchase order"):
    """What is ordered, at what price, and how much of it has come.

    `unit_price` is payable with tax in `currency`, `unit_price_cny` the same at `cny_per_100`; both stand still from the
    approval on, with the tax rate and the kind of 发票. `framework_number`: the framework contract the price comes from.
    """

    id = key()
    purchase_order = link(PurchaseOrder, index=True)
    part = link(Part, index=True)
    quantity = whole()
    unit_price_cny = money()
    currency = text()
    unit_price = money()
    cny_per_100 = exact()
    invoice_kind = text()
    tax_percent = percent()
    received_quantity = whole(0)
    short_quantity = whole(0)
    arrives_at = optional_instant()
    framework_number = optional_text()

    purchase_order_line_is_one_per_part = Unique([purchase_order, part])
    purchase_order_line_quantity_not_negative = Check("quantity >= 0")
    purchase_order_line_received_not_negative = Check("received_quantity >= 0")
    purchase_order_line_short_not_negative = Check("short_quantity >= 0")


class OrderMessage(
    Table, tablename="order_message", help_text="What went to a vendor and what came back, word for word"
):
    """One exchange with a vendor about an order; a message that names itself is taken once."""

    id = key()
    purchase_order = link(PurchaseOrder, index=True)
    at = instant()
    direction = text()
    status = optional_whole()
    summary = note()
    message_id = optional_text()

    order_message_is_taken_once = Unique([purchase_order, message_id])
    order_message_direction_is_known = Check("direction IN ('sent', 'received', 'failed')")


class OrderChange(
    Table, tablename="order_change", help_text="What we asked a vendor to change of an order, and its answer"
):
    """One change order: the order `before` and `after` it, kept whole; it holds from the vendor's word on."""

    id = key()
    purchase_order = link(PurchaseOrder)
    version = whole()
    state = text()
    cancels = flag(default=False)
    before = document()
    after = document()
    reason = note()
    drafted_at = instant()
    drafted_by = text()
    approved_by = optional_text()
    approved_for = optional_text()
    told_at = optional_instant()
    answered_at = optional_instant()
    answered_by = optional_text()
    answer = note()

    order_change_is_one_per_version = Unique([purchase_order, version])
    order_change_state_is_known = Check("state IN ('drafted', 'asked', 'confirmed', 'declined', 'withdrawn')")
    order_change_is_answered_once = Check("(state IN ('drafted', 'asked')) = (answered_at IS NULL)")


class PurchasePolicy(
    Table, tablename="purchase_policy", help_text="The rules of ordering, version by version; append-only"
):
    """From what value on two people look at an order, how long a vendor may keep silent, and how an invoice may differ."""

    id = Serial(primary_key=True)
    four_eyes_above_cny = money()
    acknowledge_within_hours = whole()
    emergency_within_hours = whole()
    rate_days = whole()
    match_tolerance_percent = real()
    match_tolerance_cny = whole()
    invoice_within_days = whole()
    set_at = instant()
    set_by = text()
    remark = note()

    purchase_policy_limit_not_negative = Check("four_eyes_above_cny >= 0")
    purchase_policy_waits_for_an_answer = Check("acknowledge_within_hours > 0 AND emergency_within_hours > 0")


class Invoice(
    Table, tablename="invoice", help_text="A vendor's invoice (发票), matched with what was ordered and came"
):
    """A 发票 as it was issued; one that `reverses` another (红字) has negative amounts. Amounts are in its currency.

    `state`: matched, waits for goods, differs from what was agreed, or withdrawn (entered by mistake).
    """

    id = key()
    number = text(unique=True)
    vendor = link(Vendor, index=True)
    invoice_number = text()
    invoice_code = optional_text()
    kind = text()
    currency = text()
    issued_on = day()
    amount = money()
    tax = money()
    total = money()
    reverses = reference(index=True)
    state = text()
    remark = note()
    entered_at = instant()
    entered_by = text()
    withdrawn_at = optional_instant()
    withdrawn_by = optional_text()
    withdrawn_because = note()

    invoice_kind_is_known = Check("kind IN ('special', 'general', 'none')")
    invoice_state_is_known = Check("state IN ('matched', 'waits', 'differs', 'withdrawn')")
    invoice_adds_up = Check("amount + tax = total")
    invoice_is_negative_where_it_reverses = Check("CASE WHEN reverses IS NULL THEN total >= 0 ELSE total <= 0 END")
    invoice_is_withdrawn_by_someone = Check("(state = 'withdrawn') = (withdrawn_by IS NOT NULL)")


class InvoiceLine(
    Table, tablename="invoice_line", help_text="What an invoice asks for a part of an order; append-only"
):
    """A line of a 发票 for a line of an order, or (without one) for the order's fees; a red one `reverses` a line."""

    id = key()
    invoice = link(Invoice, index=True)
    purchase_order = link(PurchaseOrder, index=True)
    order_line = optional_link(PurchaseOrderLine, index=True)
    quantity = whole()
    amount = money()
    tax_percent = percent()
    tax = money()
    total = money()
    reverses = reference(index=True)

    invoice_line_adds_up = Check("amount + tax = total")
    invoice_line_is_negative_where_it_reverses = Check(
        "CASE WHEN reverses IS NULL THEN quantity > 0 AND total >= 0 ELSE quantity <= 0 AND total <= 0 END"
    )


class InvoiceAnswer(
    Table, tablename="invoice_answer", help_text="What somebody said to a difference of an invoice; append-only"
):
    """An answer to a difference of an invoice's line; an accepted one holds for a difference no larger than `size`."""

    id = key()
    line = link(InvoiceLine, index=True)
    difference = text()
    size = exact()
    answer = text()
    reason = note()
    answered_at = instant()
    answered_by = text()

    invoice_answer_is_known = Check("answer IN ('accepted', 'asked', 'claimed')")


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
    vendor_number = optional_text()
    answered_at = optional_instant()
    answered_by = optional_text()
    answer = note()
    closed_at = optional_instant()
    closed_by = optional_text()
    outcome = note()

    quality_claim_state_is_known = Check("state IN ('open', 'sent', 'answered', 'closed')")
    quality_claim_counts_its_pieces = Check("pieces > 0")
    quality_claim_ends_once = Check("(state = 'closed') = (closed_at IS NOT NULL)")


class ReplenishmentPolicy(
    Table, tablename="replenishment_policy", help_text="When proposals become order drafts by themselves; versioned"
):
    """What is drafted without a person, at which hour of the day, and how long a proposal waits for company."""

    id = Serial(primary_key=True)
    draft_routine = flag(default=False)
    draft_urgent = flag(default=False)
    daily_hour = whole()
    bundling_days = whole()
    answer_hours = whole()
    urgent_hours = whole()
    set_at = instant()
    set_by = text()
    remark = note()


class ReplenishmentProposal(
    Table, tablename="replenishment_proposal", help_text="What a store lacks of a part, and what to order for it"
):
    """A proposal to reorder (补货建议): at most one is open per part, store and pool.

    `facts` are the pieces of the position, `choice` the offers it was chosen from, `bundle` the order it would be part of:
    all as they were when `resized_at` was written. A declined one holds back others until it has lapsed.
    """

    id = key()
    number = text(unique=True)
    part = link(Part)
    place = link(Place, index=True)
    pool = link(Pool)
    state = text()
    base_stock = whole()
    position = whole()
    needed = whole()
    urgent = flag(default=False)
    facts = document()
    vendor = optional_link(Vendor)
    quantity = whole()
    choice = document()
    bundle = document(default="{}")
    opened_at = instant()
    resized_at = instant()
    waits_until = instant()
    bundled_at = optional_instant()
    waits = flag(default=False)
    answered_at = optional_instant()
    answered_by = optional_text()
    reason = note()
    declined_until = optional_instant()
    lapsed_at = optional_instant()
    purchase_order = optional_link(PurchaseOrder)
    ordered_quantity = optional_whole()

    replenishment_proposal_state_is_known = Check("state IN ('open', 'drafted', 'declined', 'withdrawn')")
    replenishment_proposal_needs_something = Check("needed > 0 AND quantity > 0")
    replenishment_proposal_is_answered_once = Check("(state = 'open') = (answered_at IS NULL)")
    replenishment_proposal_is_drafted_in_an_order = Check(
        "(state = 'drafted') = (purchase_order IS NOT NULL AND ordered_quantity IS NOT NULL)"
    )


class ReplenishmentRun(
    Table, tablename="replenishment_run", help_text="On which days the daily look at all levels was done, once each"
):
    """A day's run; whoever writes its row does it."""

    id = Serial(primary_key=True)
    ran_on = day()
    ran_at = instant()

    replenishment_runs_once_a_day = Unique([ran_on])


class ValueStep(Table, tablename="value_step", help_text="What a movement did to the value of our stock; append-only"):
    """One part's pieces coming into a pool of ours or leaving it, with both balances after it.

    `booked_at` is when its movement was recorded, never before the step before it; `basis` says where the value comes from.
    """

    id = BigSerial(primary_key=True)
    movement = reference(index=True)
    comes = flag(default=True)
    part = link(Part)
    pool = link(Pool)
    unit = optional_link(Unit)
    recorded_at = instant(index=True)
    booked_at = instant()
    quantity = whole()
    basis = text()
    value_cny = money()
    own_value_cny = money()
    quantity_after = whole()
    value_after_cny = money()
    own_value_after_cny = money()

    value_step_is_one_per_movement_and_side = Unique([movement, comes])
    value_step_quantity_is_positive = Check("quantity > 0")
    value_step_basis_is_known = Check("basis IN ('order', 'as_before', 'catalogue', 'carried', 'moving_average')")
    value_step_leaves_no_less_than_nothing = Check(
        "quantity_after >= 0 AND (quantity_after > 0 OR (value_after_cny = 0 AND own_value_after_cny = 0))"
    )


class Inquiry(
    Table, tablename="inquiry", help_text="What several vendors are asked to quote for, and how it was decided"
):
    """An inquiry (询价单) for one store and pool; `few_reason` says why fewer vendors are asked than three."""

    id = key()
    number = text(unique=True)
    ship_to = link(Place)
    pool = link(Pool)
    state = text()
    answer_by = instant()
    few_reason = note()
    remark = note()
    opened_at = instant()
    opened_by = text()
    decided_at = optional_instant()
    decided_by = optional_text()
    decided_for = optional_text()
    reason = note()

    inquiry_state_is_known = Check("state IN ('open', 'decided', 'cancelled')")
    inquiry_is_decided_by_someone = Check("(state = 'open') = (decided_at IS NULL AND decided_by IS NULL)")


class InquiryLine(Table, tablename="inquiry_line", help_text="A part that vendors are asked for; append-only"):
    """So many pieces of a part; vendors' sheets name it by its position."""

    id = key()
    inquiry = link(Inquiry)
    position = whole()
    part = link(Part)
    quantity = whole()

    inquiry_line_is_one_per_part = Unique([inquiry, part])
    inquiry_line_is_one_per_position = Unique([inquiry, position])
    inquiry_line_quantity_is_positive = Check("quantity > 0")


class InquiryVendor(Table, tablename="inquiry_vendor", help_text="A vendor that is asked; append-only"):
    """Who is asked to quote."""

    id = Serial(primary_key=True)
    inquiry = link(Inquiry)
    vendor = link(Vendor, index=True)

    inquiry_vendor_is_asked_once = Unique([inquiry, vendor])


class VendorQuote(
    Table, tablename="vendor_quote", help_text="What a vendor answered an inquiry, version by version; append-only"
):
    """An answer as it was taken, with the sheet that it came in; the latest version counts."""

    id = key()
    inquiry = link(Inquiry)
    vendor = link(Vendor)
    version = whole()
    valid_to = day()
    stored_file = reference()
    came_at = instant()
    came_by = text()
    findings = document(default="[]")
    remark = note()

    vendor_quote_is_one_per_version = Unique([inquiry, vendor, version])


class VendorQuoteLine(
    Table, tablename="vendor_quote_line", help_text="What a vendor asks for a part of an inquiry; append-only"
):
    """A price and its terms, read as `prices.Quoted` says; a part that is not quoted has no line."""

    id = key()
    quote = link(VendorQuote)
    line = link(InquiryLine)
    currency = text()
    invoice_kind = text()
    tax_percent = percent()
    includes_tax = flag(default=True)
    unit_price = money()
    minimum_quantity = whole()
    lot_size = whole()
    lead_time_days = real()
    remark = note()

    vendor_quote_line_is_one_per_part = Unique([quote, line])
    vendor_quote_line_is_priced = Check(
        "unit_price > 0 AND minimum_quantity > 0 AND lot_size > 0 AND lead_time_days >= 0"
    )
    vendor_quote_line_currency_is_a_code = Check("currency ~ '^[A-Z]{3}$'")
    vendor_quote_line_invoice_kind_is_known = Check("invoice_kind IN ('special', 'general', 'none')")
    vendor_quote_line_tax_percent_is_a_share = Check("tax_percent BETWEEN 0 AND 100")
    vendor_quote_line_without_invoice_has_no_tax = Check("invoice_kind <> 'none' OR tax_percent = 0")


class InquiryChoice(Table, tablename="inquiry_choice", help_text="Which quote an inquiry's part went to; append-only"):
    """The quote that was chosen for a part, how many pieces, and whether another one cost less."""

    id = key()
    line = link(InquiryLine)
    quote_line = link(VendorQuoteLine)
    quantity = whole()
    cheapest = flag(default=True)

    inquiry_choice_is_one_per_part = Unique([line])
    inquiry_choice_quantity_is_positive = Check("quantity > 0")
