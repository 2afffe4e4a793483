"""How well the stock of a row covers what is to come, and how low it may fall.

A row is one part in one store for one pool. Its *projected on-time share* is the part of the
demand of the coming resupply time that will find stock; a class's *projected service* is the
demand-weighted mean of the shares of the rows that serve it. The *critical point* of a row is
the stock below which a class can no longer be held. Rates are per day, times in days from now.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from optimizer.errors import OptimizerError

TOLERANCE = 1e-9
"""How far below a target a share may lie and still count as meeting it: rounding, no more."""

NO_DEMAND = 1e-12
"""A rate below this (one failure in 2.7 billion years) counts as no demand at all."""

Floats = npt.NDArray[np.float64]


class Inbound(msgspec.Struct, frozen=True):
    """A confirmed delivery: `qty` units that will be usable `eta_days` from now.

    A delivery that is overdue needs a new estimate before it may count.
    """

    qty: int
    eta_days: float


class ClassDemand(msgspec.Struct, frozen=True):
    """What one service class asks of a row, in demands a day.

    `served_rate` is the part that stock in this store reaches in time, `total_rate` all of it:
    demand too far away to be reached in time is late whatever the stock.
    """

    service_class: str
    served_rate: float
    total_rate: float


class Row(msgspec.Struct, frozen=True):
    """One part in one store for one pool, as it stands now.

    `available` is good - reserved - backorders, so it may be negative. `rate_per_day` is the
    present rate (the raised one after a burst), `resupply_days` the normal resupply time, counted
    from now. `planned_share` is the on-time share the approved plan expects of the row.
    """

    row: str
    available: int
    rate_per_day: float
    resupply_days: float
    planned_share: float
    demands: tuple[ClassDemand, ...]
    inbound: tuple[Inbound, ...] = ()


class ClassService(msgspec.Struct, frozen=True):
    """A class's projected service, `on_time_rate` / `total_rate`, both in demands a day."""

    service_class: str
    service: float
    on_time_rate: float
    total_rate: float


class CriticalPoint(msgspec.Struct, frozen=True):
    """The smallest stock with which a row holds its classes, and what it was computed from.

    `point` is None where no stock of this row, however low, takes a class below its floor.
    `share_needed` is the on-time share at which the classes hold. `because` tells what set it:
    "class" (`binding_class` would fall below its floor), "planned" (others are to blame for
    `binding_class`, so the row only has to keep what the plan expects of it) or "nothing".
    """

    row: Row
    point: int | None
    share: float
    share_needed: float
    because: Literal["class", "planned", "nothing"]
    binding_class: str | None
    services: tuple[ClassService, ...]
    floors: tuple[tuple[str, float], ...]


class BlamedRow(msgspec.Struct, frozen=True):
    """A row whose share lies below its plan; `loss` is the demand a day made late by that."""

    row: str
    loss: float
    share: float
    planned_share: float


class Blame(msgspec.Struct, frozen=True):
    """The rows that explain why a class fell below its floor, largest loss first.

    `restored_service` is the class's service once they are all back at plan; `enough` says
    whether that reaches the floor.
    """

    service_class: str
    floor: float
    service: float
    rows: tuple[BlamedRow, ...]
    restored_service: float
    enough: bool


class AverageFailureLine(msgspec.Struct, frozen=True):
    """Demand expected over the resupply time: `expected` exactly, `line` as whole units."""

    expected: float
    line: int
    rate_per_day: float
    resupply_days: float


def on_time_share(
    available: int,
    rate_per_day: float,
    resupply_days: float,
    inbound: Sequence[Inbound] = (),
) -> float:
    """Return the share of the demand of the coming resupply time that finds stock.

        f(x) = (1/H) ∫₀ᴴ P(N(t) ≤ x + I(t) - 1) dt,    N(t) ~ Poisson(m t),

    x = `available` (negative: customers already wait), m = `rate_per_day`, H = `resupply_days`,
    I(t) the units of `inbound` in by t. Between two arrivals n = x + I is fixed, and

        ∫₀ᵗ P(N(u) ≤ n - 1) du = E[min(Tₙ, t)] = t·P(N(t) ≤ n - 1) + (n/m)·P(N(t) ≥ n + 1),

    where Tₙ is the time of the n-th demand: P(N(u) ≤ n - 1) = P(Tₙ > u), and u times the
    density of Tₙ is n/m times that of Tₙ₊₁. So f is a sum of differences of this function, one
    for each stretch between arrivals. Without inbound, f = (mH - EBO(x, mH))/(mH).

    Without demand no one can be late, but whoever waits is still owed: f is then the share of
    the resupply time in which x + I(t) ≥ 0, which is 1 wherever nobody waits.

    Source: the identity is derived above; after the window fill rate of Berg & Posner,
    Operations Research 38 (1990); EBO as in Sherbrooke, Optimal Inventory Modeling of Systems,
    2nd ed., chapter 2.

    >>> round(on_time_share(2, rate_per_day=0.1, resupply_days=10.0), 6)
    0.896362
    >>> round(on_time_share(0, 0.1, 10.0, [Inbound(qty=2, eta_days=4.0)]), 6)
    0.50513
    >>> on_time_share(0, rate_per_day=0.0, resupply_days=10.0)
    1.0

    Raises:
        OptimizerError: a rate that is negative or not finite, a resupply time not above zero, an
            arrival in the past or of less than one unit.

    """
    _check(rate_per_day, resupply_days, inbound)
    arrivals = sorted((i.eta_days, i.qty) for i in inbound if i.eta_days < resupply_days)
    covered, start, units = 0.0, 0.0, available
    for end, qty in [*arrivals, (resupply_days, 0)]:
        covered += _covered_until(units, rate_per_day, end)
        covered -= _covered_until(units, rate_per_day, start)
        start, units = end, units + qty
    return min(max(covered / resupply_days, 0.0), 1.0)


