"""The invariants: what must hold of the books at every instant, as a list of queries; and that the meter is right.

Each query returns one row per thing that differs: what it is, what the ledger says, and what the books say. Where a part
(in a place), a unit or a lot is what differs, the row names its id too, so that the movements behind it can be told.
"""

from typing import NamedTuple

from msgspec import Struct

from inventory.assurance import seals
from inventory.assurance.meter import cells
from inventory.assurance.seals import BrokenSeal
from inventory.ground import db
from inventory.stock.trails import Trail, span, trail


class Invariant(NamedTuple):
    """A fact that must hold, and the query that finds where it does not."""

    name: str
    promise: str
    query: str


class Violation(Struct, frozen=True):
    """Something in the books that differs."""

    invariant: str
    what: str
    expected: str
    found: str
    movements: list[Trail] = []


_SUBJECT = """part.part_number || ' @ ' || place.code || ' / ' || level.condition || ' / ' || pool.code"""

_NAMED = """JOIN part ON part.id = level.part JOIN place ON place.id = level.place JOIN pool ON pool.id = level.pool"""

INVARIANTS = [
    Invariant(
        "levels_are_the_ledgers_sum",
        "what is on hand is the sum of the movements in and out",
        f"""WITH ledger AS (
                SELECT part, place, condition, owner, pool, sum(quantity) AS on_hand
                FROM (SELECT part, to_place AS place, to_condition AS condition, to_owner AS owner, to_pool AS pool,
                             quantity FROM movement
                      UNION ALL
                      SELECT part, from_place, from_condition, from_owner, from_pool, -quantity FROM movement) AS side
                GROUP BY 1, 2, 3, 4, 5
            )
            SELECT {_SUBJECT} AS what, coalesce(ledger.on_hand, 0)::text AS expected, level.on_hand::text AS found,
                   level.part, level.place
            FROM level LEFT JOIN ledger USING (part, place, condition, owner, pool) {_NAMED}
            WHERE level.on_hand <> coalesce(ledger.on_hand, 0)
            UNION ALL
            SELECT part.part_number || ' @ ' || place.code || ' / ' || ledger.condition, ledger.on_hand::text, 'no level',
                   ledger.part, ledger.place
            FROM ledger JOIN part ON part.id = ledger.part JOIN place ON place.id = ledger.place
            LEFT JOIN level USING (part, place, condition, owner, pool)
            WHERE level.id IS NULL AND ledger.on_hand <> 0 AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')""",
    ),
    Invariant(
        "no_past_stock_is_negative",
        "at the instant of no movement did a store hold less than nothing",
        """WITH backdated AS (  -- what is recorded as it occurs, the levels' own bounds keep from it
               SELECT DISTINCT part, place FROM movement CROSS JOIN LATERAL (VALUES (from_place), (to_place)) AS end_(place)
               WHERE occurred_at < recorded_at
           ), told AS (
               SELECT side.*, sum(quantity) OVER (PARTITION BY side.part, side.place, condition, owner, pool
                                              ORDER BY occurred_at) AS on_hand
               FROM backdated
               JOIN place AS store ON store.id = backdated.place
                    AND store.kind IN ('depot', 'onsite_store', 'engineer_stock')
               CROSS JOIN LATERAL (
                   SELECT occurred_at, part, to_place AS place, to_condition AS condition, to_owner AS owner,
                          to_pool AS pool, quantity
                   FROM movement WHERE movement.part = backdated.part AND to_place = backdated.place
                   UNION ALL
                   SELECT occurred_at, part, from_place, from_condition, from_owner, from_pool, -quantity
                   FROM movement WHERE movement.part = backdated.part AND from_place = backdated.place) AS side
           )
           SELECT part.part_number || ' @ ' || place.code || ' / ' || told.condition || ' / ' || told.occurred_at AS what,
                  '0 or more' AS expected, told.on_hand::text AS found, told.part, told.place
           FROM told JOIN part ON part.id = told.part JOIN place ON place.id = told.place WHERE told.on_hand < 0""",
    ),
    Invariant(
        "reserved_is_the_sum_of_reservations",
        "what is reserved is the sum of the pending reservations",
        f"""SELECT {_SUBJECT} AS what, coalesce(pending.quantity, 0)::text AS expected, level.reserved::text AS found,
                   level.part, level.place
            FROM level
            LEFT JOIN (SELECT level AS id, sum(quantity - posted_quantity) AS quantity FROM reservation
                       WHERE state = 'pending' GROUP BY 1) AS pending USING (id) {_NAMED}
            WHERE level.reserved <> coalesce(pending.quantity, 0)""",
    ),
    Invariant(
        "units_are_where_the_levels_say",
        "a serialised part has as many units at a spot as the level says",
        f"""WITH counted AS (
                SELECT part, place, condition, owner, pool, count(*) AS units FROM unit GROUP BY 1, 2, 3, 4, 5
            )
            SELECT {_SUBJECT} AS what, coalesce(counted.units, 0)::text AS expected, level.on_hand::text AS found,
                   level.part, level.place
            FROM level LEFT JOIN counted USING (part, place, condition, owner, pool) {_NAMED}
            WHERE part.serialised AND level.on_hand <> coalesce(counted.units, 0)""",
    ),
    Invariant(
        "lots_add_up_to_their_levels",
        "the pieces of a part without serials add up, over lots and bins, to what its level says",
        f"""SELECT {_SUBJECT} AS what, level.on_hand::text AS expected, coalesce(lots.quantity, 0)::text AS found,
                   level.part, level.place
            FROM level
            LEFT JOIN (SELECT part, place, condition, owner, pool, sum(quantity) AS quantity FROM lot_stock
                       GROUP BY 1, 2, 3, 4, 5) AS lots USING (part, place, condition, owner, pool) {_NAMED}
            WHERE NOT part.serialised AND level.on_hand <> coalesce(lots.quantity, 0)""",
    ),
    Invariant(
        "lots_are_the_ledgers_sum",
        "what lies of a lot in a bin is the sum of the movements in and out of it",
        """WITH ledger AS (
               SELECT lot, place, condition, owner, pool, bin, sum(quantity) AS quantity
               FROM (SELECT lot, to_place AS place, to_condition AS condition, to_owner AS owner, to_pool AS pool,
                            to_bin AS bin, quantity FROM movement WHERE lot IS NOT NULL
                     UNION ALL
                     SELECT lot, from_place, from_condition, from_owner, from_pool, from_bin, -quantity
                     FROM movement WHERE lot IS NOT NULL) AS side
               JOIN place ON place.id = side.place AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
               GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(quantity) <> 0
           ), there AS (SELECT lot, place, condition, owner, pool, bin, quantity FROM lot_stock WHERE quantity <> 0)
           SELECT lot.number || ' @ ' || place.code || coalesce(' / ' || bin.code, '') AS what,
                  coalesce(ledger.quantity, 0)::text AS expected, coalesce(there.quantity, 0)::text AS found, lot.id AS lot
           FROM ledger
           FULL JOIN there ON there.lot = ledger.lot AND there.place = ledger.place
                AND there.condition = ledger.condition AND there.owner = ledger.owner AND there.pool = ledger.pool
                AND coalesce(there.bin, 0) = coalesce(ledger.bin, 0)
           JOIN lot ON lot.id = coalesce(ledger.lot, there.lot)
           JOIN place ON place.id = coalesce(ledger.place, there.place)
           LEFT JOIN bin ON bin.id = coalesce(ledger.bin, there.bin)
           WHERE ledger.quantity IS DISTINCT FROM there.quantity""",
    ),
    Invariant(
        "units_are_where_their_movements_left_them",
        "a unit is where its last movement took it",
        """SELECT unit.serial AS what, concat_ws(' / ', target.code, last.to_condition, last.to_bin) AS expected,
                  concat_ws(' / ', place.code, unit.condition, unit.bin) AS found, unit.id AS unit
           FROM unit
           JOIN place ON place.id = unit.place
           JOIN LATERAL (SELECT to_place, to_condition, to_owner, to_pool, to_bin FROM movement
                         WHERE movement.unit = unit.id ORDER BY recorded_at DESC, id DESC LIMIT 1) AS last ON true
           JOIN place AS target ON target.id = last.to_place
           WHERE (last.to_place, last.to_condition, last.to_owner, last.to_pool, last.to_bin)
                 IS DISTINCT FROM (unit.place, unit.condition, unit.owner, unit.pool, unit.bin)""",
    ),
    Invariant(
        "posted_reservations_moved_what_they_posted",
        "a posted reservation has movements for exactly what it posted",
        """SELECT reservation.id::text AS what, reservation.posted_quantity::text AS expected,
                  coalesce(sum(movement.quantity), 0)::text AS found
           FROM reservation LEFT JOIN movement ON movement.reservation = reservation.id
           GROUP BY reservation.id HAVING reservation.posted_quantity <> coalesce(sum(movement.quantity), 0)""",
    ),
    Invariant(
        "nothing_on_the_road_is_forgotten",
        "what a transfer shipped of anybody's, and neither delivered nor lost, is in transit and still theirs",
        """SELECT part.part_number || ' / ' || party.code AS what, coalesce(sent.quantity, 0)::text AS expected,
                  coalesce(road.quantity, 0)::text AS found, part.id AS part
           FROM part
           CROSS JOIN party
           LEFT JOIN (SELECT part, owner, sum(shipped_quantity - received_quantity - lost_quantity) AS quantity
                      FROM transfer_line GROUP BY part, owner) AS sent ON sent.part = part.id AND sent.owner = party.id
           LEFT JOIN (SELECT movement.part,
                             CASE WHEN target.kind = 'transit' THEN to_owner ELSE from_owner END AS owner,
                             sum(CASE WHEN target.kind = 'transit' THEN quantity ELSE -quantity END) AS quantity
                      FROM movement
                      JOIN place AS origin ON origin.id = movement.from_place
                      JOIN place AS target ON target.id = movement.to_place
                      WHERE movement.document_kind = 'transfer' AND (origin.kind = 'transit') <> (target.kind = 'transit')
                      GROUP BY 1, 2) AS road ON road.part = part.id AND road.owner = party.id
           WHERE coalesce(sent.quantity, 0) <> coalesce(road.quantity, 0)""",
    ),
    Invariant(
        "what_is_picked_is_held",
        "a line of a pick list belongs to a pending reservation, and its lines add up to what that holds",
        """SELECT reservation.id::text AS what,
                  (reservation.quantity - reservation.posted_quantity) || ' pending' AS expected,
                  sum(pick.quantity) || ' ' || reservation.state AS found
           FROM reservation
           JOIN pick ON pick.reservation = reservation.id AND pick.state IN ('open', 'picked', 'short')
           GROUP BY reservation.id
           HAVING sum(pick.quantity) <> reservation.quantity - reservation.posted_quantity OR reservation.state <> 'pending'""",
    ),
    Invariant(
        "what_has_no_paper_is_recorded",
        "what lies where pieces wait for their paper is what was taken without paper and is not settled",
        """SELECT part.part_number AS what, coalesce(taken.quantity, 0)::text AS expected,
                  coalesce(waiting.quantity, 0)::text AS found
           FROM part
           LEFT JOIN (SELECT part, sum(quantity) AS quantity FROM provisional_issue
                      WHERE state IN ('open', 'loss_reported') GROUP BY part) AS taken ON taken.part = part.id
           LEFT JOIN (SELECT movement.part, sum(CASE WHEN target.kind = 'unpapered' THEN quantity ELSE -quantity END)
                             AS quantity
                      FROM movement
                      JOIN place AS origin ON origin.id = movement.from_place
                      JOIN place AS target ON target.id = movement.to_place
                      WHERE (origin.kind = 'unpapered') <> (target.kind = 'unpapered')
                      GROUP BY movement.part) AS waiting ON waiting.part = part.id
           WHERE coalesce(taken.quantity, 0) <> coalesce(waiting.quantity, 0)""",
    ),
    Invariant(
        "posted_counts_moved_what_differed",
        "a posted count corrected the books by just what its lines say",
        """SELECT count_sheet.number || ' / ' || part.part_number AS what, counted.quantity::text AS expected,
                  coalesce(moved.quantity, 0)::text AS found, counted.part, count_sheet.place
           FROM (SELECT sheet, part, sum(posted) AS quantity FROM count_line GROUP BY sheet, part) AS counted
           JOIN count_sheet ON count_sheet.id = counted.sheet AND count_sheet.state = 'posted'
           JOIN part ON part.id = counted.part
           LEFT JOIN LATERAL (
               SELECT sum(CASE WHEN to_place = count_sheet.place THEN quantity ELSE -quantity END) AS quantity
               FROM movement
               WHERE movement.document = count_sheet.number AND movement.document_kind = 'count'
                 AND movement.kind = 'adjustment' AND movement.part = counted.part
           ) AS moved ON true
           WHERE counted.quantity <> coalesce(moved.quantity, 0)""",
    ),
    Invariant(
        "a_reversal_leads_back",
        "a reversed movement has one reversal, which takes the same pieces back the same way",
        """SELECT coalesce(back.id, reversal.movement)::text AS what, 'the way back' AS expected,
                  CASE WHEN reversal.movement IS NULL THEN 'a reversal that nothing records'
                       WHEN back.id IS NULL THEN 'no movement' ELSE 'another way' END AS found, back.part
           FROM reversal
           FULL JOIN (SELECT * FROM movement WHERE reverses IS NOT NULL) AS back
                ON back.id = reversal.reversed_by_movement AND back.reverses = reversal.movement
           LEFT JOIN movement AS undone ON undone.id = reversal.movement
           WHERE reversal.movement IS NULL OR back.id IS NULL
              OR (undone.part, undone.quantity, undone.unit, undone.lot, undone.from_place, undone.from_condition,
                  undone.from_owner, undone.from_pool, undone.from_bin, undone.to_place, undone.to_condition,
                  undone.to_owner, undone.to_pool, undone.to_bin)
                 IS DISTINCT FROM
                 (back.part, back.quantity, back.unit, back.lot, back.to_place, back.to_condition,
                  back.to_owner, back.to_pool, back.to_bin, back.from_place, back.from_condition,
                  back.from_owner, back.from_pool, back.from_bin)""",
    ),
    Invariant(
        "what_is_on_the_road_is_expected",
        "what of our stock a transfer has on the road is expected at its target, and nothing of others' stock",
        """SELECT transfer.number || ' / ' || part.part_number AS what, road.ours::text AS expected,
                  coalesce(awaited.quantity, 0)::text AS found
           FROM transfer_line AS line
           JOIN transfer ON transfer.id = line.transfer
           JOIN part ON part.id = line.part
           JOIN party ON party.id = line.owner
           CROSS JOIN LATERAL (
               SELECT CASE WHEN party.is_ourselves
                           THEN line.shipped_quantity - line.received_quantity - line.lost_quantity ELSE 0 END AS ours
           ) AS road
           LEFT JOIN (SELECT source, sum(quantity - received_quantity) AS quantity FROM expected_delivery
                      WHERE closed_at IS NULL GROUP BY source) AS awaited ON awaited.source = line.id
           WHERE road.ours <> coalesce(awaited.quantity, 0)""",
    ),
    Invariant(
        "notices_say_how_they_stand",
        "an open advance notice still expects something, and a received one nothing",
        """SELECT advance_notice.number AS what, state AS expected, rest::text AS found
           FROM advance_notice
           JOIN (SELECT notice, sum(greatest(quantity - received_quantity, 0)) AS rest, sum(received_quantity) AS came
                 FROM advance_notice_line GROUP BY notice) AS line ON line.notice = advance_notice.id
           WHERE (state = 'expected' AND came > 0) OR (state = 'partly_received' AND (came = 0 OR rest = 0))
              OR (state = 'received' AND rest > 0) OR (state = 'cancelled' AND came > 0)""",
    ),
    Invariant(
        "shipments_follow_their_transfers",
        "a transfer's shipment is on the way while anything of it is, and lost where all of it is",
        """SELECT shipment.number AS what,
                  CASE WHEN line.rest > 0 THEN 'shipped' WHEN line.received = 0 THEN 'lost' ELSE 'handed_over' END
                      AS expected,
                  shipment.state AS found
           FROM shipment
           JOIN transfer ON transfer.number = shipment.document_number
           JOIN (SELECT transfer, sum(shipped_quantity - received_quantity - lost_quantity) AS rest,
                        sum(received_quantity) AS received
                 FROM transfer_line GROUP BY transfer) AS line ON line.transfer = transfer.id
           WHERE shipment.document_kind = 'transfer'
             AND ((shipment.state IN ('shipped', 'failed') AND line.rest = 0)
                  OR (shipment.state = 'lost' AND (line.rest > 0 OR line.received > 0)))""",
    ),
    Invariant(
        "receipts_say_what_was_booked",
        "a document's receipts count as many pieces of each part and owner as its movements brought in",
        """SELECT document AS what, coalesce(told.quantity, 0)::text AS expected, coalesce(moved.quantity, 0)::text AS found
           FROM (SELECT receipt.document, line.part, line.owner, sum(line.quantity) AS quantity
                 FROM receipt JOIN receipt_line AS line ON line.receipt = receipt.id
                 WHERE receipt.source_kind IN ('purchase_order', 'transfer', 'advance_notice')
                 GROUP BY receipt.document, line.part, line.owner HAVING sum(line.quantity) > 0) AS told
           FULL JOIN (SELECT document, part, to_owner AS owner, sum(quantity) AS quantity FROM movement
                      WHERE kind IN ('receipt', 'transfer_in')
                        AND document IN (SELECT document FROM receipt
                                         WHERE source_kind IN ('purchase_order', 'transfer', 'advance_notice'))
                      GROUP BY document, part, to_owner) AS moved USING (document, part, owner)
           WHERE told.quantity IS DISTINCT FROM moved.quantity""",
    ),
    Invariant(
        "what_was_tested_bad_is_never_free",
        "no unit is good stock whose last finding was that it is not",
        """SELECT unit.serial AS what, 'good' AS expected, last.to_condition AS found
           FROM unit
           JOIN place ON place.id = unit.place AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
           JOIN LATERAL (SELECT to_condition, result FROM inspection WHERE inspection.unit = unit.id
                         ORDER BY inspected_at DESC, id DESC LIMIT 1) AS last ON true
           WHERE unit.condition = 'good' AND last.result = 'failed'""",
    ),
    Invariant(
        "what_came_back_bad_is_free_only_by_a_test",
        "no unit that came back defective is good stock but by an inspection since, which it passed",
        """SELECT unit.serial AS what, 'a passed test' AS expected, 'none' AS found, unit.id AS unit
           FROM unit
           JOIN place ON place.id = unit.place AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
           JOIN LATERAL (SELECT recorded_at FROM movement
                         WHERE movement.unit = unit.id AND movement.kind = 'defective_return'
                           AND movement.to_condition = 'defective'
                         ORDER BY recorded_at DESC, id DESC LIMIT 1) AS back ON true
           WHERE unit.condition = 'good'
             AND NOT EXISTS (SELECT FROM inspection WHERE inspection.unit = unit.id AND inspection.result = 'passed'
                             AND inspection.inspected_at >= back.recorded_at)""",
    ),
    Invariant(
        "what_is_owed_is_somebodys_duty",
        "every open return debt has one open duty that reminds of it, and a settled one has none",
        """SELECT return_debt.number AS what, CASE return_debt.state WHEN 'open' THEN '1' ELSE '0' END AS expected,
                  coalesce(duty.duties, 0)::text AS found
           FROM return_debt
           LEFT JOIN (SELECT subject, count(*) AS duties FROM step
                      WHERE subject_kind = 'return_debt' AND done_at IS NULL AND kind IN ('bring_back', 'send_back')
                      GROUP BY subject) AS duty ON duty.subject = return_debt.number
           WHERE (return_debt.state = 'open')::int <> coalesce(duty.duties, 0)""",
    ),
    Invariant(
        "what_is_lent_is_ours_at_its_customer",
        "a unit that is lent is ours, and at the site of the device it stands in for",
        """SELECT loan.number AS what, site.code || ' / ours' AS expected, place.code || ' / ' || party.code AS found,
                  unit.id AS unit
           FROM loan
           JOIN unit ON unit.id = loan.unit
           JOIN place ON place.id = unit.place
           JOIN party ON party.id = unit.owner
           JOIN device ON device.id = loan.device
           JOIN place AS site ON site.id = device.site
           WHERE loan.state = 'lent' AND (unit.place <> device.site OR NOT party.is_ourselves)""",
    ),
    Invariant(
        "what_came_back_with_data_is_erased_before_it_is_good",
        "a unit that holds a customer's data is no good stock, and has no verified erasure since it came back",
        """SELECT unit.serial AS what, 'not good, not erased' AS expected,
                  concat_ws(' / ', unit.condition, erasure.number) AS found, unit.id AS unit
           FROM unit
           LEFT JOIN LATERAL (
               SELECT number FROM data_erasure WHERE data_erasure.unit = unit.id AND result = 'passed'
                 AND verified_at > (SELECT max(recorded_at) FROM movement
                                    WHERE movement.unit = unit.id AND kind IN ('return_from_site', 'defective_return'))
               LIMIT 1) AS erasure ON true
           WHERE unit.holds_data AND (unit.condition = 'good' OR erasure.number IS NOT NULL)""",
    ),
    Invariant(
        "a_swap_holds_at_most_what_it_says",
        "what is held or promised for swaps belongs to one that is not decided, and holds one unit of its part",
        """SELECT swap.number AS what, 'one unit for an undecided swap' AS expected,
                  swap.state || ' / ' || reservation.state || ' / ' || reservation.quantity AS found, level.part, level.place
           FROM swap
           JOIN reservation ON reservation.id = swap.reservation AND reservation.state IN ('soft', 'pending')
           JOIN level ON level.id = reservation.level
           WHERE swap.state NOT IN ('watching', 'reserved') OR reservation.quantity <> 1
              OR level.part IS DISTINCT FROM swap.part OR level.place IS DISTINCT FROM swap.place""",
    ),
    Invariant(
        "what_went_back_is_at_its_vendor",
        "a unit that was sent to its vendor and has not come back is at that vendor, and none that was not sent",
        """SELECT rma.number || ' / ' || unit.serial AS what, lies.code AS found,
                  CASE WHEN rma.shipped_at IS NULL THEN 'not ' ELSE '' END || there.code AS expected, unit.id AS unit
           FROM rma_line AS line
           JOIN rma ON rma.id = line.rma JOIN vendor ON vendor.id = rma.vendor JOIN place AS there ON there.id = vendor.place
           JOIN unit ON unit.id = line.unit JOIN place AS lies ON lies.id = unit.place
           WHERE line.closed_at IS NULL AND (rma.advance OR line.came_at IS NULL)
             AND (rma.shipped_at IS NULL) = (lies.id = there.id)""",
    ),
    Invariant(
        "nothing_handed_over_is_forgotten",
        "what was handed over and not yet accepted or declined is in transit, and nothing else of it",
        """SELECT handover.number AS what, CASE handover.state WHEN 'given' THEN 'on the way' ELSE '0' END AS expected,
                  coalesce(road.quantity, 0)::text AS found
           FROM handover
           LEFT JOIN (SELECT document,
                             sum(CASE WHEN target.code = 'TRANSIT' THEN quantity ELSE -quantity END) AS quantity
                      FROM movement JOIN place AS target ON target.id = movement.to_place
                      WHERE document_kind = 'handover' GROUP BY document) AS road ON road.document = handover.number
           WHERE (handover.state = 'given') <> (coalesce(road.quantity, 0) > 0)""",
    ),
    Invariant(
        "what_waits_at_a_gate_stays_put",
        "nothing is picked or sent of a request that is quoted or awaits an approval, and what it holds is pending, or soft "
        "for planned work",
        """SELECT part_request.number || ' / ' || line.position AS what, 'held or nothing' AS expected,
                  concat_ws(', ', CASE WHEN line.firm THEN 'firm' END, CASE WHEN line.picked_at IS NOT NULL THEN 'picked' END,
                            CASE WHEN line.shipped_at IS NOT NULL THEN 'shipped' END, reservation.state,
                            'pick ' || pick.state) AS found
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           LEFT JOIN reservation ON reservation.id = line.reservation
                AND reservation.state NOT IN ('pending', 'taken_over', 'expired')  -- a job or a minute later it is let go of
                AND NOT (reservation.state = 'soft' AND part_request.planned_at IS NOT NULL)
           LEFT JOIN pick ON pick.reservation = line.reservation AND pick.state IN ('open', 'picked', 'short')
           WHERE line.state IN ('quoted', 'awaiting_approval')
             AND (line.firm OR line.picked_at IS NOT NULL OR line.shipped_at IS NOT NULL OR reservation.id IS NOT NULL
                  OR pick.id IS NOT NULL)""",
    ),
    Invariant(
        "who_waits_at_a_gate_asked_somebody",
        "a request is quoted while its quotation is open or over, awaits an approval while one is asked for, and not else",
        """SELECT part_request.number AS what, part_request.state AS expected,
                  concat_ws(', ', 'quotation ' || quotation.state, 'approval ' || approval.state) AS found
           FROM part_request
           LEFT JOIN LATERAL (SELECT state FROM quotation WHERE request = part_request.id
                              ORDER BY version DESC LIMIT 1) AS quotation ON true
           LEFT JOIN LATERAL (SELECT state FROM request_approval WHERE request = part_request.id
                              ORDER BY id DESC LIMIT 1) AS approval ON true
           WHERE (part_request.state = 'quoted') <> (coalesce(quotation.state, '') IN ('open', 'expired')
                                                     AND part_request.closed_at IS NULL)
              OR (part_request.state = 'awaiting_approval') <> (coalesce(approval.state, '') = 'asked')""",
    ),
    Invariant(
        "what_was_accepted_is_held_or_says_what_is_short",
        "a line whose quotation was accepted holds its stock, or waits for it with a reason",
        """SELECT part_request.number || ' / ' || line.position AS what, 'a reservation, or a reason' AS expected,
                  line.state AS found
           FROM quotation
           JOIN part_request ON part_request.id = quotation.request
           JOIN request_line AS line ON line.request = part_request.id
           LEFT JOIN reservation ON reservation.id = line.reservation
           WHERE quotation.state = 'accepted'
             AND ((line.state IN ('reserved', 'picked')
                   AND coalesce(reservation.state, '') NOT IN ('pending', 'taken_over'))
                  OR (line.state = 'backordered' AND line.reasons = '[]'))""",
    ),
    Invariant(
        "every_movement_has_its_month",
        "the ledger's partitions are all there",
        """SELECT 'movement' AS what, 'a partition for ' || to_char(now(), 'YYYY-MM') AS expected, 'none' AS found
           WHERE to_regclass('movement_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')) IS NULL""",
    ),
]
"""Every invariant; the list grows with each feature."""


