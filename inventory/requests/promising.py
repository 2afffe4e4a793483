"""Promising: giving the lines of a request their sources, holding what was chosen, and writing down what was said.

A line that holds stock, or a delivery that is on its way for certain, is a firm promise; any other waits, is counted
at the store that serves its site, and says the best that can be hoped for. What is for planned work is promised ahead
(`ahead.py`), and becomes firm when its day comes. However many lines there are, it takes the same number of statements.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from inventory.catalogue.grades import Provenance
from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor
from inventory.installed_base.devices import CoveredDevice
from inventory.places import places
from inventory.requests import ahead, sources
from inventory.requests.ahead import Ahead, Spot
from inventory.requests.gates import GATED, Gate
from inventory.requests.sources import Offered
from inventory.requests.sourcing import Choice, Source, Step, Taken, Wanted, choose
from inventory.stock import priorities, promises, reservations, reserving
from inventory.stock.lines import count_each_waiting
from inventory.stock.lines import lock as lock_levels
from inventory.stock.promises import Prospect

MOST_TRIES = 3
"""How often stock that a rival took between the choice and the holding is chosen anew."""


class Asked(Struct, frozen=True, kw_only=True):
    """Pieces of a part that a line asks for; `line` is the row they have already."""

    part: int
    quantity: int
    position: int
    device_position: str | None = None
    line: UUID | None = None


class Asking(Struct, frozen=True, kw_only=True):
    """The request on whose behalf lines are promised; behind a gate they are held, not promised.

    What planned work missed and is promised anew keeps its place `before` promises that wait behind it.
    """

    request: UUID
    reference: str
    priority_class: str
    need_by: datetime | None
    engineer: str | None
    gate: Gate | None = None
    planned_at: datetime | None = None
    before: Collection[UUID] = ()


class _Answer(Struct, frozen=True, kw_only=True):
    """What some pieces of an asked line get: stock in hand or on its day, a delivery on its way, or the waiting list."""

    asked: Asked
    quantity: int
    ladder: list[Step]
    taken: Taken | None = None
    reservation: UUID | None = None
    ahead: Ahead | None = None

    @property
    def state(self) -> str:
        """The state of its line."""
        if self.reservation is None:
            return "backordered"
        return "planned" if self.ahead else "reserved"


async def promise(
    asking: Asking, device: CoveredDevice, lines: Sequence[Asked], *, by: Actor, because: Sequence[str] = ()
) -> None:
    """Find sources for all lines together, hold what was chosen, and write the lines; `because` leads their reasons.

    A line with a row keeps it for its first answer, and must hold and wait for nothing when it comes here.
    """
    may_empty = await priorities.may_empty_depots(asking.priority_class)
    answers: list[_Answer] = []
    open_lines, attempt = list(lines), 0
    while True:
        attempt += 1
        parts = list(dict.fromkeys(asked.part for asked in open_lines))
        offered = await sources.gather(parts, device, engineer=asking.engineer, day=asking.planned_at)
        prospects: dict[Spot, Prospect] = {}
        if asking.planned_at is not None:
            offered, prospects = await ahead.foresee(
                offered, asking.planned_at, parts, before=asking.before, least=device.minimum_provenance
            )
        wanted = [
            Wanted(
                quantity=asked.quantity,
                sources=offered.stock.get(asked.part, []),
                outside=offered.outside.get(asked.part, []),
            )
            for asked in open_lines
        ]
        choices = choose(wanted, now=clock.now(), need_by=asking.need_by, may_empty=may_empty)
        await _lock(open_lines, choices, offered)
        lost = await _hold(
            asking,
            open_lines,
            choices,
            offered,
            prospects,
            answers,
            by,
            last=attempt == MOST_TRIES,
            least=device.minimum_provenance,
        )
        if not lost:
            break
        open_lines = lost
    await _write(asking, answers, offered, because)
    if asking.planned_at is not None:
        await _join(asking.request, by)


async def _join(request: UUID, by: Actor) -> None:
    """Make one line again of those that were split, and are promised ahead from one source by now, or missed in one place."""
    split = await db.fetch(
        """SELECT array_agg(line.id ORDER BY position) AS lines, array_agg(line.reservation ORDER BY position) AS promised,
                  sum(line.quantity)::int AS quantity, sum((ahead ->> 'missing')::int)::int AS missing
           FROM request_line AS line
           JOIN reservation ON reservation.id = line.reservation AND reservation.state = 'soft'
           WHERE request = $1 AND ahead IS NOT NULL
           GROUP BY part, device_position, line.state, pool, source_place, supplied_part, pieces_each, level, starts_at,
                    (ahead ->> 'missing')::int > 0
           HAVING count(*) > 1""",
        request,
    )
    for row in split:
        first, *others = row["lines"]
        await db.execute("UPDATE request_line SET reservation = NULL WHERE id = ANY($1)", others)
        await db.execute(
            """UPDATE request_line SET quantity = $2, reservation = $3, ahead = jsonb_set(ahead, '{missing}', to_jsonb($4::int))
               WHERE id = $1""",
            first,
            row["quantity"],
            await promises.join(row["promised"], by=by),
            row["missing"],
        )
        await db.execute("DELETE FROM request_line WHERE id = ANY($1)", others)


async def _lock(lines: Sequence[Asked], choices: Sequence[Choice], offered: Offered) -> None:
    """Lock every level that will change, in one order; a single one needs no order."""
    spots = {taken.source.stock[:3] for choice in choices for taken in choice.taken}
    if offered.serving is not None:
        waiting = [asked for asked, choice in zip(lines, choices, strict=True) if choice.missing]
        spots |= {(asked.part, offered.serving.place, offered.pool) for asked in waiting}
    if len(spots) > 1:
        owner = await places.ourselves()
        await lock_levels([(part, place, owner, pool) for part, place, pool in spots])


async def _hold(
    asking: Asking,
    lines: Sequence[Asked],
    choices: Sequence[Choice],
    offered: Offered,
    prospects: dict[Spot, Prospect],
    answers: list[_Answer],
    by: Actor,
    *,
    last: bool,
    least: Provenance,
) -> list[Asked]:
    """Hold what was chosen; the pieces that a rival was faster for, to be chosen anew (at the last try they wait)."""
    chosen = [
        [
            _Answer(
                asked=asked,
                quantity=taken.quantity,
                taken=taken,
                ladder=choice.ladder,
                ahead=_covered(asking, taken, prospects),
            )
            for taken in choice.taken
        ]
        for asked, choice in zip(lines, choices, strict=True)
    ]
    now = [each for line in chosen for each in line if _is_held_now(each)]
    held = iter(await _hold_now(asking, now, by, least))
    lost: list[Asked] = []
    for asked, choice, line in zip(lines, choices, chosen, strict=True):
        waits = choice.missing
        for each in line:
            reservation = next(held) if _is_held_now(each) else None
            if reservation is not None or not _is_held_now(each):
                answers.append(structs.replace(each, reservation=reservation))
            elif last:
                waits += each.quantity
            else:
                lost.append(structs.replace(asked, quantity=each.quantity))
        if waits:
            missing = _short(asking, asked, waits, offered, prospects)
            answers.append(_Answer(asked=asked, quantity=waits, ladder=choice.ladder, ahead=missing))
    await _promise_ahead(asking, answers, offered, by, least)
    return lost


def _is_held_now(answer: _Answer) -> bool:
    return answer.taken is not None and answer.taken.source.inbound is None and answer.ahead is None


def _covered(asking: Asking, taken: Taken, prospects: dict[Spot, Prospect]) -> Ahead | None:
    """How a line stands that takes stock on its day; None where the day is now."""
    source = taken.source
    at = ahead.held_from(source.travel_hours, asking.planned_at)
    if at is None or asking.planned_at is None or source.travel_hours is None:
        return None
    pieces = taken.quantity * source.pieces_each
    prospect = prospects[source.stock[:3]]
    return ahead.covered(prospect, at, source.travel_hours, asking.planned_at, pieces, before=asking.before)


def _short(
    asking: Asking, asked: Asked, missing: int, offered: Offered, prospects: dict[Spot, Prospect]
) -> Ahead | None:
    """How a line of planned work stands that finds nothing."""
    if asking.planned_at is None:
        return None
    if offered.serving is None:
        return ahead.short(None, 0, asking.planned_at, missing)
    spot = (asked.part, offered.serving.place, offered.pool)
    return ahead.short(prospects.get(spot), offered.serving.travel_hours, asking.planned_at, missing)


async def _hold_now(asking: Asking, chosen: Sequence[_Answer], by: Actor, least: Provenance) -> list[UUID | None]:
    """Hold stock; None for what a rival was faster for."""
    held = await reserving.hold_each(
        [
            reserving.Wanted(
                part_number=each.taken.source.part_number,
                depot=each.taken.source.depot,
                quantity=each.quantity * each.taken.source.pieces_each,
                by=by,
                pool=each.taken.source.pool_code,
                reference=asking.reference,
                priority_class=asking.priority_class,
                expires_at=asking.gate and asking.gate.until,
                least=least,
            )
            for each in chosen
            if each.taken is not None
        ]
    )
    return [each and each.id for each in held]


async def _promise_ahead(
    asking: Asking, answers: list[_Answer], offered: Offered, by: Actor, least: Provenance
) -> None:
    """Promise what is for a day to come: from its source, and what is missing from the store that serves the site."""
    wanted: dict[int, promises.Ahead] = {}
    for index, each in enumerate(answers):
        if each.ahead is None or each.reservation is not None or each.ahead.held_from <= clock.now():
            continue
        source = each.taken.source if each.taken else None
        if source is None and offered.serving is None:
            continue  # no store serves the site: there is no queue to stand in
        part, place, pool = _spot(each, source, offered)
        wanted[index] = promises.Ahead(
            part=part,
            place=place,
            pool=pool,
            quantity=each.quantity * (source.pieces_each if source else 1),
            starts_at=each.ahead.held_from,
        )
    made = await promises.promise_each(
        list(wanted.values()),
        by=by,
        reference=asking.reference,
        priority_class=asking.priority_class,
        least=least,
    )
    for index, reservation in zip(wanted, made, strict=True):
        answers[index] = structs.replace(answers[index], reservation=reservation)


def _spot(answer: _Answer, source: Source | None, offered: Offered) -> Spot:
    """The level that answers, or waits."""
    if source is not None:
        return source.stock[:3]
    if offered.serving is None:
        raise AssertionError("only what a store serves is promised ahead")
    return answer.asked.part, offered.serving.place, offered.pool


async def _write(asking: Asking, answers: Sequence[_Answer], offered: Offered, because: Sequence[str]) -> None:
    """Write one line per answer; those that wait for stock are counted at the store that serves the site."""
    request, gate, serving = asking.request, asking.gate, offered.serving
    position = await db.fetch_value(
        "SELECT coalesce(max(position) + 1, 0) FROM request_line WHERE request = $1", request
    )
    position = max(position, *(answer.asked.position + 1 for answer in answers))
    written: set[tuple[UUID | None, int]] = set()
    rewritten: list[dict[str, object]] = []
    added: list[dict[str, object]] = []
    waiting: list[tuple[Spot, int]] = []
    for answer in answers:
        asked, source = answer.asked, answer.taken.source if answer.taken else None
        first = (asked.line, asked.position) not in written
        written.add((asked.line, asked.position))
        row = {
            "quantity": answer.quantity,
            "pool": offered.pool,
            # what waits, and what a delivery will bring, is answered by the store that serves the site
            "source_place": source.place if source and answer.reservation else (serving.place if serving else None),
            **_promised(answer, because, gate),
        }
        if asked.line is not None and first:
            rewritten.append({"id": asked.line, **row})
        else:
            row |= {"part": asked.part, "device_position": asked.device_position}
            added.append({"position": asked.position if first else position, **row})
            position += not first
        if answer.state == "backordered" and gate is None and serving is not None:
            waiting.append(((asked.part, serving.place, offered.pool), answer.quantity))
    if rewritten:
        await db.execute(_REWRITE, rewritten)
    if added:
        await db.execute(_INSERT, added, request)
    await count_each_waiting(waiting)
    await jobs.enqueue(*(jobs.Assess(*spot) for spot in dict.fromkeys(spot for spot, _ in waiting)))


def _promised(answer: _Answer, because: Sequence[str], gate: Gate | None) -> dict[str, object]:
    """The columns that say what was promised; behind a gate nothing is."""
    taken, source = answer.taken, answer.taken.source if answer.taken else None
    held = answer.state == "reserved"
    if taken is None:
        reasons = ["short_on_the_day" if answer.ahead else "waits_for_stock"]
    elif answer.state == "planned":
        reasons = ["promised_ahead", *(["counts_on_delivery"] if answer.ahead and answer.ahead.deliveries else [])]
    else:
        reasons = [*taken.reasons, *(["on_its_way"] if taken.source.inbound else [])]
    return {
        "state": gate.state if gate else answer.state,
        "supplied_part": source.part if source else None,
        "pieces_each": source.pieces_each if source else 1,
        "reservation": answer.reservation,
        "expected": source.inbound if source else None,
        # what a vendor could send is no arrival of planned work: there is time to choose
        "promised_at": taken.arrives_at if taken else None if answer.ahead else soonest(answer.ladder),
        "firm": taken is not None and answer.state != "planned" and gate is None,
        "reasons": [*because, *reasons],
        "ladder": answer.ladder,
        "ahead": answer.ahead,
        "reserved_at": clock.now() if held else None,
    }


_COLUMNS = """quantity int, state text, pool int, source_place int, supplied_part int, pieces_each int,
    reservation uuid, expected uuid, promised_at timestamptz, firm boolean, reasons jsonb, ladder jsonb, ahead jsonb,
    reserved_at timestamptz"""

_REWRITE = f"""
UPDATE request_line SET quantity = said.quantity, state = said.state, pool = said.pool, source_place = said.source_place,
       supplied_part = said.supplied_part, pieces_each = said.pieces_each, reservation = said.reservation,
       expected = said.expected, promised_at = said.promised_at,
       first_promised_at = coalesce(first_promised_at, CASE WHEN said.firm THEN said.promised_at END),
       firm = said.firm, reasons = said.reasons, ladder = said.ladder, ahead = nullif(said.ahead, 'null'),
       reserved_at = said.reserved_at, picked_at = NULL
