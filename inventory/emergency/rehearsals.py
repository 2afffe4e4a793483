"""Plan 2 rehearsed: a past period or a made-up burst played against today's network, without touching any stock.

Its measures are purchases and transfers of the part itself; substitutes are not rehearsed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, convert, structs, to_builtins

from inventory.catalogue import parts
from inventory.emergency.choices import Market, market_of
from inventory.emergency.facts import Arriving, Facts, Key, RowFacts, gather
from inventory.emergency.playing import Failing, Opened, Taken
from inventory.emergency.rehearsing import Rehearsed, Staged
from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Forbidden, Invalid, Refused, Unknown, WrongState
from inventory.ground.progress import JobView, begin_job, cancel_job, job_view
from inventory.installed_base.failures import REMEMBERED
from inventory.places import places
from inventory.stock import pools, time_travel
from inventory.stock.pools import COMMON
from inventory.stock.serving import SERVING

KIND = "rehearse"
PERIOD_DAYS_MAX = 92
BURST_DAYS_MAX = 90
FAILURES_MAX = 2_000
REAL_CASES_MAX = 1_000
ROWS_MAX = 100_000

REHEARSING = service("rehearsal")


class PlaysEveryContract(Forbidden):
    """A rehearsal plays the stock and failures of every contract; {name} is bound to some."""

    zh = "推演涉及全部合同的库存与故障，{name} 的权限仅限部分合同。"
    help_en = "Ask a project manager of the whole house to rehearse it."
    help_zh = "请由可查看全部合同的项目经理发起推演。"


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


class PastPeriod(Struct, frozen=True, kw_only=True, tag="past"):
    """A period that is over."""

    since: datetime
    until: datetime


class ImaginedBurst(Struct, frozen=True, kw_only=True, tag="burst"):
    """A made-up burst: so many failures, or so many times the usual rate, spread evenly over `days` from `from_day` on."""

    part_number: str
    depot: str
    pool: str = COMMON
    failures: int | None = None
    factor: float | None = None
    from_day: int = 0
    days: int = 14


Asked = PastPeriod | ImaginedBurst


class RehearsalJob(Struct, frozen=True, kw_only=True):
    """A rehearsal somebody asked for: what was asked, and how far it is."""

    job: JobView
    asked: Asked


class RehearsedMeasure(Struct, frozen=True, kw_only=True):
    """What a case would have bought of a vendor, or had moved from another store."""

    kind: Literal["purchase", "transfer"]
    source: str | UnsetType
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


class _Outcome(Struct, frozen=True, kw_only=True):
    """What a job keeps of it: all stores, with costs; failures are counted by depot."""

    since: datetime
    until: datetime
    policy_version: int
    failures: dict[str, int]
    without_stock: dict[str, int]
    without_stock_otherwise: dict[str, int]
    cases: list[RehearsedCase]
    real_cases: list[RealCase]
    measures_cut: bool


@db.atomic
async def ask_past(since: datetime, until: datetime, *, by: Actor) -> JobView:
    """Have the failures of a past period played against today's plan, from the stock that really lay there at its beginning.

    What then lacked to the base stock is taken to be on its way, ordered evenly over the resupply time; nothing that
    was promised to somebody counts as taken. Each failure asks the store that answers for its site and contract today.

    Raises:
        PlaysEveryContract: the actor is bound to contracts.
        NotAPeriod: it is not over, not in order or too long.
        NothingPlanned, TooManyFailures: as they say.

    """
    _require_whole(by)
    if not (since < until <= clock.now() and until - since <= timedelta(days=PERIOD_DAYS_MAX)):
        raise NotAPeriod(since=since.isoformat(), until=until.isoformat(), days=PERIOD_DAYS_MAX)
    await _require_plan()
    if await db.fetch_value(_HOW_MANY, since, until, FAILURES_MAX + 1) > FAILURES_MAX:
        raise TooManyFailures(most=FAILURES_MAX)
    return await _ask(PastPeriod(since=since, until=until), by)


@db.atomic
async def ask_burst(burst: ImaginedBurst, *, by: Actor) -> JobView:
    """Have a made-up burst played against the stock as it stands, everything else quiet meanwhile.

    Raises:
        PlaysEveryContract: the actor is bound to contracts.
        Unknown, UnknownPart: no such part, store or pool, or one the reader may not see.
        HowManyFailures: neither or both of number and factor are given.
        NothingPlanned, RowNotPlanned, TooManyFailures: as they say.

    """
    _require_whole(by)
    if (burst.failures is None) == (burst.factor is None) or burst.factor == 0:
        raise HowManyFailures
    key = await _key(burst)
    if not by.sees_depot(burst.depot):
        raise Unknown(what="depot", what_zh="备件库", key=burst.depot)
    await _require_plan()
    (row,) = (await gather([key])).rows
    if not row.planned:
        raise _not_planned(burst)
    _count(burst, row)
    return await _ask(burst, by)


def _require_whole(by: Actor) -> None:
    by.require("emergency.read")
    if by.contracts is not None:
        raise PlaysEveryContract(name=by.name)


async def _ask(asked: Asked, by: Actor) -> JobView:
    job = await begin_job(KIND, by=by, stopping_right="emergency.read", payload={"asked": to_builtins(asked)})
    await jobs.enqueue(jobs.Rehearse(job.id))
    return job


async def _require_plan() -> None:
    if not await db.fetch_value(
        "SELECT EXISTS (SELECT FROM plan_row JOIN plan ON plan.id = plan_row.plan AND plan.state = 'approved')"
    ):
        raise NothingPlanned


async def _key(burst: ImaginedBurst) -> Key:
    part = await parts.find(burst.part_number)
    return part.id, (await places.find_store(burst.depot)).id, await pools.find(burst.pool)


def _not_planned(burst: ImaginedBurst) -> RowNotPlanned:
    return RowNotPlanned(part_number=burst.part_number, depot=burst.depot, pool=burst.pool)


def _count(burst: ImaginedBurst, row: RowFacts) -> int:
    """How many failures a burst is.

    Raises:
        TooManyFailures: they are more than are played.

    """
    count = burst.failures or max(1, round((burst.factor or 1.0) * row.rate_per_day * burst.days))
    if count > FAILURES_MAX:
        raise TooManyFailures(most=FAILURES_MAX)
    return count


@db.atomic
async def stop(job: UUID, *, by: Actor) -> JobView:
    """Ask one's own rehearsal to stop.

    Raises:
        Unknown: the actor asked for no such rehearsal.
        WrongState: it is over.

    """
    await rehearsal_job(job, seen_by=by)
    return await cancel_job(job, by=by)


async def rehearsal_job(job: UUID, *, seen_by: Actor) -> RehearsalJob:
    """A rehearsal that the reader asked for, and how far it is.

    Raises:
        Unknown: the reader asked for no such rehearsal.

    """
    asked = await db.fetch_value(
        "SELECT payload->'asked' FROM job WHERE id = $1 AND kind = $2 AND requested_by = $3", job, KIND, seen_by.name
    )
    if asked is None:
        raise Unknown(what="rehearsal", what_zh="推演", key=str(job))
    return RehearsalJob(job=await job_view(job), asked=convert(asked, Asked))


async def rehearsal(job: UUID, *, seen_by: Actor) -> Rehearsal:
    """What came of a rehearsal that the reader asked for: of the stores, and with the costs, that the reader now sees.

    Raises:
        PlaysEveryContract: the reader is bound to contracts by now.
        Unknown: the reader asked for no such rehearsal.
        WrongState: it is still played, or was stopped or refused.

    """
    _require_whole(seen_by)
    asked = await rehearsal_job(job, seen_by=seen_by)
    if asked.job.state != "done":
        raise WrongState(what="Rehearsal", what_zh="推演", key=str(job), state=asked.job.state, needed="done")
    kept = await db.fetch_value("SELECT payload->'outcome' FROM job WHERE id = $1", job)
    return _told(convert(kept, _Outcome), seen_by)


# ---- What the worker does.


async def staged(job: UUID) -> Staged:
    """The network and the failures that a rehearsal asked for.

    Raises:
        NothingPlanned, RowNotPlanned, TooManyFailures: the plan is no longer what it was.

    """
    asked = convert(await db.fetch_value("SELECT payload->'asked' FROM job WHERE id = $1", job), Asked)
    return await (_past(asked.since, asked.until) if isinstance(asked, PastPeriod) else _imagined(asked))


async def _past(since: datetime, until: datetime) -> Staged:
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
    return Staged(
        facts=structs.replace(facts, at=since, rows=rows), failures=failures, since=since, until=until, only=None
    )


async def _imagined(burst: ImaginedBurst) -> Staged:
    key, facts = await _key(burst), await _network()
    number = next((number for number, row in enumerate(facts.rows) if row.key == key), None)
    if number is None:
        raise _not_planned(burst)
    row = facts.rows[number]
    count = _count(burst, row)
    began = facts.at + timedelta(days=burst.from_day)
    failures = [Failing(began + timedelta(days=burst.days * (n + 0.5) / count), number) for n in range(count)]
    until = began + timedelta(days=burst.days + row.resupply_days)
    return Staged(facts=facts, failures=failures, since=began, until=until, only=number)


async def markets_of(staged: Staged, numbers: Sequence[int]) -> dict[Key, Market]:
    """Today's offers and lanes of some rows, by their places in the list."""
    facts, found = staged.facts, dict[Key, Market]()
    for number in numbers:
        row = facts.rows[number]
        others = [each for each in facts.rows if (each.part, each.pool) == (row.part, row.pool) and each is not row]
        found[row.key] = await market_of(facts.at, row, others, facts.policy)
    return found


