"""The plan file: what sizing answers, with what it takes to verify it.

`status` is "optimal" where the gap is at most 1e-6 or a search proved that no plan is cheaper,
"feasible" where a larger gap remains, "timed_out" where time ran out before that (with the best
plan found, if any), "infeasible" where no plan exists (`reasons` says why). `proof` says what the
verdict rests on: the multipliers alone, or a search that has to be repeated to be verified.
"""

from typing import Literal

import msgspec

from optimizer.files import Amount, Count, Fraction, Name, decode, encode

OPTIMAL_GAP = 1e-6
"""A plan is optimal where its cost lies within this share above the proven bound."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plan, or the proof that there is none.

    `stock` is {part: {depot: base stock}} for every part and depot with demand, or that holds a
    floor or helps another depot, zeros too. `lagrangian_bound_cny` is the bound that the
    `multipliers` prove; `lower_bound_cny` is that, or the higher one that a search proved: the
    cost itself if the search was complete.
    `gap` = (cost - lower bound) / cost. Costs are CNY, or CNY a year under the objective
    "annual_cost". Without a plan stock and service are empty, cost, bounds and gap null. Of an
    infeasible network the multipliers, if they are the proof, price its targets and limits so
    that even free stock could not pay for them.
    """

    status: Literal["optimal", "feasible", "infeasible", "timed_out"]
    proof: Literal["lagrangian", "search"]
    cost_cny: Amount | None
    lower_bound_cny: Amount | None
    lagrangian_bound_cny: Amount | None
    gap: Amount | None
    stock: dict[Name, dict[Name, Count]]
    service: dict[Name, Fraction]
    multipliers: dict[Name, Amount]
    reasons: tuple[str, ...]
    seconds: Amount
    peak_memory_mb: Amount


def read_plan(content: bytes) -> Plan:
    """Read a plan file.

    Raises:
        InvalidInput: the file is not a plan file; `path` says where.

    """
    return decode(content, Plan)


def write_plan(plan: Plan) -> bytes:
    """The plan as a JSON file; numbers keep every digit.

    >>> plan = Plan("optimal", "lagrangian", 0.1, 0.1, 0.1, 0, {}, {}, {}, (), 0.5, 90)
    >>> read_plan(write_plan(plan)) == plan
    True

    """
    return encode(plan)
