"""Device models and their parts lists."""

from msgspec import Struct

from inventory.ground import db


class ModelLine(Struct, frozen=True, kw_only=True):
    """A part of a model's list."""

    part_number: str
    per_device: int
    critical: bool


class ModelView(Struct, frozen=True, kw_only=True):
    """A model with its parts list."""

    code: str
    name: str
    maker: str | None
    parts: list[ModelLine]


async def models(*, limit: int, after: str = "") -> list[ModelView]:
    """Device models, by code."""
    return await db.read(
        ModelView,
        """SELECT device_model.code, device_model.name, party.code AS maker,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('part_number', part.part_number,
                              'per_device', per_device, 'critical', critical) ORDER BY part.part_number), '[]')
                   FROM model_part JOIN part ON part.id = model_part.part
                   WHERE model_part.model = device_model.id) AS parts
           FROM device_model LEFT JOIN party ON party.id = device_model.maker
           WHERE device_model.code > $1 ORDER BY device_model.code LIMIT $2""",
        after,
        limit,
    )
