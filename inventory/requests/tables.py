"""Part requests: what an engineer or a ticket system asked for, and what was promised."""

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
    note,
    optional_instant,
    optional_link,
    optional_text,
    reference,
    text,
    whole,
)
from inventory.installed_base.tables import Device, ServiceTerm
from inventory.places.tables import Place
from inventory.stock.tables import Pool


class PartRequest(Table, tablename="part_request", help_text="A request for parts, by ticket system or engineer"):
    """One request; `source` and `reference_number` are the asking system's own name for it."""

    id = key()
    number = text(unique=True)
    source = text()
    reference_number = text()
    fingerprint = binary()
    ticket = optional_text(index=True)
    device = link(Device, index=True)
    service_term = optional_link(ServiceTerm)
    severity = text()
    fault_reported_at = instant()
    need_by = optional_instant()
    engineer = optional_text()
    remark = note()
    state = text()
    opened_at = instant()
    opened_by = text()
    closed_at = optional_instant()

    part_request_reference_is_unique = Unique([source, reference_number])
    part_request_state_is_known = Check("state IN ('reserved', 'backordered', 'shipped', 'reconciled', 'cancelled')")


class RequestLine(Table, tablename="request_line", help_text="One part of a request with its promise"):
    """A line: where it comes from, when it arrives, and whether that is firm."""

    id = key()
    request = link(PartRequest, index=True)
    position = whole()
    part = link(Part)
    quantity = whole()
    state = text()
    pool = link(Pool)
    source_place = optional_link(Place)
    supplied_part = optional_link(Part)
    reservation = reference(index=True)
    promised_at = optional_instant()
    firm = flag(default=False)
    reasons = document(default="[]")
    ladder = document(default="[]")
    shipped_at = optional_instant()
    outcome = optional_text()
    serial_in = optional_text()
    serial_out = optional_text()

    request_line_position_is_unique = Unique([request, position])
    request_line_quantity_is_positive = Check("quantity > 0")
    request_line_state_is_known = Check("state IN ('reserved', 'backordered', 'shipped', 'reconciled', 'cancelled')")
    request_line_firm_promise_holds_stock = Check("NOT firm OR reservation IS NOT NULL")
    request_line_outcome_is_known = Check("outcome IN ('used', 'returned_good', 'dead_on_arrival')")
