"""Places: finding them, listing them, and the fixed places outside."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.places.tables import STORE_KINDS

TRANSIT = "TRANSIT"
"""On the road, in a carrier's hands."""

ISSUED = "ISSUED"
"""Handed out without a known site."""

ADJUSTMENT = "ADJUSTMENT"
"""Where stock comes from, or goes to, when a count or an opening corrects the books."""

SCRAP = "SCRAP"
"""Scrapped."""

UNPAPERED = "UNPAPERED"
"""Taken from a store without paper, and waiting for it (待补单)."""


class PlaceRef(Struct, frozen=True):
    """A place's id, code and kind; a store that is `frozen` gives nothing away."""

    id: int
    code: str
    kind: str
    frozen: bool = False


class StoreView(Struct, frozen=True, kw_only=True):
    """A depot, on-site store or engineer's stock."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    city_zh: str | None
    city_en: str | None
    out_of_service_at: datetime | None
    frozen_at: datetime | None


class OwnerView(Struct, frozen=True, kw_only=True):
    """A company that may own what lies in our stores."""

    code: str
    name_zh: str
    name_en: str
    ours: bool


class LaneView(Struct, frozen=True, kw_only=True):
    """A way of moving parts between two stores."""

    from_depot: str
    to_depot: str
    mode: str
    hours: float
    fixed_cost_cny: str
    unit_cost_cny: str
    carries_lithium: bool


async def find(code: str) -> PlaceRef:
    """A place by its code.

    Raises:
        Unknown: no such place.

    """
    place = await db.read_one(PlaceRef, "SELECT id, code, kind FROM place WHERE code = $1", code)
    if place is None:
        raise Unknown(what="place", what_zh="地点", key=code)
    return place


async def find_store(code: str) -> PlaceRef:
    """A store by its code.

    Raises:
        Unknown: no such store.

    """
    place = await db.read_one(
        PlaceRef,
        "SELECT id, code, kind, frozen_at IS NOT NULL AS frozen FROM place WHERE code = $1 AND kind = ANY($2)",
        code,
        list(STORE_KINDS),
    )
    if place is None:
        raise Unknown(what="depot", what_zh="备件库", key=code)
    return place


async def kinds_of(codes: Sequence[str]) -> dict[str, str]:
    """The kinds of some places, by their codes."""
    rows = await db.fetch("SELECT code, kind FROM place WHERE code = ANY($1)", list(codes))
    return {row["code"]: row["kind"] for row in rows}


async def find_party(code: str) -> int:
    """The id of a party.

    Raises:
        Unknown: no such party.

    """
    party = await db.fetch_value("SELECT id FROM party WHERE code = $1", code)
    if party is None:
        raise Unknown(what="party", what_zh="单位", key=code)
    return party


async def ourselves() -> int:
    """The id of our own party: the owner of our stock."""
    return await db.fetch_value("SELECT id FROM party WHERE is_ourselves")


async def owners(*, limit: int) -> list[OwnerView]:
    """Who may own what lies in our stores: ourselves first, then vendors and customers by code."""
    return await db.read(
        OwnerView,
        """SELECT code, name_zh, name_en, is_ourselves AS ours FROM party
           WHERE is_ourselves OR is_vendor OR is_customer ORDER BY is_ourselves DESC, code LIMIT $1""",
        limit,
    )


async def stores(*, limit: int, seen_by: Actor, after: str = "", kind: str | None = None) -> list[StoreView]:
    """Stores in the reader's scope, by code."""
    return await db.read(
        StoreView,
        """SELECT code, kind, name_zh, name_en, city_zh, city_en, out_of_service_at, frozen_at
           FROM place
           WHERE kind = ANY($1) AND code > $2 AND ($3::text IS NULL OR kind = $3)
             AND ($4::text[] IS NULL OR code = ANY($4))
           ORDER BY code LIMIT $5""",
        list(STORE_KINDS),
        after,
        kind,
        seen_by.depot_scope,
        limit,
    )


async def store(code: str, *, seen_by: Actor) -> StoreView:
    """One store.

    Raises:
        Unknown: no such store in the reader's scope.

    """
    found = await db.read_one(
        StoreView,
        """SELECT code, kind, name_zh, name_en, city_zh, city_en, out_of_service_at, frozen_at
           FROM place WHERE kind = ANY($1) AND code = $2 AND ($3::text[] IS NULL OR code = ANY($3))""",
        list(STORE_KINDS),
        code,
        seen_by.depot_scope,
    )
    if found is None:
        raise Unknown(what="depot", what_zh="备件库", key=code)
    return found


_LANE = """SELECT origin.code AS from_depot, target.code AS to_depot, mode, hours,
                  fixed_cost_cny::text, unit_cost_cny::text, carries_lithium
           FROM lane
           JOIN place AS origin ON origin.id = lane.from_place
           JOIN place AS target ON target.id = lane.to_place"""


async def lanes(*, limit: int, after: tuple[str, str, str] | None = None) -> list[LaneView]:
    """All lanes between stores, by store, store and mode."""
    return await db.read(
        LaneView,
        f"""{_LANE}
           WHERE $1::text IS NULL OR (origin.code, target.code, mode) > ($1, $2, $3)
           ORDER BY origin.code, target.code, mode LIMIT $4""",
        *(after or (None, None, None)),
        limit,
    )


async def lanes_between(origin: str, target: str) -> list[LaneView]:
    """The ways from one store to another, the fastest first."""
    return await db.read(
        LaneView, f"{_LANE} WHERE origin.code = $1 AND target.code = $2 ORDER BY hours, mode LIMIT 10", origin, target
    )
