"""Fitted parts: which piece sits in which device, and which ones came out (D38, D58)."""

from datetime import datetime

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.installed_base import devices


class FittedView(Struct, frozen=True, kw_only=True):
    """A piece that was fitted into a device, and when it came out again."""

    part_number: str
    name_zh: str
    name_en: str
    position: str | None
    serial: str | None
    fitted_at: datetime
    document: str
    removed_at: datetime | None
    removed_by: str | None


async def fit(
    device: int,
    part: int,
    *,
    document: str,
    quantity: int = 1,
    serial: str | None = None,
    position: str | None = None,
    serial_out: str | None = None,
) -> None:
    """Note pieces that went into a device in place of others; what sat at their position, or carries the serial, is out."""
    now = clock.now()
    if serial_out is not None or position is not None:
        await db.execute(
            """UPDATE fitted_part SET removed_at = $5, removed_by_document = $6
               WHERE device = $1 AND part = $2 AND removed_at IS NULL AND (serial = $3 OR position = $4)""",
            device,
            part,
            serial_out,
            position,
            now,
            document,
        )
    await db.execute(
        """INSERT INTO fitted_part (device, part, position, serial, fitted_at, document_number)
           SELECT $1, $2, $3, $4, $5, $6 FROM generate_series(1, $7)""",
        device,
        part,
        position,
        serial,
        now,
        document,
        quantity,
    )


async def expected(device: int, part: int, position: str | None, *, pieces: int, document: str) -> list[str]:
    """The serials of so many pieces that a device's record says came out, before what this document fitted.

    None where the record cannot tell: without a position, when it knows of more pieces than came out.
    """
    rows = await db.fetch(
        """SELECT serial FROM fitted_part
           WHERE device = $1 AND part = $2 AND removed_at IS NULL AND serial IS NOT NULL
             AND ($3::text IS NULL OR position = $3) AND document_number <> $4
           ORDER BY fitted_at DESC, id DESC LIMIT $5""",
        device,
        part,
        position,
        document,
        pieces + 1,
    )
    return [row["serial"] for row in rows] if position or len(rows) <= pieces else []


async def correct(device: int, recorded: str, found: str) -> None:
    """Correct a device's record: the piece that it calls by one serial carries another one."""
    await db.execute("UPDATE fitted_part SET serial = $3 WHERE device = $1 AND serial = $2", device, recorded, found)


async def fitted(number: str, *, seen_by: Actor, limit: int = 200) -> list[FittedView]:
    """What was fitted into a device, latest first; what is still in it has no day of removal.

    Raises:
        UnknownDevice: none in the reader's contracts.

    """
    device = await devices.find(number, seen_by=seen_by)
    return await db.read(
        FittedView,
        """SELECT part.part_number, part.name_zh, part.name_en, position, serial, fitted_at, document_number AS document,
                  removed_at, removed_by_document AS removed_by
           FROM fitted_part JOIN part ON part.id = fitted_part.part
           WHERE device = $1 ORDER BY fitted_at DESC, fitted_part.id DESC LIMIT $2""",
        device.id,
        limit,
    )