@db.atomic
async def record(job: UUID, staged: Staged, rehearsed: Rehearsed) -> None:
    """Keep with the job what came of it, in all stores and with costs: who reads it sees less."""
    rows, played = staged.facts.rows, rehearsed.played
    real = await _real_cases(staged)

    def by_depot(places_in_list: Iterable[int]) -> dict[str, int]:
        return Counter(rows[staged.failures[place].row].depot for place in places_in_list)

    outcome = _Outcome(
        since=staged.since,
        until=staged.until,
        policy_version=staged.facts.policy.version,
        failures=by_depot(range(len(staged.failures))),
        without_stock=by_depot(played.unserved),
        without_stock_otherwise=by_depot(rehearsed.otherwise.unserved),
        cases=[_case(each, rows, staged.since, real) for each in played.opened],
        real_cases=[
            structs.replace(each, rehearsed=any(_same(each, rows[opened.row]) for opened in played.opened))
            for each in real
        ],
        measures_cut=rehearsed.measures_cut,
    )
    await db.execute(
        "UPDATE job SET payload = payload || jsonb_build_object('outcome', $2::jsonb) WHERE id = $1",
        job,
        to_builtins(outcome),
    )


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


def _told(kept: _Outcome, seen_by: Actor) -> Rehearsal:
    """What the reader may know of it."""
    costs = seen_by.may("costs.read")

    def count(by_depot: Mapping[str, int]) -> int:
        return sum(units for depot, units in by_depot.items() if seen_by.sees_depot(depot))

    cases = [each for each in kept.cases if seen_by.sees_depot(each.depot)]
    total = sum((each.cost_cny or Decimal(0) for each in cases), Decimal(0))
    return Rehearsal(
        since=kept.since,
        until=kept.until,
        policy_version=kept.policy_version,
        failures=count(kept.failures),
        without_stock=count(kept.without_stock),
        without_stock_otherwise=count(kept.without_stock_otherwise),
        cases=[_shown(each, seen_by) for each in cases],
        real_cases=[each for each in kept.real_cases if seen_by.sees_depot(each.depot)],
        measures_cut=kept.measures_cut,
        cost_cny=total if costs else UNSET,
    )


