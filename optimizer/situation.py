"""The emergency file, what may be done in it, and what a plan does to it.

An emergency is a handful of places that are short or about to be (needs), what can be bought
(vendor options) and what can be moved (lanes). Hours count from now, money is in CNY.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import msgspec

from optimizer.errors import InvalidInput, OptimizerError
from optimizer.files import Amount, Count, Name, Positive, decode

ARROW = "->"
"""Stands between two depots in the name of a lane, so no depot may be called that way."""


class Delivery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Units already on their way."""

    qty: Count
    eta_hours: Amount


class Need(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part in a depot: by `needed_by_hours`, `hold_point` units must be there."""

    part: Name
    depot: Name
    on_hand: Count
    hold_point: Count
    needed_by_hours: Amount
    inbound: tuple[Delivery, ...] = ()


class VendorOption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An offer: per depot, nothing or `moq` to `max_qty` units in multiples of `lot`.

    `order_fee_cny` is due once for every depot it delivers to. An expedited offer is an option
    of its own. An option without a multiple of `lot` between `moq` and `max_qty` is accepted
    and of no use.
    """

    option: Name
    part: Name
    unit_price_cny: Amount
    lead_hours: Amount
    moq: Count
    max_qty: Count
    lot: Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
    order_fee_cny: Amount
    depots: tuple[Name, ...]

    @property
    def lots(self) -> range:
        """How many lots may be bought for one depot, when any are."""
        return range(max(1, -(-self.moq // self.lot)), self.max_qty // self.lot + 1)


class Lane(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"origin": "from", "destination": "to"},
):
    """A way to move units: `fixed_cost_cny` once for all parts together, and so much per unit."""

    origin: Name
    destination: Name
    hours: Amount
    fixed_cost_cny: Amount
    unit_cost_cny: Amount

    @property
    def name(self) -> str:
        """The lane as a plan calls it, such as SH->GZ."""
        return f"{self.origin}{ARROW}{self.destination}"


class Situation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An emergency file. `shortage_cost_cny_per_unit_hour` prices a unit missing for an hour."""

    needs: tuple[Need, ...]
    vendor_options: tuple[VendorOption, ...]
    lanes: tuple[Lane, ...]
    shortage_cost_cny_per_unit_hour: Amount
    horizon_hours: Positive
    budget_cny: Amount | None = None


class Purchase(msgspec.Struct, frozen=True):
    """Buy `qty` units of `part` by the option `buy`, delivered to `depot`."""

    buy: str
    part: str
    depot: str
    qty: int


class Move(msgspec.Struct, frozen=True):
    """Move `qty` units of `part` along the lane `move`, such as SH->GZ."""

    move: str
    part: str
    qty: int


type Action = Purchase | Move


class Missing(msgspec.Struct, frozen=True):
    """Units that a need lacks at its deadline."""

    part: str
    depot: str
    units: int


class Outcome(msgspec.Struct, frozen=True):
    """What a plan costs and does.

    `missing` lists the needs not met by their deadlines; `last_needed_arrival_hours` is the
    smallest time by which the arrivals until then satisfy every need, None if none does;
    `shortage_unit_hours` is ∫ Σ max(0, hold point - stock arrived) dt over the horizon.
    """

    cost_cny: float
    missing: tuple[Missing, ...]
    last_needed_arrival_hours: float | None
    shortage_unit_hours: float


def read(content: bytes) -> Situation:
    """Read an emergency file.

    The needs are what gives parts and depots their names: an option for a part that nobody
    needs, or an option or a lane for a depot without any need, is a mistake.

    >>> read(b'{"needs": [{"part": 7}]}')
    Traceback (most recent call last):
    optimizer.errors.InvalidInput: $.needs[0].part: Expected `str`, got `int`

    Raises:
        InvalidInput: with the JSON path of the first thing wrong.

    """
    situation = decode(content, Situation)
    _check_needs(situation.needs)
    parts = {need.part for need in situation.needs}
    depots = {need.depot for need in situation.needs}
    _check_options(situation.vendor_options, parts, depots)
    _check_lanes(situation.lanes, depots)
    return situation


def evaluate(situation: Situation, plan: Sequence[Action]) -> Outcome:
    """Return what a plan costs and does, by the rules of the file alone.

    This is the referee of every plan: it shares no formula with the model that finds them.

    Raises:
        OptimizerError: the plan breaks a rule of the file (the budget and the needs aside).

    """
    _check_plan(situation, plan)
    arrivals = _arrivals(situation, plan)
    missing: list[Missing] = []
    last, short = 0.0, list[float]()
    for need in situation.needs:
        coming = arrivals[need.part, need.depot]
        in_time = sum(qty for hours, qty in coming if hours <= need.needed_by_hours)
        if in_time < need.hold_point:
            missing.append(Missing(need.part, need.depot, need.hold_point - in_time))
        levels = _levels(coming)
        last = max(last, _met_at(levels, need.hold_point))
        short.append(_short_unit_hours(levels, need.hold_point, situation.horizon_hours))
    return Outcome(
        cost_cny=_cost(situation, plan),
        missing=tuple(missing),
        last_needed_arrival_hours=last if math.isfinite(last) else None,
        shortage_unit_hours=math.fsum(short),
    )


type _Coming = list[tuple[float, int]]
"""(hours, units) of one need: the shelf at hour 0, less what leaves, then every arrival."""

type _Levels = list[tuple[float, int]]
"""(hours, stock from then on) of one need, in order of time."""


def _check_plan(situation: Situation, plan: Sequence[Action]) -> None:
    """Refuse a plan that buys or moves what the file does not allow."""
    options = {option.option: option for option in situation.vendor_options}
    lanes = {lane.name: lane for lane in situation.lanes}
    shelf = {(need.part, need.depot): need.on_hand for need in situation.needs}
    seen: set[tuple[str, ...]] = set()
    for action in plan:
        if isinstance(action, Purchase):
            key = ("buy", action.buy, action.depot)
            option = options.get(action.buy)
            offered = (
                option is not None
                and action.part == option.part
                and action.depot in option.depots
                and (action.part, action.depot) in shelf
                and action.qty % option.lot == 0
                and action.qty // option.lot in option.lots
            )
        else:
            key = ("move", action.move, action.part)
            lane = lanes.get(action.move)
            offered = lane is not None and (action.part, lane.destination) in shelf
            if lane is not None:
                left = shelf.get((action.part, lane.origin), 0) - action.qty
                shelf[action.part, lane.origin] = left
                offered = offered and action.qty > 0 and left >= 0
        if not offered or key in seen:
            raise OptimizerError(f"the file does not allow {action}")
        seen.add(key)


def _cost(situation: Situation, plan: Sequence[Action]) -> float:
    options = {option.option: option for option in situation.vendor_options}
    lanes = {lane.name: lane for lane in situation.lanes}
    costs = [lanes[name].fixed_cost_cny for name in {a.move for a in plan if isinstance(a, Move)}]
    for action in plan:
        if isinstance(action, Purchase):
            option = options[action.buy]
            costs += [option.unit_price_cny * action.qty, option.order_fee_cny]
        else:
            costs.append(lanes[action.move].unit_cost_cny * action.qty)
    return math.fsum(costs)


def _arrivals(situation: Situation, plan: Sequence[Action]) -> dict[tuple[str, str], _Coming]:
    """Return what comes and goes at every need under a plan."""
    options = {option.option: option for option in situation.vendor_options}
    lanes = {lane.name: lane for lane in situation.lanes}
    coming: dict[tuple[str, str], _Coming] = {}
    for need in situation.needs:
        inbound = [(each.eta_hours, each.qty) for each in need.inbound]
        coming[need.part, need.depot] = [(0.0, need.on_hand), *inbound]
    for action in plan:
        if isinstance(action, Purchase):
            hours = options[action.buy].lead_hours
            coming[action.part, action.depot].append((hours, action.qty))
        else:
            lane = lanes[action.move]
            coming[action.part, lane.origin].append((0.0, -action.qty))
            coming[action.part, lane.destination].append((lane.hours, action.qty))
    return coming


def _met_at(levels: _Levels, hold_point: int) -> float:
    """Return when the stock first reaches the hold point for good, infinite if it never does.

    Units leave at hour 0 only, so from then on the stock never falls.
    """
    for hours, stock in levels:
        if stock >= hold_point:
            return hours
    return math.inf


def _short_unit_hours(levels: _Levels, hold_point: int, horizon_hours: float) -> float:
    """Return ∫ max(0, hold point - stock) dt from now to the horizon."""
    short = 0.0
    for i, (hours, stock) in enumerate(levels):
        if stock >= hold_point or hours >= horizon_hours:
            break
        end = levels[i + 1][0] if i + 1 < len(levels) else horizon_hours
        short += (min(end, horizon_hours) - hours) * (hold_point - stock)
    return short


def _levels(coming: _Coming) -> _Levels:
    """Return (hours, stock from then on), one for each time at which anything arrives."""
    stock, levels = 0, list[tuple[float, int]]()
    for hours, qty in sorted(coming):
        stock += qty
        if levels and levels[-1][0] == hours:
            levels.pop()
        levels.append((hours, stock))
    return levels


def _check_needs(needs: Sequence[Need]) -> None:
    seen: set[tuple[str, str]] = set()
    for i, need in enumerate(needs):
        if ARROW in need.depot:
            raise InvalidInput(f"$.needs[{i}].depot", f"a depot's name may not contain {ARROW}")
        if (need.part, need.depot) in seen:
            raise InvalidInput(f"$.needs[{i}]", f"{need.part} at {need.depot} is listed twice")
        seen.add((need.part, need.depot))


def _check_options(options: Sequence[VendorOption], parts: set[str], depots: set[str]) -> None:
    seen: set[str] = set()
    for i, option in enumerate(options):
        path = f"$.vendor_options[{i}]"
        if option.option in seen:
            raise InvalidInput(f"{path}.option", f"option {option.option} is listed twice")
        seen.add(option.option)
        if option.part not in parts:
            raise InvalidInput(f"{path}.part", f"no need for part {option.part}")
        if option.moq > option.max_qty:
            raise InvalidInput(f"{path}.moq", f"{option.moq} is above max_qty {option.max_qty}")
        for j, depot in enumerate(option.depots):
            if depot not in depots:
                raise InvalidInput(f"{path}.depots[{j}]", f"no need at depot {depot}")
            if depot in option.depots[:j]:
                raise InvalidInput(f"{path}.depots[{j}]", f"depot {depot} is listed twice")


def _check_lanes(lanes: Sequence[Lane], depots: set[str]) -> None:
    seen: set[str] = set()
    for i, lane in enumerate(lanes):
        for field, depot in (("from", lane.origin), ("to", lane.destination)):
            if depot not in depots:
                raise InvalidInput(f"$.lanes[{i}].{field}", f"no need at depot {depot}")
        if lane.origin == lane.destination:
            raise InvalidInput(f"$.lanes[{i}].to", f"the lane leads from {lane.origin} to itself")
        if lane.name in seen:
            raise InvalidInput(f"$.lanes[{i}]", f"lane {lane.name} is listed twice")
        seen.add(lane.name)