def on_time_shares(
    available: npt.ArrayLike,
    rate_per_day: npt.ArrayLike,
    resupply_days: npt.ArrayLike,
    *,
    inbound_row: npt.ArrayLike = (),
    inbound_qty: npt.ArrayLike = (),
    inbound_eta_days: npt.ArrayLike = (),
) -> Floats:
    """Return `on_time_share` of many rows at once, shape (rows,).

    The first three arguments have shape (rows,) or broadcast to it, except that `available`
    sets the number of rows. All rows' deliveries stand in three parallel arrays, in any order;
    `inbound_row` holds the index of the row a delivery belongs to.

    >>> on_time_shares(
    ...     [2, 0], [0.1, 0.1], 10.0, inbound_row=[1], inbound_qty=[2], inbound_eta_days=[4.0]
    ... ).round(6).tolist()
    [0.896362, 0.50513]

    Raises:
        OptimizerError: as `on_time_share`.

    """
    x = np.atleast_1d(np.asarray(available, dtype=np.float64))
    count = len(x)
    rate = np.broadcast_to(np.asarray(rate_per_day, dtype=np.float64), (count,))
    window = np.broadcast_to(np.asarray(resupply_days, dtype=np.float64), (count,))
    row = np.asarray(inbound_row, dtype=np.intp)
    qty = np.asarray(inbound_qty, dtype=np.float64)
    eta = np.asarray(inbound_eta_days, dtype=np.float64)
    _check_arrays(rate, window, qty, eta)
    if not count:
        return np.zeros(0)

    # Stretches between arrivals, row after row in order of time: each row's first starts now
    # with what is available, each delivery starts one with its own units on top.
    rows = np.concatenate([np.arange(count), row])
    starts = np.concatenate([np.zeros(count), np.minimum(eta, window[row])])
    is_delivery = np.arange(len(rows)) >= count
    order = np.lexsort((is_delivery, starts, rows))
    rows, starts = rows[order], starts[order]
    last = np.append(rows[1:] != rows[:-1], True)
    ends = np.append(starts[1:], 0.0)
    ends[last] = window
    units = _running_sum_within(rows, np.concatenate([x, qty])[order])
    covered = _covered_until_all(units, rate[rows], ends) - _covered_until_all(units, rate[rows], starts)
    shares = np.bincount(rows, weights=covered, minlength=count) / window
    return np.clip(shares, 0.0, 1.0)


def hold_point(
    target: float,
    rate_per_day: float,
    resupply_days: float,
    inbound: Sequence[Inbound] = (),
) -> int:
    """Return the smallest `available` with which a row judged alone keeps `target`.

    The smallest x with f(x) ≥ target, f as in `on_time_share`, by bisection: f never falls in
    x. It is negative where confirmed deliveries alone carry the row. An emergency file counts
    deliveries for itself, so its hold points are those without `inbound`.

    >>> hold_point(0.9, rate_per_day=0.1, resupply_days=10.0)
    3
    >>> hold_point(0.9, 0.1, 10.0, [Inbound(qty=5, eta_days=0.0)])
    -2

    Raises:
        OptimizerError: a target not above zero (every x meets it) or above 1; as `on_time_share`.

    """
    if not TOLERANCE < target <= 1:
        raise OptimizerError(f"target must be a share above 0 and at most 1, not {target}")
    _check(rate_per_day, resupply_days, inbound)
    return _smallest(
        lambda x: on_time_share(x, rate_per_day, resupply_days, inbound) >= target - TOLERANCE,
        above=-sum(i.qty for i in inbound) - 1,
        step=1 + math.ceil(rate_per_day * resupply_days),
    )