SEALED = "sealed_rows_are_as_they_were"
"""The invariant that is no query: every sealed row is still there as it was, and every seal fits the one before."""


async def violations(*, limit_each: int = 20) -> list[Violation]:
    """Everything in the books that differs; empty when they are right."""
    found: list[Violation] = []
    for invariant in INVARIANTS:
        rows = await db.fetch(f"SELECT * FROM ({invariant.query}) AS differing LIMIT $1", limit_each)
        found += [
            Violation(invariant.name, row["what"], row["expected"], row["found"], await _behind(row)) for row in rows
        ]
    found += [
        Violation("cover_cells_say_what_is", wrong.what, wrong.expected, wrong.found)
        for wrong in await cells.differing(limit=limit_each)
    ]
    return found + [await _unsealed(seal, limit_each) for seal in await seals.broken()]


async def _unsealed(seal: BrokenSeal, limit: int) -> Violation:
    """A seal that its rows do not fit any more, with the movements of its span."""
    return Violation(
        SEALED,
        f"{seal.stream} seal {seal.number} of {seal.sealed_at:%Y-%m-%d %H:%M:%SZ}",
        f"{seal.rows} rows {seal.digest[:16]}…",
        f"{seal.rows_found} rows {seal.digest_found[:16]}…",
        await span(seal.since, seal.until, limit=limit) if seal.stream == "movement" else [],
    )


async def _behind(row: db.Row) -> list[Trail]:
    """The last movements of what differs, where the row names it."""
    named = {key: row[key] for key in ("part", "place", "unit", "lot") if row.get(key) is not None}
    return await trail(**named)
