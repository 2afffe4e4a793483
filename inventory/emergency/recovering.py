"""How the stock of a case is expected to recover: what comes, when, and what demand at the present rate leaves of it."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.emergency import cases, disclosure
from inventory.emergency.facts import gather
from inventory.emergency.judging import judge_one
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from optimizer.cover import Inbound
from optimizer.recovery import StockDay, outlook, restored_in

Standing = Literal["confirmed", "under_way", "proposed"]

LEAST_DAYS, MOST_DAYS, DAYS_AFTER = 7, 60, 3
"""How many days are told at least and at most, and how many after the case's last delivery or its recovery."""

ARRIVALS_AT_MOST = 200


class Coming(Struct, frozen=True, kw_only=True):
    """So many pieces that are to come: confirmed, under way (approved, not yet confirmed), or only proposed.

    What the case itself asked for is a `measure`.
    """

    quantity: int
    due_at: datetime
    standing: Standing
    document: str | None
    measure: bool


class Outlook(Struct, frozen=True, kw_only=True):
    """What is expected of the stock day by day, and when it is first at what is needed more likely than not.

    `restored_at` is None where these deliveries do not bring it there, should failures go on as they do.
    """

    days: list[StockDay]
    restored_at: datetime | None


class Recovery(Struct, frozen=True, kw_only=True):
    """How a case's stock recovers: by what is confirmed alone, and by that and the case's own measures.

    `available` is good stock less reserved and backordered at `at`, `rate_per_day` the present rate, None to whoever is bound
    to contracts where others lean on the stock too. Cover is back at `needed`:
    the critical point, or where a class is below its floor all that the case asks for.
    """

    at: datetime
    available: int
    needed: int
    critical_point: int
    average_failure_line: int
    rate_per_day: float | None
    arrivals: list[Coming]
    confirmed: Outlook
    with_measures: Outlook


async def recovery(case: UUID, *, seen_by: Actor) -> Recovery | None:
    """How an open case's stock is expected to recover; None once the case is over.

    Raises:
        Unknown: no such case in the reader's scope.

    """
    summary = await cases.case_summary(case, seen_by=seen_by)
    if summary.state not in cases.LIVE:
        return None
    own = await db.fetch_one("SELECT part, place, pool, evidence FROM emergency_case WHERE id = $1", case)
    if own is None:
        raise AssertionError("a case that was just seen is there")
    facts = await gather([(own["part"], own["place"], own["pool"])])
    subject, now = facts.rows[0], facts.at
    judgement = judge_one(facts, subject)
    available, rate = subject.available, judgement.row.rate_per_day
    needed = judgement.asked if judgement.broken else judgement.point
    arrivals = await _arrivals(case, now)
    back = restored_in(available, rate, needed, _inbound(arrivals, now))
    measured = [(each.due_at - now).total_seconds() / 86_400 for each in arrivals if each.measure]
    last = max([0.0 if back is None else back, *measured])
    days = min(max(LEAST_DAYS, math.ceil(last) + DAYS_AFTER), MOST_DAYS)

    def of(coming: list[Coming]) -> Outlook:
        inbound = _inbound(coming, now)
        back = restored_in(available, rate, needed, inbound)
        return Outlook(
            days=list(outlook(available, rate, needed, inbound, days=days)),
            restored_at=None if back is None else now + timedelta(days=back),
        )

    return Recovery(
        at=now,
        available=available,
        needed=needed,
        critical_point=judgement.point,
        average_failure_line=judgement.average_line,
        rate_per_day=None if disclosure.others_lean(own["evidence"], seen_by) else rate,
        arrivals=arrivals,
        confirmed=of([each for each in arrivals if each.standing == "confirmed"]),
        with_measures=of([each for each in arrivals if each.standing == "confirmed" or each.measure]),
    )


def _inbound(coming: Sequence[Coming], now: datetime) -> list[Inbound]:
    return [Inbound(each.quantity, (each.due_at - now).total_seconds() / 86_400) for each in coming]


async def _arrivals(case: UUID, now: datetime) -> list[Coming]:
    """What is to come to a case's stock and is not overdue, the earliest first; one statement."""
    return await db.read(
        Coming,
        """WITH own AS (SELECT part, place, pool, number FROM emergency_case WHERE id = $1),
           coming AS (
               SELECT delivery.quantity - delivery.received_quantity AS quantity, delivery.due_at,
                      CASE WHEN delivery.confirmed THEN 'confirmed' ELSE 'under_way' END AS standing,
                      coalesce(purchase_order.number, transfer.number) AS document,
                      coalesce(purchase_order.case_number, transfer.case_number) IS NOT DISTINCT FROM own.number AS measure
               FROM own
               JOIN expected_delivery AS delivery ON delivery.part = own.part AND delivery.place = own.place
                    AND delivery.pool = own.pool AND delivery.closed_at IS NULL
               LEFT JOIN purchase_order_line ON purchase_order_line.id = delivery.source
               LEFT JOIN purchase_order ON purchase_order.id = purchase_order_line.purchase_order
               LEFT JOIN transfer_line ON transfer_line.id = delivery.source
               LEFT JOIN transfer ON transfer.id = transfer_line.transfer
               UNION ALL
               SELECT line.quantity, $2::timestamptz + make_interval(hours => ceil(coalesce(
                          CASE WHEN expedited THEN offer.expedited_hours ELSE offer.lead_time_days * 24 END, 24))::int),
                      CASE purchase_order.state WHEN 'draft' THEN 'proposed' ELSE 'under_way' END, purchase_order.number, true
               FROM own
               JOIN purchase_order ON purchase_order.case_number = own.number AND purchase_order.state IN ('draft', 'approved')
                    AND purchase_order.ship_to = own.place AND purchase_order.pool = own.pool
               JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id AND line.part = own.part
               LEFT JOIN LATERAL (
                   SELECT expedited_hours, lead_time_days FROM offer
                   WHERE offer.vendor = purchase_order.vendor AND offer.part = line.part AND offer.valid_from <= $3
                   ORDER BY valid_from DESC LIMIT 1
               ) AS offer ON true
               UNION ALL
               SELECT line.quantity, $2::timestamptz + make_interval(hours => ceil(coalesce(transfer.hours, 24))::int),
                      CASE transfer.state WHEN 'proposed' THEN 'proposed' ELSE 'under_way' END, transfer.number, true
               FROM own
               JOIN transfer ON transfer.case_number = own.number AND transfer.state IN ('proposed', 'draft')
                    AND transfer.to_place = own.place
               JOIN transfer_line AS line ON line.transfer = transfer.id AND line.part = own.part AND line.pool = own.pool
           )
           SELECT quantity, due_at, standing, document, measure FROM coming
           WHERE quantity > 0 AND due_at > $2 ORDER BY due_at, document LIMIT $4""",
        case,
        now,
        clock.today(),
        ARRIVALS_AT_MOST,
    )
