"""Repeat failures (重复故障): the same position or part of a device that fails again soon after (D15, D68)."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.installed_base import devices
from inventory.returns import policy


class Repeat(Struct, frozen=True, kw_only=True):
    """A failure that came back: which part failed where, and the failure it repeats, with its request where it has one."""

    part_number: str
    position: str | None
    occurred_at: datetime
    request: UUID | None
    number: str | None
    repeat_of_at: datetime
    repeat_of_request: UUID | None
    repeat_of_number: str | None
    same: str


_WINDOW = f"""make_interval(days => coalesce((SELECT repeat_days FROM return_policy ORDER BY id DESC LIMIT 1),
                                             {policy.ReturnPolicy().repeat_days}))"""

_REPEATS = f"""SELECT part.part_number, failure.position, failure.occurred_at, failure.request, own.number,
                      earlier.occurred_at AS repeat_of_at, earlier.request AS repeat_of_request,
                      earlier.number AS repeat_of_number,
                      CASE WHEN earlier.position = failure.position THEN 'position' ELSE 'part' END AS same
               FROM failure
               JOIN part ON part.id = failure.part
               LEFT JOIN part_request AS own ON own.id = failure.request
               JOIN LATERAL (
                   SELECT before.occurred_at, before.position, before.request, theirs.number
                   FROM failure AS before
                   LEFT JOIN part_request AS theirs ON theirs.id = before.request
                   WHERE before.device = failure.device AND before.withdrawn_at IS NULL AND before.id <> failure.id
                     AND (before.part = failure.part OR before.position = failure.position)
                     AND before.request IS DISTINCT FROM failure.request
                     AND before.occurred_at < failure.occurred_at
                     AND before.occurred_at >= failure.occurred_at - {_WINDOW}
                   ORDER BY before.position = failure.position DESC NULLS LAST, before.occurred_at DESC LIMIT 1
               ) AS earlier ON true
               WHERE failure.withdrawn_at IS NULL"""

OF_REQUEST = f"""SELECT coalesce(jsonb_agg(to_jsonb(repeat) ORDER BY repeat.occurred_at), '[]')
                 FROM ({_REPEATS} AND failure.request = part_request.id) AS repeat"""
"""What of a `part_request` is a repeat, as JSON."""


async def of_device(number: str, *, seen_by: Actor, limit: int = 50) -> list[Repeat]:
    """The repeat failures of a device, the latest first.

    Raises:
        UnknownDevice: none in the reader's contracts.

    """
    device = await devices.find(number, seen_by=seen_by)
    return await db.read(
        Repeat,
        f"{_REPEATS} AND failure.device = $1 ORDER BY failure.occurred_at DESC, failure.id DESC LIMIT $2",
        device.id,
        limit,
    )
