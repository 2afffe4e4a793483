"""Sourcing: where requested parts come from, when they arrive, and what else could be done. Pure.

Every asked piece gets a source, or none. Of all ways to do so the best one leaves the fewest pieces without, then has
the fewest late, then the least lateness, then rests least on deliveries still to come, then costs least, then keeps to
the ladder's order. Another depot gives only what it does not need itself: it keeps its critical point, unless the
request's priority may empty depots.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from math import inf
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

Rung = Literal[
    "engineer_stock", "depot", "other_depot", "substitute", "vendor_exchange", "swap", "emergency"
]  # fmt: skip

RUNGS: tuple[Rung, ...] = (
    "engineer_stock",
    "depot",
    "other_depot",
    "substitute",
    "vendor_exchange",
    "swap",
    "emergency",
)
"""From the rung tried first to the last."""

PICK_HOURS = 0.25
"""From the request to the part leaving the store."""

LEAST_EVIDENCE = 5
"""Fewer earlier shipments or orders tell nothing of how likely the next one is to be in time."""

MOST_WAYS = 20_000
"""Lines that share stock are weighed together while there are no more ways than this, then one after the other."""


class Stock(Struct, frozen=True, kw_only=True):
    """Good stock of a part in a store.

    `pieces_each` is how many pieces of it stand in for one asked piece; `keeps` how many its store holds back for its own
    sites from what goes elsewhere, so nothing where it serves the site itself.
    """

    part: int
    place: int
    free: int
    pieces_each: int = 1
    keeps: int = 0


class Source(Stock, frozen=True, kw_only=True):
    """Stock that could answer a line and one way it would get there; `inbound` names a delivery that is on its way.

    `took` is how many hours earlier shipments were on that way; infinitely many where one was lost.
    """

    rung: Rung
    part_number: str
    depot: str
    pool: int
    pool_code: str
    travel_hours: float | None
    transport_cost_cny: float
    chain: tuple[str, ...] = ()
    took: tuple[float, ...] = ()
    inbound: UUID | None = None
    ready_at: datetime | None = None
    hindrances: tuple[str, ...] = ()

    @property
    def stock(self) -> tuple[int, int, int, UUID | None]:
        """What it draws on; two ways from one level draw on the same."""
        return self.part, self.place, self.pool, self.inbound


class Outside(Struct, frozen=True, kw_only=True):
    """Something that can be asked for but not held: a vendor's exchange or sale, a whole unit.

    `took` is how many hours earlier orders took until they could be at the site; `told` is what else there is to know.
    """

    rung: Rung
    hours: float
    cost_cny: float
    vendor: str | None = None
    depot: str | None = None
    part_number: str | None = None
    took: tuple[float, ...] = ()
    hindrances: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


class Wanted(Struct, frozen=True, kw_only=True):
    """A line: how many pieces, and what could answer it."""

    quantity: int
    sources: Sequence[Source] = ()
    outside: Sequence[Outside] = ()


class Break(Struct, frozen=True, kw_only=True):
    """How many devices of a contract lose cover by a taking."""

    contract: str
    devices: int


class Step(Struct, frozen=True, kw_only=True):
    """A rung of the ladder: what it would bring, and why it is or is not taken.

    `chance` is that of being there by the need-by time, as `evidence` earlier shipments or orders tell; without enough of
    them it is not said. `pieces_each` stand in for one asked piece, and `chain` is how a substitute comes to do so: the
    part numbers from the one asked for to itself. `cost_cny` is told to those who may see costs. `breaks` says what taking
    the line's pieces there costs now; it is filled where a request is shown.
    """

    rung: Rung
    possible: bool
    depot: str | None = None
    vendor: str | None = None
    part_number: str | None = None
    pool: str | None = None
    free: int | None = None
    pieces_each: int = 1
    chain: list[str] = []
    arrives_at: datetime | None = None
    on_time: bool = False
    cost_cny: float | UnsetType | None = UNSET
    chance: float | None = None
    evidence: int | None = None
    reasons: list[str] = []
    breaks: list[Break] = []


class Taken(Struct, frozen=True, kw_only=True):
    """Some of a line's pieces and where they come from; `quantity` counts asked pieces."""

    source: Source
    quantity: int
    arrives_at: datetime
    on_time: bool

    @property
    def reasons(self) -> list[str]:
        """Why this source was taken."""
        return ["cheapest_on_time" if self.on_time else "earliest_possible"]


