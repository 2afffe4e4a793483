"""A rehearsal of plan 2 worked out: played with plan 2, which chooses as in life, and without it. Pure.

It runs in a process of its own, where `tell` hears how far it is.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from inventory.emergency.choices import Market, same, situation_of
from inventory.emergency.facts import Facts, Key, RowFacts
from inventory.emergency.judging import Judgement
from inventory.emergency.playing import Failing, Measure, Played, play
from optimizer.emergency import choose
from optimizer.situation import Lane, Purchase

CASES_MAX = 20
"""For how many rows measures are worked out."""

PROPOSALS_MAX = 60
"""How often measures are chosen at most: a case that goes on chooses anew as its need grows."""

SOLVE_SECONDS = 0.5
STEPS = 20
"""How often it is told how far it is, at most."""

Tell = Callable[[str, None, float], None]


class Staged(Struct, frozen=True, kw_only=True):
    """What is played: the network as it stood, and the failures, from `since` on; `only` is the row they all fall on."""

    facts: Facts
    failures: list[Failing]
    since: datetime
    until: datetime
    only: int | None


class Rehearsed(Struct, frozen=True, kw_only=True):
    """What came of it with plan 2 and without it.

    `wanting` are the rows whose offers and lanes are to be looked up before it is played again; none are when it is final.
    """

    played: Played
    otherwise: Played
    wanting: list[int]
    measures_cut: bool


def rehearse(staged: Staged, markets: Mapping[Key, Market], tell: Tell) -> Rehearsed:
    """Play with plan 2 and without it; a case may choose of the markets that are known."""
    facts = staged.facts
    played, all_proposed = _played(staged, markets, tell)
    asked = list(dict.fromkeys(each.row for each in played.opened))[:CASES_MAX]
    unknown = [number for number in asked if facts.rows[number].key not in markets]
    complete = all_proposed and all(facts.rows[each.row].key in markets for each in played.opened)
    return Rehearsed(
        played=played,
        otherwise=play(facts, staged.failures, until=staged.until, judged=()),
        wanting=unknown if len(markets) < CASES_MAX else [],
        measures_cut=not complete,
    )


def _played(staged: Staged, markets: Mapping[Key, Market], tell: Tell) -> tuple[Played, bool]:
    """What plan 2 does where it may choose of these markets, and whether it could choose as often as it wanted."""
    policy, proposals = staged.facts.policy, itertools.count()

    def measures(facts: Facts, subject: RowFacts, judgement: Judgement, under_way: int) -> list[Measure]:
        market = markets.get(subject.key)
        if market is None or next(proposals) >= PROPOSALS_MAX:
            return []
        donors = [row for row in facts.rows if row.key != subject.key and row.available > 0]
        stores = {row.depot for row in donors}
        lanes = {lane.name: lane for lane, _ in market.lanes if lane.origin.partition("/")[0] in stores}
        terms = {term.option: term for _, term in market.offers}
        situation = situation_of(
            facts.at,
            subject,
            judgement,
            [same(facts.at, row, policy) for row in donors],
            policy,
            terms=list(terms.values()),
            lanes=list(lanes.values()),
            under_way=under_way,
        )
        answer = choose(situation, time_limit_s=SOLVE_SECONDS)
        plan = answer.plan or (answer.least_shortage.plan if answer.least_shortage else ())
        offered = {term.option: each for each, term in market.offers}
        found: list[Measure] = []
        for action in plan:
            if isinstance(action, Purchase):
                term, offer = terms[action.buy], offered[action.buy]
                found.append(
                    Measure(
                        quantity=action.qty,
                        hours=term.lead_hours,
                        source=offer.vendor,
                        expedited=offer.expedited,
                        cost_cny=action.qty * term.unit_price_cny + term.order_fee_cny,
                    )
                )
            else:
                found.append(_moved(lanes[action.move], action.qty, facts.rows))
        return found

    began = staged.facts.at
    length, due = (staged.until - began) / STEPS, began

    def see(_: int, facts: Facts, __: RowFacts, ___: Judgement) -> None:
        nonlocal due
        if facts.at >= due:
            due = facts.at + length
            tell("rehearsing", None, (facts.at - began) / (staged.until - began))

    played = play(staged.facts, staged.failures, until=staged.until, choose=measures, see=see)
    return played, next(proposals) <= PROPOSALS_MAX


def _moved(lane: Lane, quantity: int, rows: Sequence[RowFacts]) -> Measure:
    depot = lane.origin.partition("/")[0]
    return Measure(
        quantity=quantity,
        hours=lane.hours,
        origin=next(number for number, row in enumerate(rows) if row.depot == depot),
        source=depot,
        cost_cny=lane.fixed_cost_cny + quantity * lane.unit_cost_cny,
    )
