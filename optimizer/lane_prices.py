"""Many parts that share their trucks: prices for the lanes give a bound, sets of open lanes give plans.

A lane's fixed cost F is split over the parts that may use it, Σ u ≤ F with u ≥ 0. If every part
plans alone, paying u for a lane, no plan of the group can be worth less than the sum of these best
parts: each lane it runs costs F ≥ Σ u (Lagrange; Geoffrion, Mathematical Programming Study 2 (1974)
82-114). Once it is settled which lanes run, on the other hand, the parts have nothing to do with
each other any more, and their best plans together are a plan of the group.

Both ways feed the same pool of patterns, plans of single parts. Over the pool the best split and the
best set of lanes are sought, which takes milliseconds (column generation with a subgradient
master; local search); at what comes out every part is planned anew, exactly.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from optimizer.crowd import Crowd
from optimizer.emergency_model import HALF_A_FEN, Clock, Goal, Model
from optimizer.emergency_parts import Found, Part, joined
from optimizer.part_sources import Floats, Ints
from optimizer.patterns import PATTERN, raise_prices, search_lanes, share_out
from optimizer.situation import Action, Move, evaluate

type Prices = Mapping[tuple[str, str], float]
"""CNY that a part pays for a lane, by part and lane."""

STEPS = 600
"""Steps of the prices over the pool between two rounds of planning."""

GLANCES = 3
"""Times that every part is planned at new prices before better lanes are looked for."""

KICKS = (6, 4)
"""Times that the search for lanes begins again from near the best ones it found, and lanes that are turned over for it."""

ROUNDS_WITHOUT = 6
"""Rounds without a better bound or plan after which no more are tried."""

_ALONE_SECONDS = 10.0
"""What an exact program for one part may take, once, where the compiled planner finds no plan."""


def solve_by_part(parts: Sequence[Part], goal: Goal, clock: Clock, start: Prices) -> tuple[Found | None, Prices]:
    """Plan a great group part by part, None if a part cannot reach the goal, and the prices that gave the bound.

    There is a plan however little time there is: the first round does not ask the clock.
    """
    rounds = _Rounds(parts, goal, start)
    if rounds.hopeless:
        return None, start
    stalled = 0
    while clock.left() and stalled < ROUNDS_WITHOUT and rounds.gap() > HALF_A_FEN:
        before = rounds.gap()
        rounds.turn()
        stalled = stalled + 1 if rounds.gap() > before * 0.99 else 0
    return rounds.found(), rounds.prices()


class _Rounds:
    """The pool, the best split and the best plan so far."""

    def __init__(self, parts: Sequence[Part], goal: Goal, start: Prices) -> None:
        self._parts, self._goal = parts, goal
        self._crowd = crowd = Crowd(parts, goal)
        self._of_lane = np.argsort(crowd.lane, kind="stable")
        self._first_of_lane = np.searchsorted(crowd.lane[self._of_lane], np.arange(len(crowd.lanes) + 1))
        self._ways_of_lane = np.maximum(1, np.bincount(crowd.lane, minlength=len(crowd.lanes)))
        self._heads = np.full(len(parts), -1, np.int64)
        self._patterns: list[tuple[float, int, int]] = []
        self._uses: list[int] = []
        self._known: set[tuple[int, bytes]] = set()
        self._bound, self._worth = -math.inf, math.inf
        self._plan: tuple[Action, ...] | None = None
        self._open = np.ones(len(crowd.lanes), np.bool_)
        self._runs = np.zeros(len(crowd.lanes))
        # the same ones each time, so that the same file has the same answer
        self._kicks: Ints = np.random.default_rng(1).integers(max(1, len(crowd.lanes)), size=KICKS)
        self._prices = np.array(
            [
                start.get(
                    (parts[i].name, crowd.lanes[lane]), 0.0 if start else crowd.fixed[lane] / self._ways_of_lane[lane]
                )
                for i, lane in zip(crowd.part, crowd.lane, strict=True)
            ]
        )
        share_out(self._prices, self._of_lane, self._first_of_lane, crowd.fixed)
        self._add(*crowd.plan(np.full(len(crowd.lane), math.inf))[1:], np.zeros(len(crowd.lane)))
        self.hopeless = not self._over_open_lanes()
        if not self.hopeless:
            self._plan_at(self._prices)

    def gap(self) -> float:
        """How far the best plan is above the bound, in CNY; infinite while either is missing."""
        return self._worth - self._bound if math.isfinite(self._worth) and math.isfinite(self._bound) else math.inf

    def found(self) -> Found:
        proven = self._plan is not None and self.gap() <= HALF_A_FEN
        return Found(self._plan, proven=proven, bound=self._worth if proven else self._bound)

    def prices(self) -> Prices:
        crowd = self._crowd
        return {
            (self._parts[i].name, crowd.lanes[lane]): float(price)
            for i, lane, price in zip(crowd.part, crowd.lane, self._prices, strict=True)
            if price > 0
        }

    def turn(self) -> None:
        """Look for better prices and plan every part at them, then for better lanes and plan over them."""
        for _ in range(GLANCES):
            self._plan_at(self._better_prices())
        self._better_lanes()
        # what the lanes that are closed would bring, at the price that each part would pay for them
        self._plan_at(np.where(self._open[self._crowd.lane], 0.0, self._prices))
        self._better_lanes()
        self._over_open_lanes()

    def _plan_at(self, prices: Floats) -> None:
        """Plan every part at prices, which must be a split: the bound, and patterns for the pool."""
        bounds, values, units = self._crowd.plan(prices)
        self._add(values, units, prices)
        bound = math.fsum(bounds)
        if bound > self._bound:
            self._bound, self._prices = bound, prices

    def _over_open_lanes(self) -> bool:
        """Plan over the open lanes, keep that if it is the best; whether every part can reach the goal."""
        crowd = self._crowd
        free = np.zeros(len(crowd.lane))
        bounds, values, units = crowd.plan(crowd.over(self._open))
        if np.isinf(bounds).any() and self._open.all():
            return False
        self._add(values, units, free)
        if math.fsum(values) + math.fsum(crowd.fixed[np.unique(crowd.lane[units > 0])]) >= self._worth:
            return True
        plan = list(crowd.actions(units))
        lanes = {lane for lane, is_open in zip(crowd.lanes, self._open, strict=True) if is_open}
        for part in [part for part, value in zip(self._parts, values, strict=True) if math.isinf(value)]:
            alone = _program(part, self._goal, lanes)
            if alone is None:
                return not self._open.all()
            plan = [each for each in plan if each.part != part.name] + list(alone)
        self._judge(tuple(plan))
        return True

    def _judge(self, plan: tuple[Action, ...]) -> None:
        whole = joined([part.situation for part in self._parts])
        outcome = evaluate(whole, plan)
        worth = outcome.cost_cny
        if self._goal.kind == "shortage":
            worth += self._crowd.penalty * sum(each.units for each in outcome.missing)
        if worth < self._worth:
            self._worth, self._plan = worth, plan

    def _add(self, values: Floats, units: Ints, prices: Floats) -> None:
        """Add the parts' plans to the pool, those that are new."""
        used = np.flatnonzero(units)
        cuts = np.searchsorted(self._crowd.part[used], np.arange(len(self._parts) + 1))
        for i in np.flatnonzero(np.isfinite(values)):
            ways = used[cuts[i] : cuts[i + 1]]
            key = (int(i), ways.tobytes())
            if key not in self._known:
                self._known.add(key)
                own_cost = values[i] - math.fsum(prices[ways])
                self._patterns.append((own_cost, len(self._uses), self._heads[i]))
                self._heads[i] = len(self._patterns) - 1
                self._uses += ways.tolist()

    def _pool(self) -> tuple[Ints, np.ndarray, Ints]:
        """The first pattern of each part, all patterns, and the lanes they use."""
        closed = [*self._patterns, (0.0, len(self._uses), -1)]
        return self._heads, np.array(closed, PATTERN), self._crowd.lane[np.array(self._uses, np.int64)]

    def _better_prices(self) -> Floats:
        """The best split over the pool that steps along the subgradient find, half way from the best one known.

        Only ways of the pool are priced. How much of a lane runs at these prices tells from where else to
        look for better lanes.

        Source for half way: Pessoa, Sadykov, Uchoa & Vanderbeck, INFORMS Journal on Computing 30 (2018) 339-360.
        """
        crowd = self._crowd
        heads, patterns, _ = self._pool()
        ways, uses = np.unique(np.array(self._uses, np.int64), return_inverse=True)
        by_lane = np.argsort(crowd.lane[ways], kind="stable")
        first_of_lane = np.searchsorted(crowd.lane[ways][by_lane], np.arange(len(crowd.lanes) + 1))
        prices, mean = self._prices[ways], np.zeros(len(ways))
        share_out(prices, by_lane, first_of_lane, crowd.fixed)
        raise_prices(heads, patterns, uses, by_lane, first_of_lane, crowd.fixed, self._worth, STEPS, prices, mean)
        self._runs[:] = 0.0
        np.maximum.at(self._runs, crowd.lane[ways], mean)
        better = self._prices / 2.0
        better[ways] += prices / 2.0
        return better

    def _better_lanes(self) -> None:
        """Open the best set of lanes for the pool, looked for from the one there is and from what runs at the prices."""
        heads, patterns, lanes = self._pool()
        best = math.inf
        for is_open in (self._open, self._runs > 0.5, self._runs > 0.2):
            cost = search_lanes(heads, patterns, lanes, self._crowd.fixed, is_open, self._kicks)
            if cost < best - HALF_A_FEN:
                best, self._open = cost, is_open


def _program(part: Part, goal: Goal, lanes: set[str]) -> tuple[Action, ...] | None:
    """The best plan of one part over some lanes by its own program, None if there is none."""
    model = Model(part.situation, goal, trifle=0.0)
    costs = {lane.name: 0.0 if lane.name in lanes else 1e9 for lane in part.situation.lanes}
    solved = model.minimise(model.worth(costs), Clock(_ALONE_SECONDS), model.constant)
    if model.hopeless or not solved.found:
        return None
    plan = model.plan()
    return None if any(isinstance(each, Move) and each.move not in lanes for each in plan) else plan
