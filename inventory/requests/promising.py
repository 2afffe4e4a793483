"""Promising: giving the lines of a request their sources, holding what was chosen, and writing down what was said.

A line that holds stock, or a delivery that is on its way for certain, is a firm promise; any other waits, is counted
at the store that serves its site, and says the best that can be hoped for.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor
from inventory.installed_base.devices import CoveredDevice
from inventory.places import places
from inventory.requests import sources
from inventory.requests.gates import GATED, Gate
from inventory.requests.sources import Offered
from inventory.requests.sourcing import Choice, Step, Taken, Wanted, choose
from inventory.stock import priorities, reservations
from inventory.stock.lines import count_waiting
from inventory.stock.lines import lock as lock_levels
from inventory.stock.refusals import InsufficientStock

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
    """The request on whose behalf lines are promised; behind a gate they are held, not promised."""

    request: UUID
    reference: str
    priority_class: str
    need_by: datetime | None
    engineer: str | None
    gate: Gate | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    """What some pieces of an asked line get: stock in hand, a delivery on its way, or the waiting list."""

    asked: Asked
    quantity: int
    taken: Taken | None
    reservation: UUID | None
    ladder: list[Step]


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
        offered = await sources.gather([asked.part for asked in open_lines], device, engineer=asking.engineer)
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
        lost = await _hold(asking, open_lines, choices, answers, by, last=attempt == MOST_TRIES)
        if not lost:
            break
        open_lines = lost
    await _write(asking, answers, offered, because)


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
    answers: list[_Answer],
    by: Actor,
    *,
    last: bool,
) -> list[Asked]:
    """Hold what was chosen; the pieces that a rival was faster for, to be chosen anew (at the last try they wait)."""
    lost: list[Asked] = []
    for asked, choice in zip(lines, choices, strict=True):

        def answer(quantity: int, taken: Taken | None = None, reservation: UUID | None = None) -> _Answer:
            return _Answer(
                asked=asked,  # noqa: B023  called in this very turn of the loop
                quantity=quantity,
                taken=taken,
                reservation=reservation,
                ladder=choice.ladder,  # noqa: B023
            )

        waits = choice.missing
        for taken in choice.taken:
            source = taken.source
            if source.inbound is not None:
                answers.append(answer(taken.quantity, taken))
                continue
            try:
                async with db.savepoint():
                    held = await reservations.hold(
                        source.part_number,
                        source.depot,
                        taken.quantity * source.pieces_each,
                        by=by,
                        pool=source.pool_code,
                        reference=asking.reference,
                        priority_class=asking.priority_class,
                        expires_at=asking.gate and asking.gate.until,
                    )
            except InsufficientStock:
                if last:
                    waits += taken.quantity
                else:
                    lost.append(msgspec.structs.replace(asked, quantity=taken.quantity))
                continue
            answers.append(answer(taken.quantity, taken, held.id))
        if waits:
            answers.append(answer(waits))
    return lost


async def _write(asking: Asking, answers: Sequence[_Answer], offered: Offered, because: Sequence[str]) -> None:
    """Write one line per answer; those that wait for stock are counted at the store that serves the site."""
    request, gate, serving = asking.request, asking.gate, offered.serving
    position = await db.fetch_value(
        "SELECT coalesce(max(position) + 1, 0) FROM request_line WHERE request = $1", request
    )
    position = max(position, *(answer.asked.position + 1 for answer in answers))
    written: set[tuple[UUID | None, int]] = set()
    for answer in answers:
        asked, taken = answer.asked, answer.taken
        first = (asked.line, asked.position) not in written
        written.add((asked.line, asked.position))
        source = taken.source if taken else None
        held = answer.reservation is not None
        values = (
            answer.quantity,
            gate.state if gate else "reserved" if held else "backordered",
            offered.pool,
            source.place if source and held else (serving.place if serving else None),
            source.part if source else None,
            source.pieces_each if source else 1,
            answer.reservation,
            source.inbound if source else None,
            taken.arrives_at if taken else soonest(answer.ladder),
            taken is not None and gate is None,
            [*because, *(taken.reasons if taken else ["waits_for_stock"])]
            + (["on_its_way"] if source and source.inbound else []),
            msgspec.to_builtins(answer.ladder),
            clock.now() if held else None,
        )
        if asked.line is not None and first:
            await db.execute(_REWRITE, asked.line, *values)
        else:
            own = asked.position if first else position
            position += not first
            await db.execute(_INSERT, request, own, asked.part, asked.device_position, *values)
        if not held and gate is None and serving is not None:
            await count_waiting(asked.part, serving.place, offered.pool, answer.quantity)
            await jobs.enqueue(jobs.Assess(asked.part, serving.place, offered.pool))


_REWRITE = """
UPDATE request_line SET quantity = $2, state = $3, pool = $4, source_place = $5, supplied_part = $6, pieces_each = $7,
       reservation = $8, expected = $9, promised_at = $10,
       first_promised_at = coalesce(first_promised_at, CASE WHEN $11 THEN $10::timestamptz END),
       firm = $11, reasons = $12, ladder = $13, reserved_at = $14, picked_at = NULL
WHERE id = $1
"""

_INSERT = """
INSERT INTO request_line (request, position, part, device_position, quantity, state, pool, source_place, supplied_part,
                          pieces_each, reservation, expected, promised_at, first_promised_at, firm, reasons, ladder,
                          reserved_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, CASE WHEN $14 THEN $13::timestamptz END, $14, $15, $16, $17)
"""


def soonest(ladder: Sequence[Step]) -> datetime | None:
    """The best that can be said without stock in hand: the fastest possible rung, not firm."""
    return min((step.arrives_at for step in ladder if step.possible and step.arrives_at), default=None)


async def let_go(line: UUID, *, by: Actor) -> None:
    """Free what a line holds, or take it off the waiting list: it is to be promised anew, or not at all.

    Behind a gate it stays there.
    """
    row = await db.fetch_one(
        """SELECT line.part, line.quantity, line.pool, source_place, line.state,
                  reservation.id AS reservation
           FROM request_line AS line
           LEFT JOIN reservation ON reservation.id = line.reservation AND reservation.state IN ('soft', 'pending')
           WHERE line.id = $1 FOR NO KEY UPDATE OF line""",
        line,
    )
    if row is None:
        return
    if row["reservation"] is not None:
        if row["state"] in GATED:  # its time may be over, and nobody noticed yet
            await reservations.keep_until([row["reservation"]], None)
        await reservations.release(row["reservation"], by=by)
    elif row["state"] == "backordered" and row["source_place"] is not None:
        await count_waiting(row["part"], row["source_place"], row["pool"], -row["quantity"])
    await db.execute(
        """UPDATE request_line SET firm = false, reservation = NULL, expected = NULL, source_place = NULL,
                  state = CASE WHEN state = ANY($2) THEN state ELSE 'backordered' END WHERE id = $1""",
        line,
        list(GATED),
    )
