"""The board: how things stand, at one glance, for somebody with certain rights and scope."""

from datetime import datetime

from msgspec import Struct

from inventory.emergency import assessments, cases, disclosure, facts
from inventory.emergency.assessments import AssessmentView
from inventory.emergency.cases import CaseSummary
from inventory.emergency.facts import ClassFacts
from inventory.ground import clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.steps import StepView
from inventory.people import duty
from inventory.people.duty import ShiftView
from inventory.requests import scope
from inventory.stock import provisional, risk
from inventory.stock.provisional import ProvisionalIssueView
from inventory.stock.risk import LevelAtRisk

SHOWN = 10
"""How many of each the board shows; what stands first is what matters most."""


class Board(Struct, frozen=True, kw_only=True):
    """What the overview shows; what the reader may not see is empty."""

    numbers: "Numbers"
    cases: list[CaseSummary]
    classes: list[ClassFacts]
    at_risk: list[LevelAtRisk]
    radar: list[AssessmentView]
    duties: list[StepView]
    on_duty: list[ShiftView]
    overdue_papers: list[ProvisionalIssueView]


async def board(*, seen_by: Actor) -> Board:
    """Everything the overview shows; as many statements for a large company as for a small one."""
    staff = seen_by.may("emergency.read")
    return Board(
        numbers=await numbers(seen_by=seen_by),
        cases=await cases.cases(limit=SHOWN, seen_by=seen_by, live_only=True) if staff else [],
        classes=await facts.classes_now() if staff else [],
        at_risk=await risk.at_risk(limit=SHOWN, seen_by=seen_by) if seen_by.may("stock.read") else [],
        radar=await assessments.assessment_views(limit=SHOWN, seen_by=seen_by, bursts_only=True) if staff else [],
        duties=await steps.open_steps(limit=SHOWN, seen_by=seen_by) if staff else [],
        on_duty=await duty.on_duty(limit=4 * SHOWN) if staff else [],
        overdue_papers=await provisional.overdue(limit=SHOWN, seen_by=seen_by) if seen_by.may("requests.read") else [],
    )


class Numbers(Struct, frozen=True, kw_only=True):
    """How many of what needs somebody's eye, in the reader's scope."""

    open_cases: int
    levels_below_critical_point: int
    levels_under_average_line: int
    requests_waiting: int
    open_steps: int
    late_steps: int
    orders_on_the_way: int
    next_delivery_at: datetime | None


async def numbers(*, seen_by: Actor) -> Numbers:
    """Count everything at once; one statement."""
    found = await db.read_one(
        Numbers,
        f"""WITH store AS (
               SELECT id, code FROM place WHERE $1::text[] IS NULL OR code = ANY($1)
           ), held AS (
               SELECT free - backordered AS available, critical_point, average_failure_line, base_stock
               FROM level
               JOIN store ON store.id = level.place
               JOIN party ON party.id = level.owner AND party.is_ourselves
               WHERE condition = 'good' AND critical_point IS NOT NULL
           ), bought AS (
               SELECT promised_at
               FROM purchase_order
               JOIN store ON store.id = purchase_order.ship_to
               JOIN vendor ON vendor.id = purchase_order.vendor
               JOIN party ON party.id = vendor.party AND ($3::text IS NULL OR party.code = $3)
               WHERE state IN ('approved', 'placed', 'acknowledged', 'shipped', 'partly_received')
           ), duty AS (
               SELECT due_at FROM step WHERE done_at IS NULL AND {steps.seen("$1", "$2", "$5")}
           )
           SELECT (SELECT count(*) FROM emergency_case JOIN store ON store.id = emergency_case.place
                   WHERE state NOT IN ('closed', 'stood_down')
                     AND {disclosure.told("emergency_case", "$2")})::int AS open_cases,
                  (SELECT count(*) FROM held WHERE available < critical_point)::int AS levels_below_critical_point,
                  (SELECT count(*) FROM held WHERE available <= average_failure_line AND base_stock > 0)::int
                      AS levels_under_average_line,
                  (SELECT count(*) FROM part_request
                   JOIN device ON device.id = part_request.device
                   JOIN contract ON contract.id = device.contract
                   WHERE part_request.state = 'backordered'
                     AND {scope.seen("$2", "$1", "$5")})::int AS requests_waiting,
                  (SELECT count(*) FROM duty)::int AS open_steps,
                  (SELECT count(*) FROM duty WHERE due_at < $4)::int AS late_steps,
                  (SELECT count(*) FROM bought)::int AS orders_on_the_way,
                  (SELECT min(promised_at) FROM bought WHERE promised_at >= $4) AS next_delivery_at""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        seen_by.vendor,
        clock.now(),
        seen_by.name,
    )
    if found is None:
        raise AssertionError("a select without a table returns its row")
    return found