def _shown(case: RehearsedCase, seen_by: Actor) -> RehearsedCase:
    """A case with its prices and vendors for those who may see them."""
    costs, vendors = seen_by.may("costs.read"), seen_by.may("orders.read")
    measures = [
        structs.replace(
            each,
            cost_cny=each.cost_cny if costs else UNSET,
            source=each.source if vendors or each.kind == "transfer" else UNSET,
        )
        for each in case.measures
    ]
    return structs.replace(case, measures=measures, cost_cny=case.cost_cny if costs else UNSET)


def _case(opened: Opened, rows: Sequence[RowFacts], since: datetime, real: Sequence[RealCase]) -> RehearsedCase:
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
        measures=[_measure(taken) for taken in opened.taken],
        still_missing=opened.still_missing,
        cover_restored_at=opened.restored_at,
        really=[each.number for each in real if _same(each, row)],
        cost_cny=sum((_money(taken) for taken in opened.taken), Decimal(0)),
    )


def _measure(taken: Taken) -> RehearsedMeasure:
    measure = taken.measure
    return RehearsedMeasure(
        kind="purchase" if measure.origin is None else "transfer",
        source=measure.source,
        expedited=measure.expedited,
        quantity=measure.quantity,
        taken_at=taken.taken_at,
        arrives_at=taken.arrives_at,
        cost_cny=_money(taken),
    )


