"""Plan 2 played, failure after failure: what it would see, open and buy. Pure; no stock is touched.

The stock lives as a plan has it: every failure takes a piece or waits for one, and whatever brings the position under the
base stock orders a piece, which comes a resupply time later. Plan 2 looks at a row whenever something failed there or came
in, with the rules it looks at live stock by (`inventory.emergency.judging`), every other row standing as it then stands.
"""

import heapq
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import numpy as np
from msgspec import Struct, structs

from inventory.emergency.facts import Arriving, Facts, RowFacts
from inventory.emergency.judging import Judgement, burst_of, judge_one, opens, row_of, still_missing
from inventory.installed_base.failures import REMEMBERED
from optimizer import cover

LOOK = timedelta(hours=6)
"""How old a row's share may be that nothing happened to while its orders come closer; a share grows no worse meanwhile."""


DAY = timedelta(days=1)


class Failing(Struct, frozen=True):
    """A failure that is played: when, and which of the rows it falls on, by its place in the list."""

    at: datetime
    row: int


class Measure(Struct, frozen=True, kw_only=True):
    """So many pieces, there after so many hours; `origin` is the row they are taken from, None where they are bought."""

    quantity: int
    hours: float
    origin: int | None = None
    source: str = ""
    expedited: bool = False
    cost_cny: float = 0.0


class Taken(Struct, frozen=True, kw_only=True):
    """A measure that was taken."""

    measure: Measure
    taken_at: datetime
    arrives_at: datetime


class Opened(Struct, kw_only=True):
    """A case that plan 2 would have opened, why, and what it did.

    The conditions are those that held when it opened; `broken` names the classes that stood below their floors.
    `still_missing` is what no measure could bring. It is over as soon as cover is restored.
    """

    row: int
    at: datetime
    crossed: bool
    in_burst: bool
    under_average: bool
    broken: list[str]
    available: int
    point: int
    taken: list[Taken]
    still_missing: int = 0
    restored_at: datetime | None = None


class Played(Struct, frozen=True, kw_only=True):
    """What came of it: cases in their order, and the failures that found no stock, by their place in the list."""

    opened: list[Opened]
    unserved: list[int]


Choose = Callable[[Facts, RowFacts, Judgement, int], Sequence[Measure]]
"""What a case does: of facts about its part in every store, its row, its judgement, and how much is under way already."""

See = Callable[[int, Facts, RowFacts, Judgement], None]


class _Shelf:
    """A row as it stands while it is played."""

    def __init__(self, facts: RowFacts) -> None:
        self.facts = facts
        self.available = facts.available
        self.arriving = list[Arriving]()
        self.failures = list(facts.failures)
        self.critical_point, self.average_line = facts.critical_point, facts.average_failure_line
        self.in_burst = facts.stored_in_burst
        self.case: Opened | None = None
        self.left_open = 0
        self.looked_for: datetime | None = None

    def take_in(self, at: datetime) -> None:
        """All that is due by an instant."""
        self.available += sum(coming.quantity for coming in self.arriving if coming.due_at <= at)
        self.arriving = [coming for coming in self.arriving if coming.due_at > at]

    @property
    def position(self) -> int:
        return self.available + sum(coming.quantity for coming in self.arriving)

    @property
    def under_way(self) -> int:
        return sum(coming.quantity for coming in self.arriving if coming.measure)