FROM jsonb_to_recordset($1) AS said(id uuid, {_COLUMNS})
WHERE request_line.id = said.id
"""

_INSERT = f"""
INSERT INTO request_line (request, position, part, device_position, quantity, state, pool, source_place, supplied_part,
                          pieces_each, reservation, expected, promised_at, first_promised_at, firm, reasons, ladder, ahead,
                          reserved_at)
SELECT $2, position, part, device_position, quantity, state, pool, source_place, supplied_part, pieces_each, reservation,
       expected, promised_at, CASE WHEN firm THEN promised_at END, firm, reasons, ladder, nullif(ahead, 'null'),
       reserved_at
FROM jsonb_to_recordset($1) AS said(position int, part int, device_position text, {_COLUMNS})
ORDER BY position
"""


def soonest(ladder: Sequence[Step]) -> datetime | None:
    """The best that can be said without stock in hand: the fastest possible rung, not firm."""
    return min((step.arrives_at for step in ladder if step.possible and step.arrives_at), default=None)


async def let_go(lines: Sequence[UUID], *, by: Actor) -> None:
    """Free what some lines hold, or take them off the waiting list: they are to be promised anew, or not at all.

    Behind a gate they stay there.
    """
    rows = await db.fetch(
        """SELECT line.id, line.part, line.quantity, line.pool, source_place, line.state, reservation.id AS reservation
           FROM request_line AS line
           LEFT JOIN reservation ON reservation.id = line.reservation AND reservation.state IN ('soft', 'pending')
           WHERE line.id = ANY($1) ORDER BY line.part, line.id FOR NO KEY UPDATE OF line""",
        list(lines),
    )
    await reservations.release_each([row["reservation"] for row in rows if row["reservation"]], by=by)
    await count_each_waiting(
        [
            ((row["part"], row["source_place"], row["pool"]), -row["quantity"])
            for row in rows
            if row["state"] == "backordered" and row["source_place"] is not None and row["reservation"] is None
        ]
    )
    await db.execute(
        """UPDATE request_line SET firm = false, reservation = NULL, expected = NULL, source_place = NULL, ahead = NULL,
                  state = CASE WHEN state = ANY($2) THEN state ELSE 'backordered' END WHERE id = ANY($1)""",
        [row["id"] for row in rows],
        list(GATED),
    )
