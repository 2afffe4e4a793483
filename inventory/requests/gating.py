"""Gating: which gate a new request comes to, and putting it there."""

from collections.abc import Sequence
from uuid import UUID

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.installed_base.devices import Charged, CoveredDevice
from inventory.requests import approvals, quotations
from inventory.requests.gates import Gate
from inventory.requests.promising import Asked


async def gate_for(lines: Sequence[Asked], charged: Charged | None) -> Gate | None:
    """The gate of parts that are asked for: what is charged is quoted first; then come the rules of approval."""
    if charged is not None:
        return Gate(state="quoted", until=await quotations.valid_until())
    rules = await approvals.rules(None, [(line.part, line.quantity) for line in lines])
    return Gate(state="awaiting_approval", rules=tuple(rules)) if rules else None


async def put_behind(request: UUID, gate: Gate, device: CoveredDevice, *, by: Actor) -> None:
    """Quote the lines of a request, or ask for its approval; while its customer decides, the clock of a fault stands."""
    if gate.state == "awaiting_approval" or gate.until is None:
        await approvals.ask(request, gate.rules, by=by)
        return
    quotation = await quotations.make(request, device, valid_until=gate.until, by=by)
    await db.execute(
        """INSERT INTO request_pause (request, paused_at, paused_by, reason)
           SELECT id, $2, $3, $4 FROM part_request WHERE id = $1 AND planned_at IS NULL""",
        request,
        clock.now(),
        by.name,
        quotation.number,
    )
    await db.execute("UPDATE part_request SET need_by = NULL WHERE id = $1 AND NOT need_by_asked", request)


async def end(request: UUID, *, by: Actor) -> None:
    """The request ends: neither its customer nor anybody here need answer any more."""
    await quotations.withdraw(request, by=by)
    await approvals.withdraw(request, by=by)