class _Play:
    """Rows, classes and what is still to happen."""

    def __init__(self, facts: Facts, choose: Choose | None, see: See | None) -> None:
        self._facts, self._choose, self._see = facts, choose, see
        self._shelves = [_Shelf(row) for row in facts.rows]
        self._raises = np.array([row.stored_raise for row in facts.rows])
        self._served = np.zeros((len(facts.classes), len(facts.rows)))
        self._total = np.zeros((len(facts.classes), len(facts.rows)))
        codes = {known.code: number for number, known in enumerate(facts.classes)}
        for number, row in enumerate(facts.rows):
            for demand in row.demands:
                if demand.service_class in codes:
                    self._served[codes[demand.service_class], number] += demand.served_rate
                    self._total[codes[demand.service_class], number] += demand.total_rate
        self._events: list[tuple[datetime, bool, int, int]] = []
        self._looked_at: datetime | None = None
        self.opened: list[Opened] = []
        self.unserved: list[int] = []
        bursts = [burst_of(facts, row) if row.stored_in_burst else None for row in facts.rows]
        self._shares = cover.row_shares([row_of(row, b, facts.at) for row, b in zip(facts.rows, bursts, strict=True)])
        for number, row in enumerate(facts.rows):
            for coming in row.arriving:
                if coming.due_at > facts.at:  # nobody knows when what is overdue will come
                    self._expect(number, coming)
            self._replenish(number, facts.at)

    def run(self, failures: Sequence[Failing], until: datetime, judged: Collection[int] | None) -> None:
        """Let everything happen in its order; what comes in at an instant is there for what fails at it."""
        for place, failure in enumerate(failures):
            heapq.heappush(self._events, (failure.at, True, place, failure.row))
        while self._events and self._events[0][0] <= until:
            at, failed, place, number = heapq.heappop(self._events)
            shelf = self._shelves[number]
            if failed:
                if shelf.available <= 0:
                    self.unserved.append(place)
                shelf.available -= 1
                shelf.failures.append(at)
                self._replenish(number, at)
            else:
                shelf.take_in(at)
            if judged is None or number in judged:
                self._judge(number, at)

    def _expect(self, number: int, coming: Arriving) -> None:
        shelf = self._shelves[number]
        shelf.arriving = sorted([*shelf.arriving, coming], key=lambda each: each.due_at)
        heapq.heappush(self._events, (coming.due_at, False, 0, number))

    def _replenish(self, number: int, at: datetime) -> None:
        shelf = self._shelves[number]
        lacking = (shelf.facts.base_stock or 0) - shelf.position
        if lacking > 0:
            due_at = at + timedelta(days=shelf.facts.resupply_days)
            self._expect(number, Arriving(quantity=lacking, due_at=due_at, measure=False))

    def _row(self, number: int, at: datetime) -> RowFacts:
        shelf = self._shelves[number]
        since = at - REMEMBERED
        if shelf.failures and shelf.failures[0] < since:
            shelf.failures = [failed for failed in shelf.failures if failed >= since]
        return structs.replace(
            shelf.facts,
            on_hand=max(shelf.available, 0),
            reserved=0,
            backordered=max(-shelf.available, 0),
            standing_in=None,  # what stands in counts as stock from the beginning
            lent=0,
            critical_point=shelf.critical_point,
            average_failure_line=shelf.average_line,
            arriving=shelf.arriving,
            failures=shelf.failures,
            stored_share=float(self._shares[number]),
            stored_raise=float(self._raises[number]),
            stored_in_burst=shelf.in_burst,
        )

    def _as_of(self, at: datetime, rows: list[RowFacts]) -> Facts:
        """Facts at an instant: the classes as all rows then make them."""
        asked = self._total @ self._raises
        in_time = self._served @ (self._raises * self._shares)
        classes = [
            structs.replace(known, on_time_rate=float(in_time[number]), total_rate=float(asked[number]))
            for number, known in enumerate(self._facts.classes)
        ]
        return structs.replace(self._facts, at=at, rows=rows, classes=classes)

    def _look_at_all(self, at: datetime) -> None:
        """See every row that something is on its way to, or that is in a burst, as it stands about now."""
        if self._looked_at is not None and at < self._looked_at + LOOK:
            return
        self._looked_at = at
        moving = [n for n, shelf in enumerate(self._shelves) if shelf.arriving or shelf.in_burst]
        if not moving:
            return
        self._shares[moving] = cover.row_shares([self._present(number, at) for number in moving])

    def _present(self, number: int, at: datetime) -> cover.Row:
        """A row as the mathematics sees it; only a failure begins a burst, so others need not be tested for one."""
        shelf, subject = self._shelves[number], self._row(number, at)
        burst = burst_of(structs.replace(self._facts, at=at), subject) if shelf.in_burst else None
        if burst is not None:
            shelf.in_burst = burst.in_alarm
            self._raises[number] = burst.present_rate_per_day / burst.rate_per_day
        return row_of(subject, burst, at)

    def _judge(self, number: int, at: datetime) -> None:
        self._look_at_all(at)
        subject = self._row(number, at)
        facts = self._as_of(at, [subject])
        judgement = judge_one(facts, subject)
        if self._see is not None:
            self._see(number, facts, subject, judgement)
        shelf = self._shelves[number]
        shelf.critical_point, shelf.average_line = judgement.point, judgement.average_line
        shelf.in_burst = judgement.in_burst
        self._shares[number] = judgement.share
        self._raises[number] = judgement.row.rate_per_day / subject.rate_per_day if subject.rate_per_day > 0 else 1.0
        if shelf.case is not None:
            self._go_on(number, facts, subject, judgement)
        elif (not subject.planned or subject.hand_set is not None) and judgement.below:
            self._open(number, facts, judgement)
        for code in judgement.broken:
            self._open_for(code, at)

    def _open_for(self, code: str, at: datetime) -> None:
        """Open cases for the rows that explain why a class is below its floor."""
        place = next(n for n, known in enumerate(self._facts.classes) if known.code == code)
        serving = [int(number) for number in np.flatnonzero(self._total[place])]
        rows = [self._present(number, at) for number in serving]
        to_blame = {row.row for row in cover.rows_to_blame(rows, code, self._facts.classes[place].floor).rows}
        for number, row in zip(serving, rows, strict=True):
            if row.row in to_blame and self._shelves[number].case is None:
                subject = self._row(number, at)
                facts = self._as_of(at, [subject])
                self._open(number, facts, judge_one(facts, subject))

    def _open(self, number: int, facts: Facts, judgement: Judgement) -> None:
        if not opens(facts.policy, judgement):
            return
        shelf = self._shelves[number]
        shelf.case = Opened(
            row=number,
            at=facts.at,
            crossed=judgement.below or bool(judgement.broken),
            in_burst=judgement.in_burst,
            under_average=judgement.under_average,
            broken=judgement.broken,
            available=shelf.available,
            point=judgement.point,
            taken=[],
        )
        self.opened.append(shelf.case)
        self._act(number, facts.at, judgement)
        self._look_again(number, facts.at)

    def _go_on(self, number: int, facts: Facts, subject: RowFacts, judgement: Judgement) -> None:
        """See cover come back; or, where more is missing than the last measures left open, take further ones."""
        shelf = self._shelves[number]
        if shelf.case is None:
            return
        if judgement.covered:
            shelf.case.restored_at, shelf.case = facts.at, None
            return
        self._look_again(number, facts.at)
        missing = still_missing(facts, subject, judgement, shelf.under_way)
        if shelf.case.taken and missing and (shelf.under_way == 0 or missing > shelf.left_open):
            self._act(number, facts.at, judgement)

    def _look_again(self, number: int, at: datetime) -> None:
        """Look at a row with a case every day, though nothing happens to it: a burst passes by itself."""
        shelf = self._shelves[number]
        if shelf.looked_for is None or shelf.looked_for <= at:
            shelf.looked_for = at + DAY
            heapq.heappush(self._events, (shelf.looked_for, False, 0, number))

    def _act(self, number: int, at: datetime, judgement: Judgement) -> None:
        shelf = self._shelves[number]
        if self._choose is None or shelf.case is None:
            return
        own = shelf.facts
        alike = [n for n, other in enumerate(self._shelves) if _same_stock(other.facts, own)]
        facts = self._as_of(at, [self._row(n, at) for n in alike])
        subject = facts.rows[alike.index(number)]
        missing = still_missing(facts, subject, judgement, shelf.under_way)
        brought = 0
        for measure in self._choose(facts, subject, judgement, shelf.under_way):
            origin = None if measure.origin is None else alike[measure.origin]
            if origin is not None:
                self._shelves[origin].available -= measure.quantity
                self._replenish(origin, at)
            arrives_at = at + timedelta(hours=measure.hours)
            self._expect(number, Arriving(quantity=measure.quantity, due_at=arrives_at, measure=True))
            taken = Taken(measure=structs.replace(measure, origin=origin), taken_at=at, arrives_at=arrives_at)
            shelf.case.taken.append(taken)
            brought += measure.quantity
        shelf.left_open = shelf.case.still_missing = max(0, missing - brought)


def play(
    facts: Facts,
    failures: Sequence[Failing],
    *,
    until: datetime,
    choose: Choose | None = None,
    judged: Collection[int] | None = None,
    see: See | None = None,
) -> Played:
    """Let the rows of `facts` live through `failures`, from the instant of the facts on.

    Args:
        facts: every row of the plan as it stands at the beginning, and the classes with their floors.
        failures: in any order, none before the beginning.
        until: when to stop.
        choose: what a case does; without it cases are seen and nothing is bought.
        judged: the rows that are looked at, all if nothing is said; the others live on, and count for their classes.
        see: told of every look.

    """
    playing = _Play(facts, choose, see)
    playing.run(failures, until, judged)
    return Played(opened=playing.opened, unserved=playing.unserved)


def _same_stock(one: RowFacts, other: RowFacts) -> bool:
    return (one.part, one.pool) == (other.part, other.pool)
