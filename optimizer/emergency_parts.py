"""An emergency cut into its parts, and the parts into groups that share trucks."""

import math
from collections.abc import Sequence

import msgspec

from optimizer.situation import Action, Need, Outcome, Situation, VendorOption, evaluate


class Found(msgspec.Struct, frozen=True):
    """A plan, None if time ran out before there was one; nothing is worth less than `bound`."""

    plan: tuple[Action, ...] | None
    proven: bool
    bound: float = -math.inf


class Part(msgspec.Struct, frozen=True):
    """One part with all that can be done for it, in order of names."""

    name: str
    situation: Situation
    idle: Outcome


def cut(situation: Situation) -> list[Part]:
    """Cut a situation into its parts, leaving out what can never be of use."""
    needs: dict[str, list[Need]] = {}
    for need in sorted(situation.needs, key=lambda n: (n.part, n.depot)):
        needs.setdefault(need.part, []).append(need)
    options: dict[str, list[VendorOption]] = {}
    for option in sorted(situation.vendor_options, key=lambda o: o.option):
        options.setdefault(option.part, []).append(option)
    lanes = sorted(situation.lanes, key=lambda lane: lane.name)
    parts: list[Part] = []
    for name, of_part in needs.items():
        depots = {need.depot for need in of_part}
        stocked = {need.depot for need in of_part if need.on_hand > 0}
        wanting = {need.depot for need in of_part if need.hold_point > 0}
        own = msgspec.structs.replace(
            situation,
            needs=tuple(of_part),
            vendor_options=tuple(
                msgspec.structs.replace(each, depots=tuple(sorted(depots & set(each.depots))))
                for each in options.get(name, [])
            ),
            lanes=tuple(lane for lane in lanes if lane.origin in stocked and lane.destination in wanting),
        )
        parts.append(Part(name, own, evaluate(own, ())))
    return parts


def joined(situations: Sequence[Situation]) -> Situation:
    """Put parts together again."""
    lanes = {lane.name: lane for each in situations for lane in each.lanes}
    return msgspec.structs.replace(
        situations[0],
        needs=tuple(need for each in situations for need in each.needs),
        vendor_options=tuple(option for each in situations for option in each.vendor_options),
        lanes=tuple(lanes[name] for name in sorted(lanes)),
    )


def group_by_lanes(parts: Sequence[Part]) -> list[list[Part]]:
    """Group parts that share a lane with a fixed cost, directly or through others."""
    leader = list(range(len(parts)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    first_user: dict[str, int] = {}
    for i, part in enumerate(parts):
        for lane in part.situation.lanes:
            if lane.fixed_cost_cny > 0:
                leader[find(i)] = find(first_user.setdefault(lane.name, i))
    groups: dict[int, list[Part]] = {}
    for i, part in enumerate(parts):
        groups.setdefault(find(i), []).append(part)
    return list(groups.values())