class Choice(Struct, frozen=True, kw_only=True):
    """What a line takes, how many pieces found nothing, and the whole ladder."""

    taken: list[Taken]
    missing: int
    ladder: list[Step]


class _Way(Struct, frozen=True):
    """A source that may be taken, weighed: what one asked piece from it adds to what is to be least."""

    source: Source
    arrives_at: datetime
    on_time: bool
    held_back: int
    weight: tuple[int, ...]


def choose(lines: Sequence[Wanted], *, now: datetime, need_by: datetime | None, may_empty: bool) -> list[Choice]:
    """Choose where each line's pieces come from, all lines together.

    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> def at(depot, rung, hours, cost, free=5, keeps=0):
    ...     return Source(rung=rung, part=1, part_number="PSU-750", place=ord(depot[0]), depot=depot, pool=1,
    ...                   pool_code="common", free=free, travel_hours=hours, transport_cost_cny=cost, keeps=keeps)
    >>> def asked(quantity, *sources):
    ...     choice, = choose([Wanted(quantity=quantity, sources=sources)], now=noon, may_empty=False,
    ...                      need_by=noon + timedelta(hours=2))
    ...     return [(each.source.depot, each.quantity, each.on_time) for each in choice.taken], choice.missing
    >>> near, far = at("GZ", "depot", 1.5, 0, free=2), at("SH", "other_depot", 25, 320, keeps=3)
    >>> asked(1, far, near)
    ([('GZ', 1, True)], 0)
    >>> asked(5, far, near)
    ([('GZ', 2, True), ('SH', 2, False)], 1)
    """
    ways = [_ways(line, now, need_by, may_empty=may_empty) for line in lines]
    taken: dict[int, list[tuple[_Way, int]]] = {}
    for group in _sharing(ways):
        taken |= zip(group, _share([lines[i].quantity for i in group], [ways[i] for i in group]), strict=True)
    return [
        Choice(
            taken=[
                Taken(source=way.source, quantity=count, arrives_at=way.arrives_at, on_time=way.on_time)
                for way, count in taken[index]
            ],
            missing=line.quantity - sum(count for _, count in taken[index]),
            ladder=_ladder(line, now, need_by, may_empty=may_empty),
        )
        for index, line in enumerate(lines)
    ]


def spare(stock: Stock, *, may_empty: bool) -> int:
    """How many asked pieces some stock can give: what is free, less what its store holds back for its own sites.

    >>> donor = Stock(part=1, place=1, free=5, keeps=3)
    >>> spare(donor, may_empty=False), spare(donor, may_empty=True)
    (2, 5)
    """
    return max(stock.free - (0 if may_empty else stock.keeps), 0) // stock.pieces_each


def _chance(took: Sequence[float], leaves_at: datetime, need_by: datetime | None) -> float | None:
    """How likely it is to be there in time, by how long it took before (rule of succession); None for want of evidence.

    (k + 1) / (n + 2), with k of n earlier ones having been fast enough.

    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> _chance([1.0, 1.5, 2.0, 2.5, 3.0, 9.0], noon, noon + timedelta(hours=3)), _chance([1.0], noon, noon)
    (0.75, None)
    """
    if need_by is None or len(took) < LEAST_EVIDENCE:
        return None
    hours = (need_by - leaves_at) / timedelta(hours=1)
    return round((sum(each <= hours for each in took) + 1) / (len(took) + 2), 2)


def _arrival(source: Source, now: datetime) -> datetime | None:
    if source.travel_hours is None:
        return None
    return max(now, source.ready_at or now) + timedelta(hours=PICK_HOURS + source.travel_hours)


