"""A case told to one customer: what happened to the stock that serves a contract, what was done, when cover was back.

Told are the contract's own devices and failures; never prices, vendors, other stores, or other customers' devices and sites.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from inventory.emergency import cases
from inventory.emergency.following import DAYS_BEFORE, failures_since
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown

TOLD = ("opened", "conditions_hold", "approved", "cover_restored", "cover_lost", "closed", "stood_down")
"""The lines of a case's log that a customer reads."""


class Turn(Struct, frozen=True, kw_only=True):
    """A turn of a case: when, and which."""

    at: datetime
    kind: str


class Measure(Struct, frozen=True, kw_only=True):
    """Pieces that were bought or moved for the case: when that was decided, when they are due, when they came."""

    kind: Literal["buy", "move"]
    quantity: int
    decided_at: datetime
    due_at: datetime | None
    arrived_at: datetime | None


class CaseReport(Struct, frozen=True, kw_only=True):
    """A case as one contract's customer is told of it.

    `devices` are the contract's that carried the part when the case opened; `failures` its own, from `DAYS_BEFORE` before
    the case opened until it ended, or now. The conditions are those that held at any time; the lessons are as written.
    """

    number: str
    state: cases.State
    contract: str
    contract_zh: str
    contract_en: str
    customer_zh: str
    customer_en: str
    part_number: str
    name_zh: str
    name_en: str
    depot: str
    crossed_critical_point: bool
    in_burst: bool
    under_average_line: bool
    available_then: int
    critical_point_then: int
    devices: int
    failures: int
    opened_at: datetime
    approved_at: datetime | None
    cover_restored_at: datetime | None
    closed_at: datetime | None
    turns: list[Turn]
    measures: list[Measure]
    lessons: str


async def case_report(case: UUID, contract: str, *, seen_by: Actor) -> CaseReport:
    """A case for the customer of one contract that leans on its stock.

    Raises:
        Unknown: no such case, or the case does not concern the contract, or not in the reader's scope.

    """
    seen_by.require("emergency.read")
    view = await cases.case_view(case, seen_by=seen_by)
    summary, evidence = view.case, view.evidence
    served = next((each for each in evidence["served"] if each["contract"] == contract), None)
    head = await db.fetch_one(
        """SELECT contract.name_zh, contract.name_en, party.name_zh AS customer_zh, party.name_en AS customer_en
           FROM contract JOIN party ON party.id = contract.customer WHERE contract.code = $1""",
        contract,
    )
    if served is None or head is None:
        raise Unknown(what="contract of this case", what_zh="该应急方案涉及的合同", key=contract)
    days = await failures_since(
        case, summary.opened_at - DAYS_BEFORE, zone=clock.ZONE.key, seen_by=seen_by, contract=contract
    )
    return CaseReport(
        number=summary.number,
        state=summary.state,
        contract=contract,
        contract_zh=head["name_zh"],
        contract_en=head["name_en"],
        customer_zh=head["customer_zh"],
        customer_en=head["customer_en"],
        part_number=summary.part_number,
        name_zh=summary.name_zh,
        name_en=summary.name_en,
        depot=summary.depot,
        crossed_critical_point=summary.crossed_critical_point,
        in_burst=summary.in_burst,
        under_average_line=summary.under_average_line,
        available_then=_stock(evidence, "available"),
        critical_point_then=_stock(evidence, "critical_point"),
        devices=served["devices"],
        failures=sum(day.failures for day in days),
        opened_at=summary.opened_at,
        approved_at=summary.approved_at,
        cover_restored_at=summary.cover_restored_at,
        closed_at=summary.closed_at,
        turns=[Turn(at=entry.at, kind=entry.kind) for entry in view.log if entry.kind in TOLD],
        measures=await _measures(summary.number),
        lessons=view.lessons,
    )


def _stock(evidence: dict[str, Any], name: str) -> int:
    return evidence["stock"][name]


async def _measures(number: str) -> list[Measure]:
    """What was decided on for a case, by what it was and when: without whom it came from and what it cost."""
    return await db.read(
        Measure,
        """SELECT * FROM (
               SELECT 'buy' AS kind, sum(line.quantity)::int AS quantity, approved_at AS decided_at, promised_at AS due_at,
                      received_at AS arrived_at
               FROM purchase_order JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id
               WHERE case_number = $1 AND approved_at IS NOT NULL AND state NOT IN ('refused', 'cancelled')
               GROUP BY purchase_order.id
               UNION ALL
               SELECT 'move', sum(line.quantity)::int, transfer.created_at, due_at, received_at
               FROM transfer JOIN transfer_line AS line ON line.transfer = transfer.id
               WHERE case_number = $1 AND state NOT IN ('proposed', 'cancelled')
               GROUP BY transfer.id
           ) AS measure ORDER BY decided_at, kind LIMIT 100""",
        number,
    )
