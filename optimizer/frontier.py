"""What service costs: the network sized again and again, its targets moved together a little down or up."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor

import msgspec

from optimizer.files import Amount, Fraction, Name
from optimizer.network import Network, SlaClass
from optimizer.sizing import size
from optimizer.watch import Progress

SHIFTS = (-0.05, -0.04, -0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03)
"""By how much the targets are moved: from five points down to three points up."""

LEAST_MISSES = 0.1
"""A target moved up leaves at least this share of the misses that it allowed: 100 % has no price."""


class Point(msgspec.Struct, frozen=True):
    """The cheapest stock with all targets moved by `shift`, with its proof; cost and bounds null where there is none."""

    shift: float
    targets: dict[Name, Fraction]
    status: str
    cost_cny: Amount | None
    lower_bound_cny: Amount | None
    gap: Amount | None
    service: dict[Name, Fraction]


def moved(network: Network, shift: float) -> Network:
    """The network with the on-time targets of all classes moved; other limits stay.

    >>> from optimizer.network import Policy
    >>> classes = (SlaClass("2h", 2, 0.93), SlaClass("8h", 8, 0.98), SlaClass("mean", 8, None, 6))
    >>> network = Network((), (), (), classes, (), (), (), Policy("backorder"), "investment")
    >>> [sla.target_fraction and round(sla.target_fraction, 3) for sla in moved(network, 0.03).sla_classes]
    [0.96, 0.998, None]

    """
    return msgspec.structs.replace(network, sla_classes=tuple(_moved(sla, shift) for sla in network.sla_classes))


def _moved(sla: SlaClass, shift: float) -> SlaClass:
    target = sla.target_fraction
    if target is None or not shift:
        return sla
    most = 1.0 - LEAST_MISSES * (1.0 - target)
    return msgspec.structs.replace(sla, target_fraction=min(max(target + shift, 0.0), most))


def frontier(
    network: Network,
    shifts: Sequence[float] = SHIFTS,
    *,
    time_limit_s: float = 120.0,
    start: Mapping[str, float] | None = None,
    executor: Executor | None = None,
    progress: Callable[[int], Progress] = lambda _point: lambda _step, _gap: None,
) -> list[Point]:
    """The cheapest stock for every shift of the targets, in the given order.

    Cost never falls as all targets rise, since whatever keeps the higher ones keeps the lower ones too; between two
    points of proven gaps the same holds of the bounds.

    Args:
        network: a checked network.
        shifts: by how much to move every target, as fractions.
        time_limit_s: for all of them together, shared out equally.
        start: multipliers of the network's plan; every point starts from those of the one before.
        executor: as for `size`.
        progress: given the number of a point, whom to tell how far its sizing is.

    Raises:
        OptimizerError: as `size`.

    """
    points: list[Point] = []
    for number, shift in enumerate(shifts):
        at = moved(network, shift)
        plan = size(
            at, time_limit_s=time_limit_s / len(shifts), start=start, executor=executor, progress=progress(number)
        )
        start = plan.multipliers or start
        points.append(
            Point(
                shift=shift,
                targets={sla.id: sla.target_fraction for sla in at.sla_classes if sla.target_fraction is not None},
                status=plan.status,
                cost_cny=plan.cost_cny,
                lower_bound_cny=plan.lower_bound_cny,
                gap=plan.gap,
                service=plan.service,
            )
        )
    return points
