"""Plan 2 rehearsed: a past period or a made-up burst played against today's network, without touching any stock.

Its measures are purchases and transfers of the part itself; substitutes are not rehearsed.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from inventory.catalogue import parts
from inventory.emergency.choices import Market, market_of, same, situation_of
from inventory.emergency.facts import Arriving, Facts, Key, RowFacts, gather
from inventory.emergency.judging import Judgement
from inventory.emergency.playing import Failing, Measure, Opened, Played, Taken, play
from inventory.ground import clock, db
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Invalid, Refused, Unknown
from inventory.installed_base.failures import REMEMBERED
from inventory.places import places
from inventory.stock import pools, time_travel
from inventory.stock.pools import COMMON
from inventory.stock.serving import SERVING
from optimizer.emergency import choose
from optimizer.situation import Lane, Purchase

PERIOD_DAYS_MAX = 92
BURST_DAYS_MAX = 90
FAILURES_MAX = 2_000
CASES_MAX = 20
"""For how many cases measures are worked out."""

PROPOSALS_MAX = 60
"""How often measures are chosen at most: a case that goes on chooses anew as its need grows."""

ROWS_MAX = 100_000
SOLVE_SECONDS = 0.5

REHEARSING = service("rehearsal")


class NothingPlanned(Refused):
    """No plan is approved, so plan 2 has nothing to judge stock by."""

    zh = "没有已批准的库存计划，应急方案二无从判断。"
    help_en = "Have a plan made and approved first."
    help_zh = "请先编制并批准库存计划。"


class RowNotPlanned(Refused):
    """The approved plan has no {part_number} at {depot} in pool {pool}: plan 2 does not watch it."""

    zh = "已批准的计划中没有 {depot} 的 {part_number}（库存归属 {pool}），应急方案二不监测该项。"
    help_en = "Choose a part and a store that the plan stocks, or make a plan that has it."
    help_zh = "请选择计划中有的备件与备件库，或重新编制计划。"


class NotAPeriod(Invalid):
    """{since} to {until} is no past period of at most {days} days."""

    zh = "{since} 至 {until} 不是不超过 {days} 天的过去时段。"
    help_en = "Begin before the end, end by now, and ask for at most {days} days."
    help_zh = "开始须早于结束，结束不晚于当前，最长 {days} 天。"


class TooManyFailures(Refused):
    """More than {most} failures happened then; so many are not rehearsed at once."""

    zh = "该时段的故障超过 {most} 次，无法一次推演。"
    help_en = "Choose a shorter period."
    help_zh = "请缩短时段。"


class HowManyFailures(Invalid):
    """A burst needs either a number of failures or how many times the usual rate it is, and one of them only."""

    zh = "突发须填写故障次数或倍数，且只填其一。"
    help_en = "Give `failures` or `factor`."
    help_zh = "请填写 failures（次数）或 factor（倍数）之一。"


class ImaginedBurst(Struct, frozen=True, kw_only=True):
    """A made-up burst: so many failures, or so many times the usual rate, spread evenly over `days` from `from_day` on."""

    part_number: str
    depot: str
    pool: str = COMMON
    failures: int | None = None
    factor: float | None = None
    from_day: int = 0
    days: int = 14


class RehearsedMeasure(Struct, frozen=True, kw_only=True):
    """What a case would have bought of a vendor, or had moved from another store."""

    kind: Literal["purchase", "transfer"]
    source: str
    expedited: bool
    quantity: int
    taken_at: datetime
    arrives_at: datetime
    cost_cny: Decimal | UnsetType = UNSET


class RehearsedCase(Struct, frozen=True, kw_only=True):
    """A case that plan 2 would have opened: when, on which conditions, and what it would have done at once.

    `day` counts from the beginning. `broken` names the classes below their floors. `really` are the numbers of the
    cases that really were open for the same part, store and pool then.
    """

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    opened_at: datetime
    day: float
    cause: Literal["level", "burst_and_level"]
    crossed_critical_point: bool
    in_burst: bool
    under_average_line: bool
    broken: list[str]
    available: int
    critical_point: int
    measures: list[RehearsedMeasure]
    still_missing: int
    cover_restored_at: datetime | None
    really: list[str]
    cost_cny: Decimal | UnsetType = UNSET


class RealCase(Struct, frozen=True, kw_only=True):
    """A case that really was open then; `rehearsed` says whether the rehearsal opened one for the same row too."""

    id: UUID
    number: str
    part_number: str
    depot: str
    pool: str
    opened_at: datetime
    closed_at: datetime | None
    rehearsed: bool = False


class Rehearsal(Struct, frozen=True, kw_only=True):
    """What plan 2 would have done, in the reader's stores.

    `without_stock` are the failures that would have found no stock with plan 2, `without_stock_otherwise` without it.
    `measures_cut` says that measures were not worked out for all cases, or not to the end.
    """

    since: datetime
    until: datetime
    policy_version: int
    failures: int
    without_stock: int
    without_stock_otherwise: int
    cases: list[RehearsedCase]
    real_cases: list[RealCase]
    measures_cut: bool
    cost_cny: Decimal | UnsetType = UNSET


class _Staged(Struct, frozen=True, kw_only=True):
    """What is played: the network as it stood, and the failures."""

    facts: Facts
    failures: list[Failing]
    until: datetime


async def past(since: datetime, until: datetime, *, seen_by: Actor) -> Rehearsal:
    """Play the failures of a past period against today's plan, from the stock that really lay there at its beginning.

    What then lacked to the base stock is taken to be on its way, ordered evenly over the resupply time; nothing that
    was promised to somebody counts as taken. Each failure asks the store that answers for its site and contract today.

    Raises:
        NotAPeriod: it is not over, not in order or too long.
        NothingPlanned, TooManyFailures: as they say.

    """
    if not (since < until <= clock.now() and until - since <= timedelta(days=PERIOD_DAYS_MAX)):
        raise NotAPeriod(since=since.isoformat(), until=until.isoformat(), days=PERIOD_DAYS_MAX)
    facts = await _network()
    happened = await db.fetch(_FAILURES, since - REMEMBERED, since, until, FAILURES_MAX + 1)
    numbers = {row.key: number for number, row in enumerate(facts.rows)}
    before: dict[int, list[datetime]] = {}
    failures: list[Failing] = []
    for row in happened:
        number = numbers.get((row["part"], row["place"], row["pool"]))
        if number is None:
            continue
        if row["occurred_at"] < since:
            before.setdefault(number, []).append(row["occurred_at"])
        else:
            failures.append(Failing(row["occurred_at"], number))
    if sum(row["occurred_at"] >= since for row in happened) > FAILURES_MAX:
        raise TooManyFailures(most=FAILURES_MAX)
    ours = await db.fetch_value("SELECT code FROM party WHERE is_ourselves")
    stock = {
        (line.part_number, line.depot, line.pool): line.on_hand
        for line in await time_travel.stock_as_of(since, limit=ROWS_MAX, seen_by=REHEARSING)
        if line.condition == "good" and line.owner == ours
    }
    rows = [
        _as_it_was(row, since, stock.get((row.part_number, row.depot, row.pool_code), 0), before.get(number, []))
        for number, row in enumerate(facts.rows)
    ]
    staged = _Staged(facts=structs.replace(facts, at=since, rows=rows), failures=failures, until=until)
    return await _rehearsed(staged, since, await _real_cases(since, until, seen_by), seen_by)


async def imagined(burst: ImaginedBurst, *, seen_by: Actor) -> Rehearsal:
    """Play a made-up burst against the stock as it stands now, everything else quiet meanwhile.

    Raises:
        Unknown, UnknownPart: no such part, store or pool, or one the reader may not see.
        HowManyFailures: neither or both of number and factor are given.
        NothingPlanned, RowNotPlanned, TooManyFailures: as they say.

    """
    if (burst.failures is None) == (burst.factor is None) or burst.factor == 0:
        raise HowManyFailures
    part = await parts.find(burst.part_number)
    key = part.id, (await places.find_store(burst.depot)).id, await pools.find(burst.pool)
    if not seen_by.sees_depot(burst.depot):
        raise Unknown(what="depot", what_zh="备件库", key=burst.depot)
    facts = await _network()
    number = next((number for number, row in enumerate(facts.rows) if row.key == key), None)
    if number is None:
        raise RowNotPlanned(part_number=part.part_number, depot=burst.depot, pool=burst.pool)
    row = facts.rows[number]
    count = burst.failures or max(1, round((burst.factor or 1.0) * row.rate_per_day * burst.days))
    if count > FAILURES_MAX:
        raise TooManyFailures(most=FAILURES_MAX)
    began = facts.at + timedelta(days=burst.from_day)
    failures = [Failing(began + timedelta(days=burst.days * (n + 0.5) / count), number) for n in range(count)]
    until = began + timedelta(days=burst.days + row.resupply_days)
    real = [each for each in await _real_cases(facts.at, until, seen_by) if _same(each, row)]
    return await _rehearsed(_Staged(facts=facts, failures=failures, until=until), began, real, seen_by)


async def _network() -> Facts:
    """Every row of the approved plan as it stands now.

    Raises:
        NothingPlanned: no plan holds.

    """
    facts = await gather()
    if not facts.rows:
        raise NothingPlanned
    return facts


def _as_it_was(row: RowFacts, since: datetime, on_hand: int, failures: list[datetime]) -> RowFacts:
    """A row as it stood at an instant, what it lacked to its base stock ordered evenly over the resupply time before."""
    lacking = max(0, (row.base_stock or 0) - on_hand)
    return structs.replace(
        row,
        on_hand=on_hand,
        reserved=0,
        backordered=0,
        arriving=[
            Arriving(
                quantity=1,
                due_at=since + timedelta(days=row.resupply_days * (number + 1) / (lacking + 1)),
                measure=False,
            )
            for number in range(lacking)
        ],
        failures=failures,
        stored_share=None,
        stored_raise=1.0,
        stored_in_burst=False,
        hand_set=None,
        case=None,
        case_state=None,
        standing_in=None,
        lent=0,
    )


async def _rehearsed(staged: _Staged, since: datetime, real: Sequence[RealCase], seen_by: Actor) -> Rehearsal:
    """Play with plan 2 and without it; offers and lanes are looked up for the rows it opens cases for."""
    markets: dict[Key, Market] = {}
    facts = staged.facts
    while True:
        played, all_proposed = await asyncio.to_thread(_played, staged, markets)
        asked = list(dict.fromkeys(each.row for each in played.opened))[:CASES_MAX]
        unknown = [number for number in asked if facts.rows[number].key not in markets]
        if not unknown or len(markets) >= CASES_MAX:
            break
        for number in unknown:
            row = facts.rows[number]
            others = [each for each in facts.rows if (each.part, each.pool) == (row.part, row.pool) and each is not row]
            markets[row.key] = await market_of(facts.at, row, others, facts.policy)
    otherwise = await asyncio.to_thread(play, facts, staged.failures, until=staged.until, judged=())
    complete = all_proposed and all(facts.rows[each.row].key in markets for each in played.opened)
    return _told(staged, since, played, otherwise, real, seen_by, measures_cut=not complete)


def _played(staged: _Staged, markets: Mapping[Key, Market]) -> tuple[Played, bool]:
    """What plan 2 does where it may choose of these markets, and whether it could choose as often as it wanted."""
    policy, proposals = staged.facts.policy, itertools.count()

    def measures(facts: Facts, subject: RowFacts, judgement: Judgement, under_way: int) -> list[Measure]:
        market = markets.get(subject.key)
        if market is None or next(proposals) >= PROPOSALS_MAX:
            return []
        donors = [row for row in facts.rows if row.key != subject.key and row.available > 0]
        stores = {row.depot for row in donors}
        lanes = {lane.name: lane for lane, _ in market.lanes if lane.origin.partition("/")[0] in stores}
        terms = {term.option: term for _, term in market.offers}
        situation = situation_of(
            facts.at,
            subject,
            judgement,
            [same(facts.at, row, policy) for row in donors],
            policy,
            terms=list(terms.values()),
            lanes=list(lanes.values()),
            under_way=under_way,
        )
        answer = choose(situation, time_limit_s=SOLVE_SECONDS)
        plan = answer.plan or (answer.least_shortage.plan if answer.least_shortage else ())
        offered = {term.option: each for each, term in market.offers}
        found: list[Measure] = []
        for action in plan:
            if isinstance(action, Purchase):
                term, offer = terms[action.buy], offered[action.buy]
                found.append(
                    Measure(
                        quantity=action.qty,
                        hours=term.lead_hours,
                        source=offer.vendor,
                        expedited=offer.expedited,
                        cost_cny=action.qty * term.unit_price_cny + term.order_fee_cny,
                    )
                )
            else:
                found.append(_moved(lanes[action.move], action.qty, facts.rows))
        return found

    played = play(staged.facts, staged.failures, until=staged.until, choose=measures)
    return played, next(proposals) <= PROPOSALS_MAX


def _moved(lane: Lane, quantity: int, rows: Sequence[RowFacts]) -> Measure:
    depot = lane.origin.partition("/")[0]
    return Measure(
        quantity=quantity,
        hours=lane.hours,
        origin=next(number for number, row in enumerate(rows) if row.depot == depot),
        source=depot,
        cost_cny=lane.fixed_cost_cny + quantity * lane.unit_cost_cny,
    )


def _told(
    staged: _Staged,
    since: datetime,
    played: Played,
    otherwise: Played,
    real: Sequence[RealCase],
    seen_by: Actor,
    *,
    measures_cut: bool,
) -> Rehearsal:
    """What the reader may know of it."""
    rows, costs = staged.facts.rows, seen_by.may("costs.read")
    shown = {number for number, row in enumerate(rows) if seen_by.sees_depot(row.depot)}

    def count(places_in_list: Sequence[int]) -> int:
        return sum(staged.failures[place].row in shown for place in places_in_list)

    cases = [_case(each, rows, since, real, costs=costs) for each in played.opened if each.row in shown]
    total = sum((_money(taken) for each in played.opened if each.row in shown for taken in each.taken), Decimal(0))
    return Rehearsal(
        since=since,
        until=staged.until,
        policy_version=staged.facts.policy.version,
        failures=count(range(len(staged.failures))),
        without_stock=count(played.unserved),
        without_stock_otherwise=count(otherwise.unserved),
        cases=cases,
        real_cases=[
            structs.replace(each, rehearsed=any(_same(each, rows[opened.row]) for opened in played.opened))
            for each in real
        ],
        measures_cut=measures_cut,
        cost_cny=total if costs else UNSET,
    )


def _case(
    opened: Opened, rows: Sequence[RowFacts], since: datetime, real: Sequence[RealCase], *, costs: bool
) -> RehearsedCase:
    row = rows[opened.row]
    return RehearsedCase(
        part_number=row.part_number,
        name_zh=row.name_zh,
        name_en=row.name_en,
        depot=row.depot,
        pool=row.pool_code,
        opened_at=opened.at,
        day=round((opened.at - since).total_seconds() / 86_400, 2),
        cause="burst_and_level" if opened.in_burst else "level",
        crossed_critical_point=opened.crossed,
        in_burst=opened.in_burst,
        under_average_line=opened.under_average,
        broken=opened.broken,
        available=opened.available,
        critical_point=opened.point,
        measures=[_measure(taken, costs=costs) for taken in opened.taken],
        still_missing=opened.still_missing,
        cover_restored_at=opened.restored_at,
        really=[each.number for each in real if _same(each, row)],
        cost_cny=sum((_money(taken) for taken in opened.taken), Decimal(0)) if costs else UNSET,
    )


def _measure(taken: Taken, *, costs: bool) -> RehearsedMeasure:
    measure = taken.measure
    return RehearsedMeasure(
        kind="purchase" if measure.origin is None else "transfer",
        source=measure.source,
        expedited=measure.expedited,
        quantity=measure.quantity,
        taken_at=taken.taken_at,
        arrives_at=taken.arrives_at,
        cost_cny=_money(taken) if costs else UNSET,
    )


def _money(taken: Taken) -> Decimal:
    return Decimal(str(round(taken.measure.cost_cny, 2)))


def _same(case: RealCase, row: RowFacts) -> bool:
    return (case.part_number, case.depot, case.pool) == (row.part_number, row.depot, row.pool_code)


async def _real_cases(since: datetime, until: datetime, seen_by: Actor) -> list[RealCase]:
    """The cases that were open at some time in a period, in the reader's stores."""
    return await db.read(
        RealCase,
        """SELECT emergency_case.id, emergency_case.number, part.part_number, place.code AS depot, pool.code AS pool,
                  opened_at, closed_at
           FROM emergency_case
           JOIN part ON part.id = emergency_case.part
           JOIN place ON place.id = emergency_case.place
           JOIN pool ON pool.id = emergency_case.pool
           WHERE opened_at < $2 AND (closed_at IS NULL OR closed_at >= $1)
             AND ($3::text[] IS NULL OR place.code = ANY($3))
           ORDER BY opened_at, emergency_case.number LIMIT 200""",
        since,
        until,
        seen_by.depot_scope,
    )


_FAILURES = f"""
WITH fallen AS (
    SELECT failure.occurred_at, failure.id, failure.part, serving.place, serving.pool
    FROM failure
    JOIN device ON device.id = failure.device
    JOIN ({SERVING}) AS serving ON serving.site = device.site AND serving.contract = device.contract
    WHERE failure.withdrawn_at IS NULL AND failure.occurred_at >= $1 AND failure.occurred_at < $3
)
SELECT occurred_at, part, place, pool FROM fallen WHERE occurred_at < $2
UNION ALL
(SELECT occurred_at, part, place, pool FROM fallen WHERE occurred_at >= $2 LIMIT $4)
ORDER BY occurred_at
"""
