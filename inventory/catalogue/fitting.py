"""Which parts fit: what a device model carries, which kinds there are, which parts are kept by serial."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.ground import db


class FittingPart(Struct, frozen=True, kw_only=True):
    """A part of a model's list, named."""

    part_number: str
    name_zh: str
    name_en: str
    per_device: int
    critical: bool


async def parts_of_model(code: str, *, limit: int = 200) -> list[FittingPart]:
    """The parts a device model carries, the critical ones first."""
    return await db.read(
        FittingPart,
        """SELECT part.part_number, part.name_zh, part.name_en, per_device, critical
           FROM model_part
           JOIN device_model ON device_model.id = model_part.model AND device_model.code = $1
           JOIN part ON part.id = model_part.part AND part.active
           ORDER BY critical DESC, part.part_number LIMIT $2""",
        code,
        limit,
    )


async def kinds(*, limit: int = 100) -> list[str]:
    """The kinds of parts there are."""
    rows = await db.fetch("SELECT DISTINCT kind FROM part WHERE active ORDER BY kind LIMIT $1", limit)
    return [row["kind"] for row in rows]


async def kept_by_serial(part_numbers: Sequence[str]) -> set[str]:
    """Those of some parts that are kept by serial."""
    rows = await db.fetch("SELECT part_number FROM part WHERE serialised AND part_number = ANY($1)", list(part_numbers))
    return {row["part_number"] for row in rows}
