"""Why a base stock is what it is: the devices behind it, what prices it, and what one unit more or less would do.

Nothing is approximated: one unit more and one less are whole plans, evaluated by the exact formulas.
"""

import math
from collections.abc import Mapping

import msgspec
import numpy as np

from optimizer.demand import YEAR_DAYS, Demand, gather
from optimizer.errors import OptimizerError
from optimizer.evaluation import Evaluation, evaluate_demand, misses
from optimizer.network import Installed as InstalledRow
from optimizer.network import Network, mean_factors, primary_depot
from optimizer.plan import Plan
from optimizer.poisson import Ints

_ROUNDING = 1e-12
"""A change of a share smaller than this is none."""


class Installed(msgspec.Struct, frozen=True):
    """Devices of one model that ask the depot first for the part: `pieces` = devices x pieces per device.

    `factor` is how many times as often they fail as the rate says, for their age or where they stand, on average.
    """

    model: str
    device_count: int
    per_device: float
    annual_failure_rate: float
    pieces: float
    factor: float
    rate_per_day: float


class Worth(msgspec.Struct, frozen=True):
    """What one row of the plan pays for a unit: its multiplier times by how much the unit eases the row.

    `eases` is in the row's own unit: a fraction of a class's demands, hours, pieces or CNY; negative where the unit
    takes up room of a capacity or a budget, and `worth_cny` is then what it has to pay for that room.
    """

    row: str
    multiplier: float
    eases: float
    worth_cny: float


class Change(msgspec.Struct, frozen=True):
    """The plan with another base stock of this one part in this one depot.

    `cost_cny` and `service` are changes against the plan; `worths` is what the plan's rows pay for the unit between
    the two stocks (the dearest first); `breaks` are the targets and limits that would not hold, and by how much
    (`floor` is the row's own least stock).
    """

    base_stock: int
    cost_cny: float
    service: dict[str, float]
    worths: tuple[Worth, ...]
    breaks: dict[str, float]

    @property
    def holds(self) -> bool:
        """Whether every target and limit would still be kept."""
        return not self.breaks


class Explanation(msgspec.Struct, frozen=True):
    """One part in one depot of a plan: expected demand = rate x lead time, and the units around its base stock.

    `binding` is the row that pays the most for the last unit; None where the floor or nothing at all asks for it.
    """

    part: str
    depot: str
    base_stock: int
    floor: int
    unit_cost_cny: float
    installed: tuple[Installed, ...]
    rate_per_day: float
    lead_time_days: float
    expected_demand: float
    binding: str | None
    one_more: Change
    one_less: Change | None


def explain(network: Network, plan: Plan, part: str, depot: str) -> Explanation:
    """Why a plan holds as much of a part in a depot as it does.

    A unit stays in a plan where the rows pay for it, sum over rows of u_r (use_r(S - 1) - use_r(S)) >= c, and the next
    one stays out where they would pay less; u are the plan's multipliers. Whole units leave a remainder, which is the
    gap between the plan's cost and its Lagrangian bound, so near the margin a unit may be in that is worth a little
    less than it costs. Source: Everett (1963).

    Raises:
        OptimizerError: the network has no such row, or the plan holds no stock at all.

    """
    demand = gather(network)
    row = _row(demand, part, depot)
    if row is None or not plan.stock:
        raise OptimizerError(f"the plan says nothing of {part} at {depot}", part=part, depot=depot)
    levels = demand.levels(plan.stock)
    held, floor = int(levels[row]), int(demand.floor[row])
    planned = evaluate_demand(demand, levels)
    more = _changed(demand, plan, planned, levels, row, 1)
    less = _changed(demand, plan, planned, levels, row, -1) if held else None
    if less and held - 1 < floor:
        less = msgspec.structs.replace(less, breaks={**less.breaks, "floor": 1.0})
    paying = less.worths[0] if less and less.worths and held > floor else None
    return Explanation(
        part=part,
        depot=depot,
        base_stock=held,
        floor=floor,
        unit_cost_cny=float(demand.unit_cost_cny[row]),
        installed=tuple(_installed(network, part, depot)),
        rate_per_day=float(demand.daily_rate[row]),
        lead_time_days=float(demand.lead_time_days[row]),
        expected_demand=float(demand.daily_rate[row] * demand.lead_time_days[row]),
        binding=paying.row if paying and paying.worth_cny > 0 else None,
        one_more=more,
        one_less=less,
    )


def _row(demand: Demand, part: str, depot: str) -> int | None:
    """The place of a part in a depot among the demand's rows."""
    parts = [record.id for record in demand.network.parts]
    depots = [record.id for record in demand.network.depots]
    if part not in parts or depot not in depots:
        return None
    found = np.flatnonzero((demand.part == parts.index(part)) & (demand.depot == depots.index(depot)))
    return int(found[0]) if len(found) else None


def _changed(demand: Demand, plan: Plan, planned: Evaluation, levels: Ints, row: int, units: int) -> Change:
    """The plan with one unit more or less in a row, against the plan as it is."""
    changed = levels.copy()
    changed[row] += units
    other = evaluate_demand(demand, changed)
    fuller, emptier = (other, planned) if units > 0 else (planned, other)
    return Change(
        base_stock=int(changed[row]),
        cost_cny=other.cost_cny - planned.cost_cny,
        service=_moved(planned.service, other.service),
        worths=tuple(_worths(plan.multipliers, emptier, fuller)),
        breaks=misses(demand.network, other),
    )


def _moved(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """What changed, class by class; rounding is no change."""
    changes = {name: after[name] - value for name, value in before.items()}
    return {name: change for name, change in changes.items() if abs(change) > _ROUNDING}


def _worths(multipliers: Mapping[str, float], emptier: Evaluation, fuller: Evaluation) -> list[Worth]:
    """What each priced row pays for the unit that `fuller` has and `emptier` has not, the most first."""
    worths = [
        Worth(row, price, eases, price * eases)
        for row, price in multipliers.items()
        if price > 0 and abs(eases := _use(row, emptier) - _use(row, fuller)) > _ROUNDING
    ]
    return sorted(worths, key=lambda worth: -worth.worth_cny)


def _use(row: str, found: Evaluation) -> float:
    """How much of a row a plan uses; all rows are upper limits, so service counts below zero."""
    kind, _, of = row.partition(":")
    if kind == "service":
        return -found.service[of]
    if kind == "mean_time":
        return found.mean_hours[of]
    if kind == "capacity":
        return float(found.units[of])
    return found.value_cny[of] if kind == "budget" else math.fsum(found.value_cny.values())


def _installed(network: Network, part: str, depot: str) -> list[Installed]:
    """The models whose failures ask the depot first for the part, the most demanding first."""
    lines = {line.model: line for line in network.bom if line.part == part}
    nearest = {customer.id: primary_depot(customer, network.depots) for customer in network.customers}
    rows: dict[str, list[InstalledRow]] = {}
    for row in network.installed_base:
        if row.model in lines and nearest[row.customer] == depot:
            rows.setdefault(row.model, []).append(row)
    found: list[Installed] = []
    for model, installed in rows.items():
        line, count = lines[model], sum(row.device_count for row in installed)
        pieces, factor = count * line.per_device, mean_factors(installed).get(part, 1.0)
        rate = pieces * line.annual_failure_rate * factor / YEAR_DAYS
        found.append(Installed(model, count, line.per_device, line.annual_failure_rate, pieces, factor, rate))
    return sorted(found, key=lambda one: (-one.rate_per_day, one.model))
