"""Stock choices of depots alone, in any number: the problem that the compiled pass answers for.

Tables of every alternative (`alternatives`) serve where a search follows. Here nothing is kept
but the lines themselves, in memory or in files that many processes read, in pieces that are
priced one by one: what a round of pricing exchanges is a few sums per piece, added up in the
order of the pieces, so that the answer has the same bits whoever computes it.
"""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from scipy import sparse, special

from optimizer.alternatives import limits, slack
from optimizer.core import Core, problem_near
from optimizer.demand import YEAR_DAYS, Demand
from optimizer.multiple_choice import Extent
from optimizer.network import Network
from optimizer.poisson import Floats, Ints
from optimizer.pricing import (
    BINS_PER_DOUBLING,
    CLASS,
    DEPOT,
    GAIN,
    LINE,
    NEAR,
    NEAREST,
    STREAM,
    TERMS,
    Counts,
    Records,
    look_near,
    price_lines,
)

PIECES_MAX = 64
"""Pieces at most, so that a round stays small however many lines there are."""

_PIECE_LINES_MIN = 16_384
_BINS = 512

SAMPLE_LINES = 20_000
"""Lines that a sample has at least: so many as a rule tell their multipliers within a few per cent."""

_SAMPLE_SHARE = 1 / 25

_REACH_MAX = 0.5
"""Stocks that prices half as high or low would not choose are near to nothing."""


SERVICE, TIME, UNITS, MONEY, TOTAL = range(5)
"""What a limit is about: a class's service or mean time, a depot's units or money, or all depots' money."""


class Piece(NamedTuple):
    """Some neighbouring lines (and a closing record) with their streams."""

    lines: Records
    streams: Records


class Source(Protocol):
    """Where lines are kept; it can be sent to other processes."""

    @property
    def count(self) -> int:
        """The number of lines."""
        ...

    def piece(self, first: int, last: int) -> Piece:
        """The lines from one place up to another."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class InMemory:
    """Lines in this process."""

    lines: Records
    streams: Records

    @property
    def count(self) -> int:
        """The number of lines."""
        return len(self.lines) - 1

    def piece(self, first: int, last: int) -> Piece:
        """The lines from one place up to another."""
        begin, end = (self.lines["first"][[first, last]] - self.lines["first"][0]).tolist()
        return Piece(self.lines[first : last + 1], self.streams[begin:end])


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Lines in a folder that every process can read: `lines.npy` and `streams.npy`."""

    folder: str

    @classmethod
    def write(cls, folder: Path, pieces: Iterator[Piece], count: int, streams: int) -> "OnDisk":
        """Keep pieces, one after the other, in a folder.

        Args:
            folder: an empty folder.
            pieces: the lines in their order, each piece with a closing record.
            count: how many lines they have together.
            streams: how many streams.
        """
        held = np.lib.format.open_memmap(folder / "lines.npy", "w+", LINE, (count + 1,))
        flows = np.lib.format.open_memmap(folder / "streams.npy", "w+", STREAM, (streams,))
        line = stream = 0
        for piece in pieces:
            size = len(piece.lines) - 1
            held[line : line + size + 1] = piece.lines
            held["first"][line : line + size + 1] += stream - piece.lines["first"][0]
            flows[stream : stream + len(piece.streams)] = piece.streams
            line, stream = line + size, stream + len(piece.streams)
        held.flush()
        flows.flush()
        return cls(str(folder))

    @property
    def count(self) -> int:
        """The number of lines."""
        return _opened(self.folder).count

    def piece(self, first: int, last: int) -> Piece:
        """The lines from one place up to another."""
        return _opened(self.folder).piece(first, last)


@functools.lru_cache(maxsize=4)
def _opened(folder: str) -> InMemory:
    """The lines of a folder, of which only what is read comes into memory."""
    return InMemory(*(np.load(Path(folder, f"{name}.npy"), mmap_mode="r") for name in ("lines", "streams")))


class Prices(NamedTuple):
    """Everything a piece has to know to be priced."""

    classes: Records
    depots: Records
    terms: Records


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """The lines at some multipliers: the bound, and what the chosen stocks of each depot add up to.

    `value` is a lower bound on the cost of every plan; `block_cost` and `block_use`, shape
    (depots, rows), are cost and use of each limit by the chosen stocks.
    """

    multipliers: Floats
    value: float
    block_cost: Floats
    block_use: Floats

    @property
    def cost(self) -> float:
        """The cost of the chosen stocks."""
        return float(self.block_cost.sum())


