"""Judging cover: can a good, permitted piece arrive within the contract's limit, and what is it hanging on? Pure.

A *way* is a level of good stock of ours, in the pool that answers the contract, with the time it takes to the site; the
rules are those by which a part request is sourced (`requests/sourcing.py`), so that the meter says no other than a call
would find. Deliveries that are on their way do not count: they mend cover, and are named among what would.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from inventory.installed_base.clocks import Hours
from inventory.requests.sourcing import Stock, spare

State = Literal["no", "at_risk", "yes", "not_judged"]
"""Whether the promise can be kept, the worst first; `not_judged` where nothing was promised or nothing is critical."""

STATES: tuple[State, ...] = ("no", "at_risk", "yes", "not_judged")


class Way(Stock, frozen=True, kw_only=True):
    """Stock that might cover a device, and how many hours until it is at the site.

    `fits` are the fits of devices that may use it, by number; None where every device may.
    """

    hours: float | None
    critical_point: int | None = None
    substitute: bool = False
    serving: bool = False
    out_of_service: bool = False
    fits: list[int] | None = None


class Term(Struct, frozen=True, kw_only=True):
    """Until how many hours after a fault a part is of use; `may_empty` where the severity may empty other depots."""

    severity: str
    hours: Hours
    limit_hours: float | None
    may_empty: bool = False


class Source(Struct, frozen=True, kw_only=True):
    """Where the piece would come from, and in how many hours."""

    place: int
    part: int
    hours: float


class Judgement(Struct, frozen=True, kw_only=True):
    """Whether it can come in time, why, from where, and after how many hours the next best way would bring one."""

    state: State
    reasons: list[str]
    severity: str | None = None
    limit_hours: float | None = None
    source: Source | None = None
    next_hours: float | None = None


NOT_PROMISED = Judgement(state="not_judged", reasons=["no_limit_promised"])
"""Without a limit there is no promise to keep."""


def judge(
    ways: Sequence[Way],
    term: Term,
    limit_hours: float,
    *,
    serving_hours: float | None = None,
    forbidden: bool = False,
) -> Judgement:
    """Judge one part for a site under one limit, in hours from the call to the site.

    `serving_hours` is how long it takes from the store that serves the site: where that is over the limit, no stock there
    would help. `forbidden` says that the contract does not let the part itself into its devices; the ways are those of
    what it does.

    `yes` needs the part itself, in the store that serves the site, not as its last piece and not below the store's
    critical point. What can come in time otherwise is `at_risk`, with what is held against the best way. What another
    depot keeps for itself it gives only to a severity that may empty it.

    >>> def way(place, hours, free, **more): return Way(place=place, part=1, hours=hours, free=free, **more)
    >>> near, far = way(1, 1.5, 3, serving=True), way(2, 3.5, 9)
    >>> general = Term(severity="general", hours="working", limit_hours=4)
    >>> judge([near, far], general, 4).state
    'yes'
    >>> judge([way(1, 1.5, 1, serving=True), far], general, 4).reasons
    ['last_piece']
    >>> judge([way(1, 1.5, 0, serving=True), far], general, 4).reasons
    ['other_depot']
    >>> late = judge([way(1, 1.5, 0, serving=True), far], general, 2)
    >>> late.state, late.reasons, late.source.hours
    ('no', ['too_late'], 3.5)
    >>> judge([way(1, 2.5, 9, serving=True)], general, 2, serving_hours=2.5).reasons
    ['too_far']
    >>> judge([way(2, 3.5, 9, keeps=9)], general, 4).reasons
    ['needed_there']
    """
    able = [way for way in ways if _gives(way, term) and way.hours is not None]
    in_time = sorted((way for way in able if _hours(way) <= limit_hours), key=_preference)
    told = ["forbidden_by_contract"] if forbidden else []
    if in_time:
        best, rest = in_time[0], in_time[1:]
        flaws = told + _flaws(best)
        return Judgement(
            state="at_risk" if flaws else "yes",
            reasons=flaws or ["in_time"],
            severity=term.severity,
            limit_hours=limit_hours,
            source=_source(best),
            next_hours=min((_hours(way) for way in rest), default=None),
        )
    late = min(able, key=lambda way: (_hours(way), _preference(way)), default=None)
    far = serving_hours is not None and serving_hours > limit_hours
    return Judgement(
        state="no",
        reasons=(told + _why_not(ways, limit_hours, term, late=late is not None, far=far)) or ["none_free"],
        severity=term.severity,
        limit_hours=limit_hours,
        source=None if late is None else _source(late),
    )


def judge_terms(
    ways: Sequence[Way],
    terms: Iterable[Term],
    hours: Hours,
    *,
    serving_hours: float | None = None,
    forbidden: bool = False,
) -> Judgement:
    """Judge under every limit that holds in working or non-working hours: the worst counts, the tightest where alike.

    >>> bank = [Term(severity="general", hours="working", limit_hours=3),
    ...         Term(severity="severe", hours="working", limit_hours=2)]
    >>> near = Way(place=1, part=1, hours=2.5, free=3, serving=True)
    >>> judge_terms([near], bank, "working").limit_hours, judge_terms([near], bank, "non_working").state
    (2, 'not_judged')
    """
    return worst_of(
        judge(ways, term, term.limit_hours, serving_hours=serving_hours, forbidden=forbidden)
        for term in terms
        if term.hours == hours and term.limit_hours is not None
    )


def worst_of(judged: Iterable[Judgement]) -> Judgement:
    """The worst of some judgements, the one under the tightest limit where alike."""
    return min(
        judged,
        key=lambda each: (STATES.index(each.state), each.limit_hours or 0.0, each.severity or ""),
        default=NOT_PROMISED,
    )


def worst(states: Iterable[State]) -> State:
    """The worst of some states.

    >>> worst(["yes", "at_risk"]), worst([])
    ('at_risk', 'not_judged')
    """
    told = set(states)
    for state in STATES:
        if state in told:
            return state
    return "not_judged"


def _hours(way: Way) -> float:
    return float("inf") if way.hours is None else way.hours


def _gives(way: Way, term: Term) -> bool:
    return not way.out_of_service and spare(way, may_empty=term.may_empty) > 0


def _flaws(way: Way) -> list[str]:
    """What is held against a way that would bring the part in time."""
    found = {
        "substitute": way.substitute,
        "other_depot": not way.serving,
        "last_piece": spare(way, may_empty=True) == 1,
        "below_critical_point": way.free < (way.critical_point or 0),
    }
    return [flaw for flaw, holds in found.items() if holds]


def _preference(way: Way) -> tuple[int, float, int, int]:
    return len(_flaws(way)), _hours(way), way.place, way.part


def _why_not(ways: Sequence[Way], limit_hours: float, term: Term, *, late: bool, far: bool) -> list[str]:
    """Why nothing comes in time: what is nearest to doing so is named first."""
    there = [way for way in ways if spare(way, may_empty=True) > 0]
    near = [way for way in there if _hours(way) <= limit_hours]
    found = {
        "out_of_service": any(way.out_of_service for way in near),
        "needed_there": any(not way.out_of_service and not _gives(way, term) for way in near),
        "too_far": far,
        "too_late": late and not far,
        "no_way_there": not near and not late and any(way.hours is None for way in there),
    }
    return [reason for reason, holds in found.items() if holds]


def _source(way: Way) -> Source:
    return Source(place=way.place, part=way.part, hours=_hours(way))
