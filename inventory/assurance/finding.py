"""Finding anything by its number: what people read from a label, a mail or over the phone."""

from typing import Literal

from msgspec import Struct

from inventory.emergency import disclosure, force_majeure, radar_views
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.places.reach import reached
from inventory.procurement import counterfeits
from inventory.requests import scope
from inventory.returns import debts
from inventory.stock import codes
from inventory.stock.disclosure import serves

Kind = Literal[
    "part",
    "unit",
    "part_request",
    "purchase_order",
    "replenishment_proposal",
    "transfer",
    "receipt",
    "advance_notice",
    "count",
    "plan",
    "emergency_case",
    "force_majeure",
    "maker_case",
    "shipment",
    "provisional_issue",
    "pick_list",
    "pool_crossing",
    "handover",
    "swap",
    "loan",
    "data_erasure",
    "return_debt",
    "rma",
    "repair_order",
    "collection",
    "quality_claim",
    "invoice",
    "inquiry",
    "suspicion",
    "radar_alarm",
]

READS: dict[Kind, str] = {
    "part": "parts.read",
    "unit": "stock.read",
    "part_request": "requests.read",
    "purchase_order": "orders.read",
    "replenishment_proposal": "replenishment.read",
    "transfer": "documents.read",
    "count": "stock.read",
    "receipt": "documents.read",
    "advance_notice": "notices.read",
    "plan": "plans.read",
    "emergency_case": "emergency.read",
    "force_majeure": "emergency.read",
    "maker_case": "emergency.read",
    "shipment": "requests.read",
    "provisional_issue": "requests.read",
    "pick_list": "stock.issue",
    "pool_crossing": "stock.read",
    "handover": "documents.read",
    "swap": "requests.read",
    "loan": "requests.read",
    "data_erasure": "documents.read",
    "return_debt": "returns.read",
    "rma": "rmas.read",
    "repair_order": "repairs.read",
    "collection": "repairs.read",
    "quality_claim": "claims.read",
    "invoice": "costs.read",
    "inquiry": "costs.read",
    "suspicion": "documents.read",
    "radar_alarm": "emergency.read",
}
"""What one needs to be allowed to read each kind."""


class Found(Struct, frozen=True):
    """Something that carries a number; `key` is the id (or part number, or serial) its page is asked for with."""

    kind: Kind
    key: str


async def find(text: str, *, seen_by: Actor) -> Found | None:
    """What carries a number, typed or scanned, in the reader's rights and scope; None where nothing does."""
    for number in codes.names(text):
        found = await _carrier(number, seen_by)
        if found is not None:
            return found
    return None