def row_shares(rows: Sequence[Row]) -> Floats:
    """Return the projected on-time share of every row, in order."""
    deliveries = [(i, each) for i, row in enumerate(rows) for each in row.inbound]
    return on_time_shares(
        [row.available for row in rows],
        [row.rate_per_day for row in rows],
        [row.resupply_days for row in rows],
        inbound_row=[i for i, _ in deliveries],
        inbound_qty=[each.qty for _, each in deliveries],
        inbound_eta_days=[each.eta_days for _, each in deliveries],
    )


def class_services(rows: Sequence[Row]) -> dict[str, ClassService]:
    """Return the projected service of every class that the rows serve, by class.

        s = Σ λ_served·f / Σ λ_total   over the rows that serve the class,

    f the row's on-time share. A class without demand counts as met.

    >>> rows = [
    ...     Row("FAN", 2, 0.1, 10.0, 0.9, (ClassDemand("2h", 0.1, 0.1),)),
    ...     Row("PSU", 0, 0.1, 10.0, 0.9, (ClassDemand("2h", 0.1, 0.1),)),
    ... ]
    >>> round(class_services(rows)["2h"].service, 6)
    0.448181
    """
    on_time: dict[str, list[float]] = {}
    total: dict[str, list[float]] = {}
    for row, share in zip(rows, row_shares(rows).tolist(), strict=True):
        for demand in row.demands:
            on_time.setdefault(demand.service_class, []).append(demand.served_rate * share)
            total.setdefault(demand.service_class, []).append(demand.total_rate)
    return {name: _service(name, math.fsum(on_time[name]), math.fsum(total[name])) for name in on_time}


def critical_point(row: Row, services: Mapping[str, ClassService], floors: Mapping[str, float]) -> CriticalPoint:
    """Return the smallest stock of `row` with which every class it serves keeps its floor.

    The other rows stay as they are. With w = the class's `served_rate` at this row, f₀ its
    present share and A = `on_time_rate` of `services`, which counts it in, the class keeps
    s ≥ c if

        f(x) ≥ (c·Σλ - (A - w·f₀)) / w.

    If that is above 1, the others are to blame and no x would do: for that class the row then
    only has to keep the share the plan expects of it. The point is the smallest x whose share
    satisfies every class in this sense.

    `services` are those of `class_services` with `row` among its rows. `floors` has the floor c
    of each class; a class without one is not watched.

    >>> def stocked(name, units):
    ...     return Row(name, units, 0.1, 10.0, 0.9, (ClassDemand("2h", 0.1, 0.1),))
    >>> rows = [stocked("FAN", 3), stocked("PSU", 2)]
    >>> services = class_services(rows)
    >>> critical_point(rows[1], services, {"2h": 0.9}).point
    2
    >>> critical_point(rows[1], services, {"2h": 0.5}).point
    1
    >>> critical_point(rows[1], services, {"2h": 0.4}).point is None
    True
    """
    share = on_time_share(row.available, row.rate_per_day, row.resupply_days, row.inbound)
    needed, because, binding = 0.0, "nothing", None
    for demand in sorted(row.demands, key=lambda each: each.service_class):
        name = demand.service_class
        if name not in floors or demand.served_rate <= 0:
            continue
        others = services[name].on_time_rate - demand.served_rate * share
        owed = floors[name] * services[name].total_rate - others
        asked, reason = owed / demand.served_rate, "class"
        if asked > 1:
            asked, reason = row.planned_share, "planned"
        if asked > max(needed, TOLERANCE):
            needed, because, binding = asked, reason, name
    point = None
    if because != "nothing":
        point = hold_point(needed, row.rate_per_day, row.resupply_days, row.inbound)
    watched = [d.service_class for d in row.demands if d.service_class in floors]
    return CriticalPoint(
        row=row,
        point=point,
        share=share,
        share_needed=needed,
        because=because,
        binding_class=binding,
        services=tuple(services[name] for name in watched),
        floors=tuple((name, floors[name]) for name in watched),
    )


def rows_to_blame(rows: Sequence[Row], service_class: str, floor: float) -> Blame:
    """Return the rows that explain why a class is below `floor`, largest loss first.

    A row's loss is λ_served·(planned share - present share). The rows are the shortest run of
    the largest losses (ties by name) whose return to plan brings the class back to `floor`;
    none if it holds now, all that lose anything if even that would not do.

    >>> def stocked(name, units):
    ...     return Row(name, units, 0.1, 10.0, 0.9, (ClassDemand("2h", 0.1, 0.1),))
    >>> blame = rows_to_blame([stocked("FAN", 2), stocked("PSU", 0)], "2h", floor=0.85)
    >>> [each.row for each in blame.rows], round(blame.service, 3), round(blame.restored_service, 3)
    (['PSU'], 0.448, 0.898)
    """
    service = class_services(rows).get(service_class, _service(service_class, 0.0, 0.0))
    on_time, losers = service.on_time_rate, list[BlamedRow]()
    for loser in _losers(rows, service_class):
        if _service(service_class, on_time, service.total_rate).service >= floor - TOLERANCE:
            break
        losers.append(loser)
        on_time += loser.loss
    restored = _service(service_class, on_time, service.total_rate).service
    return Blame(
        service_class=service_class,
        floor=floor,
        service=service.service,
        rows=tuple(losers),
        restored_service=restored,
        enough=restored >= floor - TOLERANCE,
    )


