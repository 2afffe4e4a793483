"""What of a case or near miss somebody is told: to each their stores and contracts, prices and vendors only by right.

What the radar finds of a part everywhere is for those who see everything; who is bound to contracts hears of a stock that
serves one of theirs, of their own contracts on it, and of nobody else's machines.
"""

from collections.abc import Mapping
from typing import Any, cast

from inventory.ground.actor import Actor


def told(record: str, contracts: str) -> str:
    """The condition that the evidence of a record (a joined row) names one of the reader's contracts."""
    return f"""({contracts}::text[] IS NULL OR EXISTS (
        SELECT FROM jsonb_array_elements({record}.evidence -> 'served') AS served
        WHERE served ->> 'contract' = ANY({contracts})))"""


def evidence_for(evidence: Mapping[str, Any], reader: Actor) -> dict[str, Any]:
    """Evidence as somebody may read it; `radar` is None to whoever is bound.

    Where others than the reader's contracts lean on the stock, how often it is asked for is theirs too: no failures, windows,
    rates, nor what is reckoned from them by day.
    """
    shown = dict(evidence)
    if reader.depots is not None or reader.contracts is not None:
        shown["radar"] = None
    if reader.contracts is not None:
        shown["served"] = [each for each in evidence["served"] if each["contract"] in reader.contracts]
    if others_lean(evidence, reader):
        shown["failures_per_day"] = []
        if evidence["burst"] is not None:
            shown["burst"] = {**evidence["burst"], "times_days": [], "windows": []} | dict.fromkeys(_OF_A_BURST)
        shown["stock"] = {**evidence["stock"], "expected_over_resupply": None}
        shown |= dict.fromkeys(("critical_point", "rate_per_day", "present_rate_per_day"))
    return shown


_OF_A_BURST = ("rate_per_day", "present_rate_per_day", "run_failures", "run_expected")
"""What of a burst counts failures."""


def others_lean(evidence: Mapping[str, Any], reader: Actor) -> bool:
    """Whether machines under other contracts than those a reader is bound to lean on a stock."""
    return reader.contracts is not None and any(each["contract"] not in reader.contracts for each in evidence["served"])


def entry_for(facts: object, evidence: Mapping[str, Any], reader: Actor) -> object:
    """What a line of a case's log tells somebody: no prices without the right, nor failures of others' machines."""
    shown = priced_for(facts, reader)
    if isinstance(shown, Mapping) and "windows" in shown and others_lean(evidence, reader):
        return {**cast("Mapping[str, object]", shown), "windows": []}
    return shown


def proposal_for(proposal: Mapping[str, Any], reader: Actor) -> dict[str, Any]:
    """A proposal as somebody may read it: vendors and ways with the right to see orders, prices with that to see costs."""
    if not reader.may("orders.read"):
        return {name: proposal[name] for name in ("status", "still_missing") if name in proposal}
    return cast("dict[str, Any]", priced_for(proposal, reader))


def priced_for(facts: object, reader: Actor) -> object:
    """Facts without any amount of money, for those who may not see prices.

    >>> from inventory.ground.actor import Actor
    >>> keeper = Actor(name="li", kind="person", roles=frozenset(), rights=frozenset())
    >>> priced_for({"total_cny": "980", "measures": [{"buy": "DISTI", "unit_price_cny": 980.0}]}, keeper)
    {'measures': [{'buy': 'DISTI'}]}
    """
    if reader.may("costs.read"):
        return facts
    if isinstance(facts, Mapping):
        named = cast("Mapping[str, object]", facts)
        return {name: priced_for(value, reader) for name, value in named.items() if "cny" not in name.split("_")}
    if isinstance(facts, list | tuple):
        return [priced_for(each, reader) for each in cast("list[object]", facts)]
    return facts