async def _carrier(number: str, seen_by: Actor) -> Found | None:
    return await db.read_one(
        Found,
        f"""SELECT kind, key FROM (
               SELECT 1 AS rank, 'part' AS kind, part_number AS key FROM part
               WHERE part_number = $1 OR id = (SELECT part FROM part_alias WHERE number = $1)
               UNION ALL
               SELECT 2, 'emergency_case', emergency_case.id::text FROM emergency_case
               JOIN place ON place.id = emergency_case.place
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
                 AND {disclosure.told("emergency_case", "$4")}
               UNION ALL
               SELECT 2, 'force_majeure', force_majeure.id::text FROM force_majeure
               JOIN place ON place.id = force_majeure.place
               WHERE number = $1 AND {force_majeure.seen("$3", "$4")}
               UNION ALL
               SELECT 2, 'maker_case', maker_case.id::text FROM maker_case
               JOIN part_request ON part_request.id = maker_case.request
               JOIN device ON device.id = part_request.device
               JOIN contract ON contract.id = device.contract
               WHERE maker_case.number = $1 AND {scope.seen("$4", "$3", "$6")}
               UNION ALL
               SELECT 3, 'purchase_order', purchase_order.id::text FROM purchase_order
               JOIN place ON place.id = purchase_order.ship_to
               JOIN vendor ON vendor.id = purchase_order.vendor
               JOIN party ON party.id = vendor.party
               JOIN pool ON pool.id = purchase_order.pool
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
                 AND ($5::text IS NULL OR (party.code = $5 AND tried_at IS NOT NULL)) AND {serves("pool", "$4")}
               UNION ALL
               SELECT 3, 'replenishment_proposal', proposal.id::text FROM replenishment_proposal AS proposal
               JOIN place ON place.id = proposal.place
               JOIN pool ON pool.id = proposal.pool
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3)) AND {serves("pool", "$4")}
               UNION ALL
               SELECT 4, 'transfer', transfer.id::text FROM transfer
               JOIN place AS origin ON origin.id = transfer.from_place
               JOIN place AS target ON target.id = transfer.to_place
               WHERE number = $1 AND ($3::text[] IS NULL OR origin.code = ANY($3) OR target.code = ANY($3))
               UNION ALL
               SELECT 4, 'receipt', number FROM receipt JOIN place ON place.id = receipt.place
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
               UNION ALL
               SELECT 4, 'advance_notice', number FROM advance_notice
               JOIN place ON place.id = advance_notice.place
               JOIN place AS origin ON origin.id = advance_notice.origin
               LEFT JOIN party ON party.id = origin.party
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
                 AND ($5::text IS NULL OR party.code = $5)
               UNION ALL
               SELECT 5, 'plan', id::text FROM plan WHERE number = $1
               UNION ALL
               SELECT 6, 'part_request', part_request.id::text FROM part_request
               JOIN device ON device.id = part_request.device
               JOIN contract ON contract.id = device.contract
               WHERE (number = $1 OR part_request.id::text = $1 OR ticket = $1 OR reference_number = $1)
                 AND {scope.seen("$4", "$3", "$6")}
               UNION ALL  -- by the number of its quotation, with or without the version
               SELECT 6, 'part_request', part_request.id::text FROM quotation
               JOIN part_request ON part_request.id = quotation.request
               JOIN device ON device.id = part_request.device
               JOIN contract ON contract.id = device.contract
               WHERE quotation.number = split_part($1, '/', 1) AND {scope.seen("$4", "$3", "$6")}
               UNION ALL
               SELECT 7, 'pool_crossing', pool_crossing.id::text FROM pool_crossing
               JOIN place ON place.id = pool_crossing.place
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
               UNION ALL
               SELECT 8, 'count', count_sheet.id::text FROM count_sheet JOIN place ON place.id = count_sheet.place
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
               UNION ALL
               SELECT 9, 'unit', CASE WHEN tag = $1 THEN tag ELSE serial END FROM unit JOIN place ON place.id = unit.place
               WHERE (serial = $1 OR tag = $1) AND ($3::text[] IS NULL OR place.code = ANY($3))
               UNION ALL
               SELECT 10, 'shipment', shipment.id::text FROM shipment
               JOIN place AS origin ON origin.id = shipment.from_place
               JOIN place AS target ON target.id = shipment.to_place
               WHERE (number = $1 OR waybill = $1) AND ($3::text[] IS NULL OR origin.code = ANY($3) OR target.code = ANY($3))
                 AND ($4::text[] IS NULL OR contract_code IS NULL OR contract_code = ANY($4))
               UNION ALL
               SELECT 11, 'provisional_issue', provisional_issue.id::text FROM provisional_issue
               JOIN place ON place.id = provisional_issue.place
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
               UNION ALL
               SELECT 12, 'pick_list', pick_list.id::text FROM pick_list
               JOIN place ON place.id = pick_list.place
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
               UNION ALL
               SELECT 13, 'handover', handover.id::text FROM handover
               JOIN place AS origin ON origin.id = handover.from_place
               JOIN place AS target ON target.id = handover.to_place
               WHERE number = $1
                 AND ($3::text[] IS NULL OR origin.code = ANY($3) OR target.code = ANY($3) OR $6 IN (origin.code, target.code))
               UNION ALL
               SELECT 13, 'return_debt', debt.id::text FROM return_debt AS debt
               JOIN place AS depot ON depot.id = debt.depot
               LEFT JOIN device ON device.id = debt.device
               LEFT JOIN contract ON contract.id = device.contract
               WHERE debt.number = $1 AND {debts.seen("$3", "$4", "$6")}
               UNION ALL
               SELECT 13, 'rma', rma.id::text FROM rma JOIN place ON place.id = rma.place
               LEFT JOIN contract ON contract.id = rma.contract
               WHERE $1 IN (number, vendor_number) AND ($3::text[] IS NULL OR place.code = ANY($3))
                 AND ($4::text[] IS NULL OR contract.code = ANY($4))
               UNION ALL
               SELECT 13, 'repair_order', repair.id::text FROM repair_order AS repair
               JOIN place ON place.id = repair.place LEFT JOIN contract ON contract.id = repair.contract
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
                 AND ($4::text[] IS NULL OR contract.code = ANY($4))
               UNION ALL
               SELECT 13, 'collection', collection.id::text FROM collection JOIN place ON place.id = collection.place
               JOIN contract ON contract.id = collection.contract
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
                 AND ($4::text[] IS NULL OR contract.code = ANY($4))
               UNION ALL
               SELECT 13, 'swap', swap.id::text FROM swap
               JOIN device ON device.id = swap.device
               JOIN contract ON contract.id = device.contract
               LEFT JOIN place ON place.id = swap.place
               WHERE swap.number = $1 AND ($4::text[] IS NULL OR contract.code = ANY($4))
                 AND ({reached("device.site", "$3")} OR place.code = ANY($3))
               UNION ALL
               SELECT 13, 'loan', loan.id::text FROM loan
               JOIN device ON device.id = loan.device
               JOIN contract ON contract.id = device.contract
               JOIN place ON place.id = loan.from_place
               WHERE loan.number = $1 AND ($4::text[] IS NULL OR contract.code = ANY($4))
                 AND ({reached("device.site", "$3")} OR place.code = ANY($3))
               UNION ALL
               SELECT 13, 'data_erasure', erasure.id::text FROM data_erasure AS erasure
               JOIN unit ON unit.id = erasure.unit
               JOIN pool ON pool.id = unit.pool
               JOIN place ON place.id = erasure.place
               WHERE erasure.number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3)) AND {serves("pool", "$4")}
               UNION ALL
               SELECT 14, 'quality_claim', quality_claim.id::text FROM quality_claim
               JOIN receipt ON receipt.id = quality_claim.receipt
               JOIN place ON place.id = receipt.place
               WHERE quality_claim.number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3)) AND $4::text[] IS NULL
               UNION ALL
               SELECT 16, 'invoice', invoice.id::text FROM invoice
               WHERE (invoice.number = $1 OR invoice_number = $1) AND ($3::text[] IS NULL OR NOT EXISTS (
                   SELECT FROM invoice_line
                   JOIN purchase_order AS theirs ON theirs.id = invoice_line.purchase_order
                   JOIN place AS there ON there.id = theirs.ship_to
                   WHERE invoice_line.invoice = invoice.id AND there.code <> ALL($3)))
               UNION ALL
               SELECT 17, 'inquiry', inquiry.id::text FROM inquiry JOIN place ON place.id = inquiry.ship_to
               JOIN pool ON pool.id = inquiry.pool
               WHERE number = $1 AND ($3::text[] IS NULL OR place.code = ANY($3)) AND {serves("pool", "$4")}
               UNION ALL
               SELECT 18, 'suspicion', suspicion.id::text FROM suspicion
               JOIN receipt ON receipt.id = suspicion.receipt
               JOIN place AS store ON store.id = receipt.place
               WHERE suspicion.number = $1 AND {counterfeits.seen("$3", "$4")}
               UNION ALL  -- the page of an alarm is that of its series
               SELECT 15, 'radar_alarm', series.id::text FROM radar_alarm AS radar
               JOIN radar_series AS series ON series.dimension = radar.dimension AND series.subject = radar.subject
               WHERE radar.number = $1 AND {radar_views.seen("$3", "$4")}
           ) AS anything
           WHERE kind = ANY($2) ORDER BY rank, key DESC LIMIT 1""",
        number,
        [kind for kind, right in READS.items() if seen_by.may(right)],
        seen_by.depot_scope,
        seen_by.contract_scope,
        seen_by.vendor,
        seen_by.name,
    )