def average_failure_line(rate_per_day: float, resupply_days: float) -> AverageFailureLine:
    """Return the demand expected over the resupply time at the long-run rate.

    `line` rounds down, because stock comes in whole units: x ≤ expected exactly when
    x ≤ ⌊expected⌋, so a comparison with the line loses nothing. (Rounding to even or up would
    call a stock above the average "at or under" it.)

    >>> average_failure_line(0.25, 14.0)
    AverageFailureLine(expected=3.5, line=3, rate_per_day=0.25, resupply_days=14.0)
    """
    _check(rate_per_day, resupply_days, ())
    expected = rate_per_day * resupply_days
    return AverageFailureLine(expected, math.floor(expected + TOLERANCE), rate_per_day, resupply_days)


def _service(name: str, on_time_rate: float, total_rate: float) -> ClassService:
    service = on_time_rate / total_rate if total_rate > 0 else 1.0
    return ClassService(name, service, on_time_rate, total_rate)


def _losers(rows: Sequence[Row], service_class: str) -> list[BlamedRow]:
    """Return every row below its plan that serves the class, largest loss first."""
    losers: list[BlamedRow] = []
    for row, share in zip(rows, row_shares(rows).tolist(), strict=True):
        for demand in row.demands:
            loss = demand.served_rate * (row.planned_share - share)
            if demand.service_class == service_class and loss > 0:
                losers.append(BlamedRow(row.row, loss, share, row.planned_share))
    return sorted(losers, key=lambda each: (-each.loss, each.row))


def _smallest(holds: Callable[[int], bool], *, above: int, step: int) -> int:
    """Return the smallest whole number above `above` for which `holds`, which is monotone."""
    low, high = above, above + step
    while not holds(high):
        low, step = high, 2 * step
        high += step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _covered_until(units: int, rate: float, until: float) -> float:
    """Return E[min(Tₙ, t)], the expected days before `until` in which the next demand is met."""
    if rate < NO_DEMAND:
        return until if units >= 0 else 0.0
    if units <= 0:
        return 0.0
    mean = rate * until
    in_time = float(special.pdtr(units - 1, mean))
    return until * in_time + units / rate * float(special.pdtrc(units, mean))


def _covered_until_all(units: Floats, rate: Floats, until: Floats) -> Floats:
    """Return `_covered_until` elementwise."""
    n = np.maximum(units, 1.0)
    m = np.maximum(rate, NO_DEMAND)
    covered = until * special.pdtr(n - 1, m * until) + n / m * special.pdtrc(n, m * until)
    covered = np.where(units <= 0, 0.0, covered)
    return np.where(rate < NO_DEMAND, np.where(units >= 0, until, 0.0), covered)


def _running_sum_within(rows: npt.NDArray[np.intp], values: Floats) -> Floats:
    """Return the running sum of `values`, starting anew with each row; `rows` is sorted."""
    total = np.cumsum(values)
    first = np.flatnonzero(np.append(True, rows[1:] != rows[:-1]))
    before = total[first] - values[first]
    return total - before[rows]


def _check(rate_per_day: float, resupply_days: float, inbound: Iterable[Inbound]) -> None:
    if not (math.isfinite(rate_per_day) and rate_per_day >= 0):
        raise OptimizerError(f"rate_per_day must be zero or more, not {rate_per_day}")
    if not (math.isfinite(resupply_days) and resupply_days > 0):
        raise OptimizerError(f"resupply_days must be above zero, not {resupply_days}")
    for each in inbound:
        if not (each.qty >= 1 and each.eta_days >= 0):
            raise OptimizerError(f"a delivery needs units and a time to come: {each}")


def _check_arrays(rate: Floats, window: Floats, qty: Floats, eta: Floats) -> None:
    if not (np.isfinite(rate).all() and (rate >= 0).all()):
        raise OptimizerError("every rate_per_day must be zero or more")
    if not (np.isfinite(window).all() and (window > 0).all()):
        raise OptimizerError("every resupply_days must be above zero")
    if not ((qty >= 1).all() and (eta >= 0).all()):
        raise OptimizerError("every delivery needs units and a time to come")