class LineChoices:
    """A network's lines as a choice of base stocks within limits.

    Args:
        network: its depots, classes, policy and limits; its parts are not looked at.
        class_rate: each class's whole demand a day, zero for a class without demand.
        source: the lines.
        executor: computes the pieces; this thread if there is none.
        class_weight: each class's whole demand a day, weighted by criticality; `class_rate` if all
            demands weigh the same.
        scale: shares of the network's services, demands and stock that the lines stand for, the
            former by class, if they are a sample.
    """

    def __init__(
        self,
        network: Network,
        class_rate: Floats,
        source: Source,
        executor: Executor | None = None,
        *,
        class_weight: Floats | None = None,
        scale: tuple[Floats, Floats, float] | None = None,
    ) -> None:
        self.network, self.class_rate, self.source, self.executor = network, class_rate, source, executor
        self.class_weight = class_rate if class_weight is None else class_weight
        self.class_share = np.divide(class_rate, self.class_weight, out=np.zeros(len(class_rate)), where=class_rate > 0)
        by_service, by_time, by_stock = scale or (*np.ones((2, len(class_rate))), 1.0)
        self.rows = tuple(named := limits(network, class_rate))
        self._about = about(network, self.rows)
        by_kind = {SERVICE: by_service, TIME: by_time}
        share = [by_kind[kind][place] if kind in by_kind else by_stock for kind, place in self._about]
        self.limit = np.array([*named.values()]) * np.array(share)
        self.slack = slack([*named.values()])
        self.settled = 0.0
        size = max(_PIECE_LINES_MIN, -(-source.count // PIECES_MAX))
        # a fixed cut: whoever computes, the sums are added up in the same order
        self.pieces = [(first, min(first + size, source.count)) for first in range(0, source.count, size)]

    def extent(self) -> Extent:
        """How far sensible stocks go: with more than these, all demands are served in time anyway."""
        reaches = [*self._each(_reach, self.network)]
        floors, tops, sure, demand = (
            np.sum([getattr(reach, name) for reach in reaches], axis=0) for name in _Reach._fields[:4]
        )
        hours = max(*(reach.hours for reach in reaches), self.network.policy.emergency_hours or 0.0)
        lost = _shipping(self.network) * math.fsum(reach.rate for reach in reaches)
        least, most = np.zeros((2, len(self.rows)))
        for index, (kind, place) in enumerate(self._about):
            if kind == SERVICE:
                least[index] = -sure[place] * self.class_share[place]
            elif kind == TIME:
                most[index] = hours * demand[place]
            else:
                column = 0 if kind == UNITS else 1
                where = slice(None) if kind == TOTAL else place
                least[index], most[index] = floors[where, column].sum(), tops[where, column].sum()
        return Extent(least, most, float(tops[:, 2].sum()) + lost)

    def relax(self, multipliers: Floats) -> Priced:
        """Price the limits and let every line choose; see `multiple_choice.relax`."""
        return self._priced(multipliers, [*self._each(_sums, self._prices(multipliers))])

    def _priced(self, multipliers: Floats, parts: "list[_Sums]") -> Priced:
        service, hours, totals = (
            np.sum([getattr(part, name) for part in parts], axis=0) for name in ("service", "hours", "totals")
        )
        use = np.zeros((len(totals), len(self.rows)))
        for index, (kind, place) in enumerate(self._about):
            if kind == SERVICE:
                use[:, index] = -service[:, place]
            elif kind == TIME:
                use[:, index] = hours[:, place]
            else:
                where = slice(None) if kind == TOTAL else place
                use[where, index] = totals[where, 2 if kind == UNITS else 3]
        value = math.fsum(part.value for part in parts) - float(multipliers @ self.limit)
        return Priced(multipliers, value, totals[:, 0] + totals[:, 1], use)

    def is_plan(self, found: Priced) -> bool:
        """Whether the chosen stocks keep every limit."""
        return bool((found.block_use.sum(axis=0) - self.limit <= self.slack).all())

    def levels(self, multipliers: Floats) -> Counts:
        """The stocks that the lines choose at some multipliers, shape (lines,)."""
        return np.concatenate([*self._each(_levels, self._prices(multipliers))])

    def around(self, multipliers: Floats, count: int) -> "tuple[Priced, Near | None]":
        """The lines at some multipliers, and the stocks that would be chosen at slightly other prices.

        The latter, about `count` of them if there are any, are a problem of their own.
        """
        prices, sample = self._prices(multipliers), self.sample.source
        bins = _looked(sample, 0, sample.count, prices, _REACH_MAX, 0).bins
        few = count * sample.count / max(self.source.count, 1)
        most = int(np.searchsorted(np.cumsum(bins), few, side="right"))
        reach = min(NEAREST * 2.0 ** (most / BINS_PER_DOUBLING), _REACH_MAX)
        parts = [*self._each(_looked, prices, reach, 2 * count)]
        found = self._priced(multipliers, [part.sums for part in parts])
        return found, self._near(found, parts, reach) if any(len(part.near) for part in parts) else None

    def _near(self, found: Priced, parts: "list[_Found]", reach: float) -> "Near":
        """The alternatives that all pieces found as one problem, the rest of the lines being settled."""
        near, gains, lines = (
            np.concatenate(column)
            for column in zip(*((part.near, part.gains, part.lines) for part in parts), strict=True)
        )
        line, level, best, depot = near["line"], near["level"].astype(np.int64), near["best"] > 0, lines["depot"]
        held = level + (lines["lot"] - 1) / 2.0
        cost = lines["price"] * held + _shipping(self.network) * lines["rate"] * near["tail"]
        streams = np.concatenate([np.diff(np.append(part.near["first"], len(part.gains))) for part in parts])
        gaining = np.repeat(np.arange(len(near)), streams)
        use = self._use(depot, (level + lines["lot"] - 1).astype(np.float64), lines["unit_cost"] * held, gaining, gains)
        problem = problem_near(self, found, line, best, depot.astype(np.int64), cost, use)
        left = [found.block_cost.copy(), found.block_use.copy()]
        for settled, taken in zip(left, problem.by_block(np.flatnonzero(best)), strict=True):
            settled[problem.blocks] -= taken
        return Near(problem, line, level, reach, *left)

    def _use(self, depot: Ints, units: Floats, money: Floats, gaining: Ints, gains: Records) -> sparse.csr_array:
        """Use of every limit, shape (stocks, rows), by stocks and gains of them."""
        row = np.full((5, max(len(self.network.sla_classes), len(self.network.depots))), -1)
        for index, (kind, place) in enumerate(self._about):
            row[kind, place] = index
        everywhere = np.arange(len(depot))
        terms = [
            (gaining, row[SERVICE, gains["sla"]], -gains["share"]),
            (gaining, row[TIME, gains["sla"]], gains["hours"]),
            (everywhere, row[UNITS, depot], units),
            (everywhere, row[MONEY, depot], money),
            (everywhere, np.broadcast_to(row[TOTAL, 0], depot.shape), money),
        ]
        terms = [(stocks[rows >= 0], rows[rows >= 0], values[rows >= 0]) for stocks, rows, values in terms]
        stocks, rows, values = (np.concatenate(column) for column in zip(*terms, strict=True))
        return sparse.csr_array((values, (stocks, rows)), shape=(len(depot), len(self.rows)))

    @functools.cached_property
    def sample(self) -> "LineChoices":
        """Some lines picked at random, always the same ones, with limits to match."""
        random = np.random.default_rng(0)
        share = min(max(SAMPLE_LINES / max(self.source.count, 1), _SAMPLE_SHARE), 1.0)
        piece = _joined([_picked(self.source.piece(*span), share, random) for span in self.pieces])
        services, demands = _class_weights(piece, len(self.class_rate))
        by_stock = (len(piece.lines) - 1) / max(self.source.count, 1)
        return LineChoices(
            self.network,
            self.class_rate,
            InMemory(*piece),
            class_weight=self.class_weight,
            scale=(services * self.class_share, demands, by_stock),
        )

    def _each[T](self, function: Callable[..., T], *arguments: object) -> Iterator[T]:
        """What a function answers for every piece, in their order."""
        if self.executor is None:
            return (function(self.source, *piece, *arguments) for piece in self.pieces)
        waiting = [self.executor.submit(function, self.source, *piece, *arguments) for piece in self.pieces]
        return (future.result() for future in waiting)

    def _prices(self, multipliers: Floats) -> Prices:
        classes, depots = prices_at(self.network, self._about, multipliers)
        classes["share"] = self.class_share
        return Prices(classes, depots, self._terms)

    @functools.cached_property
    def _terms(self) -> Records:
        policy = self.network.policy
        terms = np.zeros(1, TERMS)
        terms["lost"] = policy.stockout == "emergency"
        terms["timed"] = any(sla.mean_time_target_hours is not None for sla in self.network.sla_classes)
        terms["hours"] = policy.emergency_hours or 0.0
        terms["shipping_cny"] = _shipping(self.network)
        return terms


@dataclass(frozen=True, slots=True, eq=False)
class Near(Core):
    """The stocks that would be chosen at slightly other prices.

    Multipliers that differ by less than a share of `reach` leave the other lines settled, at a cost
    of `block_cost`, shape (depots,), and a use of `block_use`, shape (depots, rows).
    """

    reach: float
    block_cost: Floats
    block_use: Floats


def about(network: Network, rows: Iterable[str]) -> list[tuple[int, int]]:
    """What limits are about: each one's kind, and the place of its class or depot."""
    known: dict[str, tuple[int, int]] = {"total_budget": (TOTAL, 0)}
    for place, sla in enumerate(network.sla_classes):
        known[f"service:{sla.id}"], known[f"mean_time:{sla.id}"] = (SERVICE, place), (TIME, place)
    for place, depot in enumerate(network.depots):
        known[f"capacity:{depot.id}"], known[f"budget:{depot.id}"] = (UNITS, place), (MONEY, place)
    return [known[row] for row in rows]


def prices_at(network: Network, of: Sequence[tuple[int, int]], multipliers: Floats) -> tuple[Records, Records]:
    """`CLASS` and `DEPOT` records at the multipliers of limits, given what these are about."""
    classes, depots = np.zeros(len(network.sla_classes), CLASS), np.zeros(len(network.depots), DEPOT)
    classes["hours"] = [sla.time_to_site_hours for sla in network.sla_classes]
    for (kind, place), price in zip(of, multipliers.tolist(), strict=True):
        if kind == SERVICE:
            classes["service"][place] = price
        elif kind == TIME:
            classes["time"][place] = price
        elif kind == UNITS:
            depots["unit"][place] = price
        elif kind == MONEY:
            depots["money"][place] += price
        else:
            depots["money"] += price
    return classes, depots


def _shipping(network: Network) -> float:
    """What an emergency shipment a day costs a year, under the objective."""
    lost = network.policy.stockout == "emergency" and network.objective == "annual_cost"
    return YEAR_DAYS * (network.policy.emergency_cost_cny or 0.0) if lost else 0.0


def lines_of(demand: Demand) -> InMemory:
    """A network's lines, in the order of its rows; every depot must stand alone, and `known_to_lines` hold."""
    rows = len(demand.part)
    lines = np.zeros(rows + 1, LINE)
    for name, values in (
        ("price", demand.stock_price_cny),
        ("unit_cost", demand.unit_cost_cny),
        ("rate", demand.daily_rate),
        ("lead", demand.lead_time_days),
        ("depot", demand.depot),
        ("floor", demand.floor),
        ("shape", demand.rate_shape),
        ("lot", demand.order_quantity),
        ("critical", np.array([part.criticality for part in demand.network.parts])[demand.part]),
    ):
        lines[name][:-1] = values
    lines["shape"][-1] = np.inf
    order = np.argsort(demand.stream_row, kind="stable")
    lines["first"] = np.searchsorted(demand.stream_row[order], np.arange(rows + 1))
    streams = np.zeros(len(order), STREAM)
    sla = demand.stream_class[order]
    streams["sla"] = sla
    streams["weight"] = demand.stream_rate[order] / demand.class_rate[sla]
    streams["travel"] = demand.stream_travel_hours[order]
    return InMemory(lines, streams)


class _Sums(NamedTuple):
    value: float
    levels: Counts
    service: Floats
    hours: Floats
    totals: Floats


def _priced(source: Source, first: int, last: int, prices: Prices) -> _Sums:
    sums = _nothing(prices)._replace(levels=np.zeros(last - first, np.int32))
    value = price_lines(*source.piece(first, last), *prices[:2], prices.terms[0], *sums[1:])
    return sums._replace(value=value)


def _nothing(prices: Prices) -> _Sums:
    service, hours = np.zeros((2, len(prices.depots), len(prices.classes)))
    return _Sums(0.0, np.zeros(0, np.int32), service, hours, np.zeros((len(prices.depots), 4)))


def _sums(source: Source, first: int, last: int, prices: Prices) -> _Sums:
    """What a piece adds up to, without its levels: a few kilobytes to send."""
    return _priced(source, first, last, prices)._replace(levels=np.zeros(0, np.int32))


def _levels(source: Source, first: int, last: int, prices: Prices) -> Counts:
    return _priced(source, first, last, prices).levels


class _Found(NamedTuple):
    """What a piece's lines add up to, their near stocks with what these gain and their lines; distances counted."""

    sums: _Sums
    near: Records
    gains: Records
    lines: Records
    bins: Ints


def _looked(source: Source, first: int, last: int, prices: Prices, reach: float, room: int) -> _Found:
    piece, sums, bins = source.piece(first, last), _nothing(prices), np.zeros(_BINS, np.int64)
    room = min(room, 8 * (last - first))
    most = int(np.diff(piece.lines["first"]).max(initial=1))
    near, gains = np.zeros(room, NEAR), np.zeros(min(room * most, 8 * len(piece.streams)), GAIN)
    value, found, gained = look_near(*piece, *prices[:2], prices.terms[0], *sums[2:], reach, bins, near, gains)
    near = near[:found].copy()  # the room itself goes
    near_lines = piece.lines[near["line"]]
    near["line"] += first
    return _Found(sums._replace(value=value), near, gains[:gained].copy(), near_lines, bins)


class _Reach(NamedTuple):
    """How far a piece's stocks can sensibly go.

    Units, value and cost by depot, shape (depots, 3), of the floors and of stocks nobody needs
    more than; the classes' demand, weighted by criticality and not; the longest time to site; and the whole demand a day.
    """

    floors: Floats
    tops: Floats
    sure: Floats
    demand: Floats
    hours: float
    rate: float


def _reach(source: Source, first: int, last: int, network: Network) -> _Reach:
    """Demand in a lead time exceeds ten deviations and forty units more than its mean about never: 1e-16.

    Where the rate is not known, its mean is the largest that the rate's distribution makes likely at all, to 1e-16.
    """
    piece = source.piece(first, last)
    lines = piece.lines[:-1]
    load = lines["rate"] * lines["lead"]
    known = np.isinf(lines["shape"])
    shape = np.where(known, 1.0, lines["shape"])
    load = load * np.where(known, 1.0, special.gammainccinv(shape + 1.0, 1e-16) / shape)
    top = np.maximum(lines["floor"], np.ceil(load + 10.0 * np.sqrt(load) + 40.0))
    floors, tops = (
        np.stack(
            [
                np.bincount(lines["depot"], each * (level + pipeline), len(network.depots))
                for each, pipeline in (
                    (1.0, lines["lot"] - 1.0),
                    (lines["unit_cost"], (lines["lot"] - 1.0) / 2.0),
                    (lines["price"], (lines["lot"] - 1.0) / 2.0),
                )
            ],
            axis=1,
        )
        for level in (lines["floor"], top)
    )
    sure, demand = _class_weights(piece, len(network.sla_classes))
    hours = float(np.max(piece.streams["travel"], initial=0.0)) + 24.0 * float(np.max(lines["lead"], initial=0.0))
    return _Reach(floors, tops, sure, demand, hours, float(lines["rate"].sum()))


def _class_weights(piece: Piece, classes: int) -> tuple[Floats, Floats]:
    """Each class's demand in a piece, weighted by criticality and not."""
    critical = np.repeat(piece.lines["critical"][:-1], np.diff(piece.lines["first"]))
    sla, weight = piece.streams["sla"], piece.streams["weight"]
    return np.bincount(sla, critical * weight, classes), np.bincount(sla, weight, classes).astype(np.float64)


def _picked(piece: Piece, share: float, random: np.random.Generator) -> Piece:
    """Some lines of a piece, with a closing record."""
    chosen = np.flatnonzero(random.random(len(piece.lines) - 1) < share)
    first = piece.lines["first"] - piece.lines["first"][0]
    counts = np.diff(first)[chosen]
    picked = np.repeat(first[chosen] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    return _closing(piece.lines[chosen], counts, piece.streams[picked])


def _closing(lines: Records, counts: Ints, streams: Records) -> Piece:
    closed = np.zeros(len(lines) + 1, LINE)
    closed[:-1] = lines
    closed["first"] = np.concatenate([[0], np.cumsum(counts)])
    return Piece(closed, streams)


def _joined(pieces: list[Piece]) -> Piece:
    """Pieces, each with a closing record, as one."""
    return _closing(
        np.concatenate([piece.lines[:-1] for piece in pieces]),
        np.concatenate([np.diff(piece.lines["first"]) for piece in pieces]),
        np.concatenate([piece.streams for piece in pieces]),
    )