def _ways(line: Wanted, now: datetime, need_by: datetime | None, *, may_empty: bool) -> list[_Way]:
    """What may be taken, best first; of several ways from one stock only the best one."""
    ways: list[_Way] = []
    for source in line.sources:
        arrives_at = _arrival(source, now)
        can_give = spare(source, may_empty=may_empty)
        if arrives_at is None or source.hindrances or can_give == 0:
            continue
        late = timedelta() if need_by is None else max(arrives_at - need_by, timedelta())
        cost, late_by = round(source.transport_cost_cny * 100), late // timedelta(microseconds=1)
        held_back = 0 if may_empty else source.keeps
        weight = (0, int(bool(late)), late_by, int(source.inbound is not None), cost, RUNGS.index(source.rung))
        ways.append(_Way(source, arrives_at, not late, held_back, weight))
    ways.sort(key=lambda way: (way.weight, way.arrives_at, way.source.depot, way.source.part_number))
    drawn: set[object] = set()
    return [way for way in ways if not (way.source.stock in drawn or drawn.add(way.source.stock))]


def _sharing(ways: Sequence[Sequence[_Way]]) -> list[list[int]]:
    """The lines in groups: those of different groups draw on nothing in common."""
    groups: list[tuple[list[int], set[object]]] = []
    for index, offered in enumerate(ways):
        stocks: set[object] = {way.source.stock for way in offered}
        touching = [group for group in groups if group[1] & stocks]
        groups = [group for group in groups if not group[1] & stocks]
        groups.append(([i for group in touching for i in group[0]] + [index], stocks.union(*(g[1] for g in touching))))
    return [indices for indices, _ in groups]


def _share(quantities: Sequence[int], ways: Sequence[Sequence[_Way]]) -> list[list[tuple[_Way, int]]]:
    """What each line of a group takes.

    A line alone takes the best there is piece by piece, which is the best for all its pieces. Lines that share are
    weighed together, unless there are too many ways to count.
    """
    free = {way.source.stock: way.source.free for offered in ways for way in offered}
    count = 1
    for quantity, offered in zip(quantities, ways, strict=True):
        count *= _distributions(quantity, len(offered))
    if len(quantities) == 1 or count > MOST_WAYS:
        found: list[list[tuple[_Way, int]]] = []
        for quantity, offered in zip(quantities, ways, strict=True):
            taken = next(_splits(quantity, offered, free))
            for way, pieces in taken:
                free[way.source.stock] -= pieces * way.source.pieces_each
            found.append(taken)
        return found
    stocks = sorted(free, key=str)

    @cache
    def best(index: int, left: tuple[int, ...]) -> tuple[tuple[int, ...], list[list[tuple[_Way, int]]]]:
        if index == len(quantities):
            return (0,) * 6, []
        answers: list[tuple[tuple[int, ...], list[list[tuple[_Way, int]]]]] = []
        for taken in _splits(quantities[index], ways[index], dict(zip(stocks, left, strict=True))):
            after = dict(zip(stocks, left, strict=True))
            for way, pieces in taken:
                after[way.source.stock] -= pieces * way.source.pieces_each
            weight, rest = best(index + 1, tuple(after[stock] for stock in stocks))
            missing = quantities[index] - sum(pieces for _, pieces in taken)
            own = tuple(sum(way.weight[i] * pieces for way, pieces in taken) for i in range(6))
            total = (weight[0] + missing, *(weight[i] + own[i] for i in range(1, 6)))
            answers.append((total, [taken, *rest]))
        return min(answers, key=lambda answer: answer[0])

    return best(0, tuple(free[stock] for stock in stocks))[1]


def _distributions(quantity: int, ways: int) -> int:
    """At most how many ways there are to spread pieces over some sources and none: (q + w choose w)."""
    count = 1
    for step in range(1, ways + 1):
        count = count * (quantity + step) // step
    return count