def _money(taken: Taken) -> Decimal:
    return Decimal(str(round(taken.measure.cost_cny, 2)))


def _same(case: RealCase, row: RowFacts) -> bool:
    return (case.part_number, case.depot, case.pool) == (row.part_number, row.depot, row.pool_code)


async def _real_cases(staged: Staged) -> list[RealCase]:
    """The cases that were open at some time while it plays: a burst's for its own row only."""
    part, place, pool = (None, None, None) if staged.only is None else staged.facts.rows[staged.only].key
    return await db.read(
        RealCase,
        """SELECT emergency_case.id, emergency_case.number, part.part_number, place.code AS depot, pool.code AS pool,
                  opened_at, closed_at
           FROM emergency_case
           JOIN part ON part.id = emergency_case.part
           JOIN place ON place.id = emergency_case.place
           JOIN pool ON pool.id = emergency_case.pool
           WHERE opened_at < $2 AND (closed_at IS NULL OR closed_at >= $1)
             AND ($3::int IS NULL OR (emergency_case.part, emergency_case.place, emergency_case.pool) = ($3, $4, $5))
           ORDER BY opened_at, emergency_case.number LIMIT $6""",
        staged.facts.at,
        staged.until,
        part,
        place,
        pool,
        REAL_CASES_MAX,
    )


_FALLEN = f"""
    SELECT failure.occurred_at, failure.part, serving.place, serving.pool
    FROM failure
    JOIN device ON device.id = failure.device
    JOIN ({SERVING}) AS serving ON serving.site = device.site AND serving.contract = device.contract
    WHERE failure.withdrawn_at IS NULL
"""

_HOW_MANY = f"""
SELECT count(*) FROM ({_FALLEN} AND failure.occurred_at >= $1 AND failure.occurred_at < $2 LIMIT $3) AS fallen
"""

_FAILURES = f"""
WITH fallen AS ({_FALLEN} AND failure.occurred_at >= $1 AND failure.occurred_at < $3)
SELECT occurred_at, part, place, pool FROM fallen WHERE occurred_at < $2
UNION ALL
(SELECT occurred_at, part, place, pool FROM fallen WHERE occurred_at >= $2 LIMIT $4)
ORDER BY occurred_at
"""
