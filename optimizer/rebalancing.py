"""What to move between depots and what to buy, so that no depot lacks what its plan asks for, at least cost.

A depot lacks what its position (on the shelf, free, and on its way) is short of its base stock, and can spare what lies
free on its shelf beyond it. A trip over a lane has a fixed cost, however many units of however many parts it takes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec
import pulp

from optimizer.errors import OptimizerError
from optimizer.files import Amount, Count, Name
from optimizer.solver import highs


class Holding(msgspec.Struct, frozen=True):
    """A part in a depot: what it lacks, what it can spare, and what a new unit costs there."""

    part: Name
    depot: Name
    lacks: Count
    spares: Count
    unit_price_cny: Amount


class Lane(msgspec.Struct, frozen=True):
    """A way for units; `fixed_cost_cny` once if it is used at all. Parts of `refuses` do not travel on it."""

    origin: Name
    target: Name
    mode: Name
    fixed_cost_cny: Amount
    unit_cost_cny: Amount
    refuses: frozenset[Name] = frozenset()


class Move(msgspec.Struct, frozen=True):
    """So many units of a part over a lane."""

    part: str
    origin: str
    target: str
    mode: str
    quantity: int


class Purchase(msgspec.Struct, frozen=True):
    """So many new units of a part for a depot."""

    part: str
    depot: str
    quantity: int
    cost_cny: float


class Rebalancing(msgspec.Struct, frozen=True):
    """What to move and what to buy: every lack is met. `buying_all_cny` is what it costs to move nothing.

    `proven` says that the solver finished; otherwise time ran out, and a cheaper answer may exist.
    """

    moves: tuple[Move, ...]
    purchases: tuple[Purchase, ...]
    trips_cny: float
    units_cny: float
    buying_cny: float
    buying_all_cny: float
    proven: bool

    @property
    def cost_cny(self) -> float:
        """All of it."""
        return self.trips_cny + self.units_cny + self.buying_cny


def rebalance(holdings: Sequence[Holding], lanes: Sequence[Lane], *, time_limit_s: float = 20.0) -> Rebalancing:
    """Meet every lack by moving spare units or buying new ones, at least cost.

    min  Σ_l f_l y_l + Σ_{p,l} c_l x_pl + Σ_{p,d} a_pd b_pd
    s.t. Σ_{l into d} x_pl + b_pd = lack_pd;  Σ_{l out of d} x_pl <= spare_pd;  x_pl <= min(spare, lack) y_l;  y binary

    Only the trips are integer variables: for given trips the rest splits by part into transportation problems, whose
    vertices are whole. A spare unit that stays is worth nothing here; nor do units travel over two lanes.

    Args:
        holdings: no part stands twice for one depot.
        lanes: several for one way, by mode.
        time_limit_s: when to stop with the best answer so far.

    Raises:
        OptimizerError: a part stands twice for a depot, or the solver fails.

    Source: the fixed-charge transportation problem, Balinski (1961).

    >>> here, there = Holding("FAN", "GZ", 3, 0, 250), Holding("FAN", "SH", 0, 2, 250)
    >>> found = rebalance([here, there], [Lane("SH", "GZ", "courier", 300, 20)])
    >>> [(move.quantity, move.origin) for move in found.moves], [(buy.quantity, buy.depot) for buy in found.purchases]
    ([(2, 'SH')], [(1, 'GZ')])
    >>> found.cost_cny, found.buying_all_cny
    (590, 750)

    """
    at = {(holding.part, holding.depot): holding for holding in holdings}
    if len(at) < len(holdings):
        raise OptimizerError("a part stands twice for one depot")
    ways = list(_ways(at, lanes))
    quantities, proven = _solved(at, lanes, ways, time_limit_s) if ways else ({}, True)
    moved: dict[tuple[str, str], int] = defaultdict(int)
    for (part, lane), quantity in quantities.items():
        moved[part, lanes[lane].target] += quantity
    moves = [
        Move(part, lanes[lane].origin, lanes[lane].target, lanes[lane].mode, quantity)
        for (part, lane), quantity in quantities.items()
    ]
    purchases = [
        Purchase(part, depot, left, left * holding.unit_price_cny)
        for (part, depot), holding in at.items()
        if (left := holding.lacks - moved[part, depot]) > 0
    ]
    return Rebalancing(
        moves=tuple(sorted(moves, key=lambda move: (move.origin, move.target, move.mode, move.part))),
        purchases=tuple(sorted(purchases, key=lambda buy: (buy.depot, buy.part))),
        trips_cny=sum(lanes[lane].fixed_cost_cny for lane in {lane for _, lane in quantities}),
        units_cny=sum(lanes[lane].unit_cost_cny * quantity for (_, lane), quantity in quantities.items()),
        buying_cny=sum(buy.cost_cny for buy in purchases),
        buying_all_cny=sum(holding.lacks * holding.unit_price_cny for holding in holdings),
        proven=proven,
    )


def _ways(at: dict[tuple[str, str], Holding], lanes: Sequence[Lane]) -> Iterable[tuple[str, int]]:
    """Parts and lanes over which a unit could save anything: spare here, lacking there, cheaper than a new one."""
    parts = {part for part, _ in at}
    for index, lane in enumerate(lanes):
        for part in sorted(parts - lane.refuses):
            here, there = at.get((part, lane.origin)), at.get((part, lane.target))
            if here and there and here.spares and there.lacks and lane.unit_cost_cny < there.unit_price_cny:
                yield part, index


def _solved(
    at: dict[tuple[str, str], Holding], lanes: Sequence[Lane], ways: Sequence[tuple[str, int]], time_limit_s: float
) -> tuple[dict[tuple[str, int], int], bool]:
    """How many units take each way; checked in whole numbers, whatever the solver's tolerances."""
    program = pulp.LpProblem("rebalancing", pulp.LpMinimize)
    used = {lane: program.add_variable(f"trip{lane}", cat="Binary") for lane in sorted({lane for _, lane in ways})}
    amount = {way: program.add_variable(f"units{number}", 0) for number, way in enumerate(ways)}
    # a unit that comes need not be bought
    saved = [
        (amount[part, lane], lanes[lane].unit_cost_cny - at[part, lanes[lane].target].unit_price_cny)
        for part, lane in ways
    ]
    trips = [(trip, lanes[lane].fixed_cost_cny) for lane, trip in used.items()]
    program.setObjective(pulp.lpSum_vars_coefs([*saved, *trips]))
    leaving: dict[tuple[str, str], list[pulp.LpVariable]] = defaultdict(list)
    coming: dict[tuple[str, str], list[pulp.LpVariable]] = defaultdict(list)
    for (part, lane), units in amount.items():
        here, there = (part, lanes[lane].origin), (part, lanes[lane].target)
        leaving[here].append(units)
        coming[there].append(units)
        most = min(at[here].spares, at[there].lacks)
        program.addConstraint(pulp.lpSum_vars_coefs([(units, 1.0), (used[lane], -float(most))]) <= 0)
    for key, units in leaving.items():
        program.addConstraint(pulp.lpSum_vars(units) <= at[key].spares)
    for key, units in coming.items():
        program.addConstraint(pulp.lpSum_vars(units) <= at[key].lacks)
    stats = program.solve(highs(timeLimit=time_limit_s))
    if not stats.has_solution:
        raise OptimizerError("no answer was found in time")
    quantities = {way: round(units.varValue or 0.0) for way, units in amount.items()}
    quantities = {way: quantity for way, quantity in quantities.items() if quantity}
    _check(at, lanes, quantities)
    return quantities, stats.status == pulp.LpSolveStatus.Optimal


def _check(at: dict[tuple[str, str], Holding], lanes: Sequence[Lane], quantities: dict[tuple[str, int], int]) -> None:
    """Nothing is sent that cannot be spared, and nothing comes that is not lacking."""
    out: dict[tuple[str, str], int] = defaultdict(int)
    into: dict[tuple[str, str], int] = defaultdict(int)
    for (part, lane), quantity in quantities.items():
        out[part, lanes[lane].origin] += quantity
        into[part, lanes[lane].target] += quantity
    wrong = [key for key, units in out.items() if units > at[key].spares]
    wrong += [key for key, units in into.items() if units > at[key].lacks]
    if wrong or min(quantities.values(), default=1) < 0:
        raise OptimizerError(f"the solver's answer does not hold: {wrong}")