def _splits(
    quantity: int, ways: Sequence[_Way], free: dict[tuple[int, int, int, UUID | None], int]
) -> Iterator[list[tuple[_Way, int]]]:
    """Every way to take up to `quantity` pieces; the one that takes the most of the best comes first."""
    if not ways or quantity == 0:
        yield []
        return
    way, *others = ways
    most = min(quantity, max(free[way.source.stock] - way.held_back, 0) // way.source.pieces_each)
    for pieces in range(most, -1, -1):
        for rest in _splits(quantity - pieces, others, free):
            yield [(way, pieces), *rest] if pieces else rest


_NEVER = datetime.max.replace(tzinfo=UTC)


def _ladder(line: Wanted, now: datetime, need_by: datetime | None, *, may_empty: bool) -> list[Step]:
    told = _worth_telling(line.sources, may_empty=may_empty)
    steps = [_judge(line.quantity, source, now, need_by, may_empty=may_empty) for source in told]
    steps += [_outside(line.quantity, other, now, need_by) for other in line.outside]
    return sorted(
        steps, key=lambda step: (RUNGS.index(step.rung), not step.possible, step.arrives_at or _NEVER, step.depot or "")
    )


def _worth_telling(sources: Sequence[Source], *, may_empty: bool) -> list[Source]:
    """Every way from stock that can give something; of stock that can give nothing, the fastest one tells enough."""
    fastest = sorted(sources, key=lambda source: source.travel_hours if source.travel_hours is not None else inf)
    told = {source.stock: source for source in reversed(fastest)}
    return [each for each in sources if spare(each, may_empty=may_empty) or told[each.stock] is each]


def _judge(quantity: int, source: Source, now: datetime, need_by: datetime | None, *, may_empty: bool) -> Step:
    can_give = spare(source, may_empty=may_empty)
    arrives_at = _arrival(source, now)
    on_time = arrives_at is not None and (need_by is None or arrives_at <= need_by)
    reasons = list(source.hindrances)
    if arrives_at is None:
        reasons.append("no_way_there")
    if can_give == 0 and source.free >= source.pieces_each:
        reasons.append(f"needs_{source.keeps}_itself")
    elif can_give < quantity:
        reasons.append(f"only_{can_give}_free")
    possible = can_give > 0 and arrives_at is not None and not source.hindrances
    if source.inbound is not None:
        reasons.append("on_its_way")
    if source.pieces_each > 1:
        reasons.append(f"takes_{source.pieces_each}_each")
    if possible and not on_time:
        reasons.append("after_need_by")
    chance = None if source.inbound else _chance(source.took, now + timedelta(hours=PICK_HOURS), need_by)
    return Step(
        rung=source.rung,
        possible=possible,
        depot=source.depot,
        part_number=source.part_number,
        pool=source.pool_code,
        free=source.free,
        pieces_each=source.pieces_each,
        chain=list(source.chain),
        arrives_at=arrives_at,
        on_time=possible and on_time,
        cost_cny=source.transport_cost_cny,
        chance=chance,
        evidence=None if chance is None else len(source.took),
        reasons=reasons,
    )


def _outside(quantity: int, other: Outside, now: datetime, need_by: datetime | None) -> Step:
    arrives_at = now + timedelta(hours=other.hours)
    possible, on_time = not other.hindrances, need_by is None or arrives_at <= need_by
    reasons = list(other.hindrances)
    if other.vendor and possible:
        reasons.append(f"ask_{other.vendor}" if other.rung == "vendor_exchange" else f"buy_from_{other.vendor}")
    reasons += other.told
    if possible and not on_time:
        reasons.append("after_need_by")
    chance = _chance(other.took, now, need_by)
    return Step(
        rung=other.rung,
        possible=possible,
        depot=other.depot,
        vendor=other.vendor,
        part_number=other.part_number,
        arrives_at=arrives_at,
        on_time=possible and on_time,
        cost_cny=other.cost_cny * (1 if other.rung == "swap" else quantity),
        chance=chance,
        evidence=None if chance is None else len(other.took),
        reasons=reasons,
    )
