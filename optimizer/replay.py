"""The past played again: which of the failures that happened a stock would have served in time.

No chance and no formula: every failure takes a unit at its own instant, first come first served,
and what it orders arrives after the network's lead time. The shelves are full at the beginning. The past is
short: twenty thousand failures take a fraction of a second without compiled code, which takes longer to load.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from optimizer.errors import InvalidInput
from optimizer.network import Network
from optimizer.observations import Failure
from optimizer.recount import Floats
from optimizer.shelves import EMERGENCY, ROUNDING_HOURS, Shelves, ways


class ClassReplay(msgspec.Struct, frozen=True):
    """One class: how many failures it had and how many would have been in time; null where it had none."""

    target: float | None
    calls: int
    on_time: int
    share: float | None


class Miss(msgspec.Struct, frozen=True):
    """A failure that would have been late: its place in the list, and after how many hours a unit is on site.

    `hours` is null where the network does not stock the part at that depot at all.
    """

    failure: int
    hours: float | None


class Replay(msgspec.Struct, frozen=True):
    """What would have been, by class; and what would have been late, oldest first."""

    classes: dict[str, ClassReplay]
    misses: tuple[Miss, ...]


def replay(stock: Mapping[str, Mapping[str, int]], network: Network, failures: Sequence[Failure]) -> Replay:
    """Play failures against base stocks.

    Args:
        stock: base stock by part and depot; what is not listed is zero.
        network: lead times, promises and what happens to a demand that finds nothing.
        failures: in any order.

    Raises:
        InvalidInput: a failure is of a class that the network does not know.

    """
    targets = {sla.id: sla for sla in network.sla_classes}
    for index, failure in enumerate(failures):
        if failure.sla_class not in targets:
            raise InvalidInput(f"failure {index + 1}", f"no such class: {failure.sla_class}")
    hours = _hours(stock, network, failures)
    limit = np.array([targets[failure.sla_class].time_to_site_hours for failure in failures])
    late = ~(hours <= limit + ROUNDING_HOURS)
    calls, missed = dict.fromkeys(targets, 0), dict.fromkeys(targets, 0)
    for failure, is_late in zip(failures, late.tolist(), strict=True):
        calls[failure.sla_class] += 1
        missed[failure.sla_class] += is_late
    classes = {
        name: ClassReplay(sla.target_fraction, of, of - missed[name], (of - missed[name]) / of if of else None)
        for (name, sla), of in zip(targets.items(), calls.values(), strict=True)
    }
    oldest = sorted(np.flatnonzero(late).tolist(), key=lambda index: failures[index].occurred_at)
    misses = tuple(Miss(index, None if np.isnan(hours[index]) else float(hours[index])) for index in oldest)
    return Replay(classes, misses)


def _hours(stock: Mapping[str, Mapping[str, int]], network: Network, failures: Sequence[Failure]) -> Floats:
    """Hours until each failure has a unit on site; not a number where none ever comes."""
    lead_times: dict[str, dict[str, float]] = {}
    for row in network.replenishment:
        lead_times.setdefault(row.part, {})[row.depot] = row.lead_time_days
    lots = {(row.part, row.depot): row.order_quantity for row in network.replenishment}
    by_part: dict[str, list[int]] = {}
    for index, failure in enumerate(failures):
        if failure.depot in lead_times.get(failure.part, {}):
            by_part.setdefault(failure.part, []).append(index)
    hours = np.full(len(failures), np.nan)
    away = network.policy.emergency_hours or 0.0
    for part, indices in by_part.items():
        indices.sort(key=lambda index: failures[index].occurred_at)
        depots = [*lead_times[part]]
        shelves = Shelves(
            np.array([stock.get(part, {}).get(depot, 0) for depot in depots], dtype=np.int64),
            *ways(network, depots),
            np.array([*lead_times[part].values()], dtype=np.float64),
            np.arange(len(depots) + 1),
            np.array([lots[part, depot] for depot in depots], dtype=np.int64),
            exponential=False,
            waits=network.policy.stockout == "backorder",
        )
        first = failures[indices[0]].occurred_at
        day = np.array([(failures[index].occurred_at - first).total_seconds() / 86_400.0 for index in indices])
        shelf = np.array([depots.index(failures[index].depot) for index in indices], dtype=np.int64)
        travel = np.array([failures[index].travel_hours for index in indices])
        waited, source = shelves.serve(
            day, shelf, np.zeros(len(day)), np.zeros(1, dtype=np.int64), np.zeros((1, len(depots)))
        )
        arrived = np.where(np.isinf(waited), np.nan, waited + travel)
        hours[indices] = np.where(source == EMERGENCY, away, arrived)
    return hours
