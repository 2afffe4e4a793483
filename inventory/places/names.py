"""Names of places: what people call a depot, where documents carry its code."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.ground import db


class PlaceName(Struct, frozen=True):
    """What a place is called; `code` is what documents carry."""

    code: str
    name_zh: str
    name_en: str


async def names_of(codes: Sequence[str]) -> dict[str, PlaceName]:
    """What some places are called, whatever their kind, by code."""
    found = await db.read(PlaceName, "SELECT code, name_zh, name_en FROM place WHERE code = ANY($1)", list(codes))
    return {place.code: place for place in found}


async def our_name() -> PlaceName:
    """What our own company is called, for the head of a paper."""
    found = await db.read_one(PlaceName, "SELECT code, name_zh, name_en FROM party WHERE is_ourselves")
    return found or PlaceName("OWN", "", "")


async def known_names(*, limit: int = 2000) -> dict[str, PlaceName]:
    """What stores, vendors' places and sites are called, by code; depots first where there are more than `limit`."""
    found = await db.read(
        PlaceName,
        """SELECT code, name_zh, name_en FROM place WHERE kind = ANY($1)
           ORDER BY array_position($1, kind::text), code LIMIT $2""",
        ["depot", "onsite_store", "engineer_stock", "vendor", "site"],
        limit,
    )
    return {place.code: place for place in found}


async def sender_names(*, limit: int) -> list[PlaceName]:
    """The vendors' places, by code: where most of what comes in comes from."""
    return await db.read(
        PlaceName, "SELECT code, name_zh, name_en FROM place WHERE kind = 'vendor' ORDER BY code LIMIT $1", limit
    )
