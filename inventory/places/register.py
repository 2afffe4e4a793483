"""Entering parties, places, lanes and coverage."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from inventory.ground import audit, clock, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.entering import enter
from inventory.ground.errors import ReasonMissing, Refused, WrongState
from inventory.places import places
from inventory.places.places import StoreView


class PartyCodeTaken(Refused, constraint="party_code_key"):
    """A party with this code is already there."""

    zh = "该单位编码已存在。"
    help_en = "Use another code, or change the party that is there."
    help_zh = "请改用其他编号，或修改已有单位。"


class PlaceCodeTaken(Refused, constraint="place_code_key"):
    """A place with this code is already there."""

    zh = "该地点编码已存在。"
    help_en = "Use another code, or change the place that is there."
    help_zh = "请改用其他编号，或修改已有地点。"


class LaneTaken(Refused, constraint="lane_is_unique"):
    """This lane is already there."""

    zh = "该线路已存在。"
    help_en = "Change the lane that is there."
    help_zh = "请修改已有线路。"


class StillFrozen(Refused, constraint="place_frozen_is_out_of_service"):
    """The store is frozen: it is in force majeure."""

    zh = "该备件库已冻结：不可抗力应急方案三尚未结束。"
    help_en = "Count it again and end its plan 3: that returns it to service."
    help_zh = "请复盘后结束该库的应急方案三，届时自动恢复启用。"


class NewParty(Struct, frozen=True, kw_only=True):
    """A company to enter."""

    code: str
    name_zh: str
    name_en: str
    is_ourselves: bool = False
    is_customer: bool = False
    is_vendor: bool = False
    is_maker: bool = False
    phone: str | None = None
    email: str | None = None


Environment = Literal["data_centre", "server_room", "office", "industrial", "outdoor"]
"""What devices of a site stand in."""


class NewPlace(Struct, frozen=True, kw_only=True):
    """A place to enter; a site or on-site store names its customer, a vendor's place the vendor."""

    code: str
    kind: Literal[
        "depot", "onsite_store", "engineer_stock", "site", "vendor", "transit", "scrap", "adjustment", "unpapered"
    ]
    name_zh: str
    name_en: str
    city_zh: str | None = None
    city_en: str | None = None
    party: str | None = None
    environment: Environment | None = None


class NewLane(Struct, frozen=True, kw_only=True):
    """A lane to enter."""

    from_place: str
    to_place: str
    mode: Literal["courier", "same_city_courier", "own_car", "hand_carried"]
    hours: float
    fixed_cost_cny: Decimal
    unit_cost_cny: Decimal
    carries_lithium: bool = True


class NewCoverage(Struct, frozen=True, kw_only=True):
    """Travel from a store to a site."""

    store: str
    site: str
    travel_hours: float


@db.atomic
async def enter_parties(parties: Sequence[NewParty], *, by: Actor) -> None:
    """Enter companies.

    Raises:
        PartyCodeTaken: a code is in use.

    """
    await enter(
        """INSERT INTO party (code, name_zh, name_en, is_ourselves, is_customer, is_vendor, is_maker, phone, email)
           SELECT code, name_zh, name_en, is_ourselves, is_customer, is_vendor, is_maker, phone, email
           FROM jsonb_to_recordset($1) AS new(code text, name_zh text, name_en text, is_ourselves boolean,
                is_customer boolean, is_vendor boolean, is_maker boolean, phone text, email text)
           RETURNING code""",
        parties,
        lambda party: party.code,
        what="party",
        what_zh="单位",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_places(new: Sequence[NewPlace], *, by: Actor) -> None:
    """Enter places.

    Raises:
        PlaceCodeTaken: a code is in use.
        UnknownReference: a place names a party that is not there.

    """
    await enter(
        """INSERT INTO place (code, kind, name_zh, name_en, city_zh, city_en, party, environment)
           SELECT new.code, kind, new.name_zh, new.name_en, city_zh, city_en, party.id, new.environment
           FROM jsonb_to_recordset($1) AS new(code text, kind text, name_zh text, name_en text, city_zh text,
                city_en text, party text, environment text)
           LEFT JOIN party ON party.code = new.party
           WHERE new.party IS NULL OR party.id IS NOT NULL
           RETURNING code""",
        new,
        lambda place: place.code,
        what="place",
        what_zh="地点",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_outside_places(*, by: Actor) -> None:
    """Enter the fixed places outside: the road, the hand-out, the adjustment account, scrap, what waits for its paper."""
    await enter_places(
        [
            NewPlace(code=places.TRANSIT, kind="transit", name_zh="在途", name_en="In transit"),
            NewPlace(code=places.ISSUED, kind="site", name_zh="领用出库", name_en="Handed out"),
            NewPlace(code=places.ADJUSTMENT, kind="adjustment", name_zh="库存调整", name_en="Adjustment"),
            NewPlace(code=places.SCRAP, kind="scrap", name_zh="报废", name_en="Scrapped"),
            NewPlace(code=places.UNPAPERED, kind="unpapered", name_zh="待补单", name_en="Waiting for its paper"),
        ],
        by=by,
    )


@db.atomic
async def enter_lanes(lanes: Sequence[NewLane], *, by: Actor) -> None:
    """Enter lanes between stores.

    Raises:
        LaneTaken: the lane is already there.
        UnknownReference: a lane names a place that is not there.

    """
    await enter(
        """INSERT INTO lane (from_place, to_place, mode, hours, fixed_cost_cny, unit_cost_cny, carries_lithium)
           SELECT origin.id, target.id, mode, hours, fixed_cost_cny, unit_cost_cny, carries_lithium
           FROM jsonb_to_recordset($1) AS new(from_place text, to_place text, mode text, hours float8,
                fixed_cost_cny numeric, unit_cost_cny numeric, carries_lithium boolean)
           JOIN place AS origin ON origin.code = new.from_place
           JOIN place AS target ON target.code = new.to_place
           RETURNING (SELECT code FROM place WHERE place.id = lane.from_place) || ' → ' ||
                     (SELECT code FROM place WHERE place.id = lane.to_place) || ' ' || mode""",
        lanes,
        lambda lane: f"{lane.from_place} → {lane.to_place} {lane.mode}",
        what="lane",
        what_zh="线路",
        by=by,
        right="parts.manage",
    )
    if lanes:
        await jobs.enqueue(jobs.RefreshCover(places=await _ids({lane.from_place for lane in lanes})))


@db.atomic
async def enter_coverage(coverage: Sequence[NewCoverage], *, by: Actor) -> None:
    """Enter which stores serve which sites, and how fast.

    Raises:
        UnknownReference: a row names a place that is not there.

    """
    await enter(
        """INSERT INTO coverage (store, site, travel_hours)
           SELECT store.id, site.id, travel_hours
           FROM jsonb_to_recordset($1) AS new(store text, site text, travel_hours float8)
           JOIN place AS store ON store.code = new.store
           JOIN place AS site ON site.code = new.site
           ON CONFLICT (store, site) DO UPDATE SET travel_hours = excluded.travel_hours
           RETURNING (SELECT code FROM place WHERE place.id = coverage.store) || ' → ' ||
                     (SELECT code FROM place WHERE place.id = coverage.site)""",
        coverage,
        lambda row: f"{row.store} → {row.site}",
        what="coverage",
        what_zh="覆盖范围",
        by=by,
        right="parts.manage",
    )
    if coverage:
        await jobs.enqueue(jobs.RefreshCover(sites=await _ids({row.site for row in coverage})))


@db.atomic
async def take_out_of_service(code: str, *, by: Actor, reason: str) -> StoreView:
    """Say that a store can give nothing for now, and is counted on by nobody; what lies and waits there stays in the books.

    Raises:
        Unknown: no such store in the actor's scope.
        ReasonMissing: no reason was given.
        WrongState: it is out of service already.

    """
    by.require("keepings.manage")
    return await _set_service(code, clock.now(), "depot.out_of_service", by=by, reason=reason)


@db.atomic
async def return_to_service(code: str, *, by: Actor, reason: str) -> StoreView:
    """Say that a store gives again.

    Raises:
        Unknown: no such store in the actor's scope.
        ReasonMissing: no reason was given.
        WrongState: it is in service.
        StillFrozen: it is frozen.

    """
    by.require("keepings.manage")
    return await _set_service(code, None, "depot.in_service", by=by, reason=reason)


@db.atomic
async def freeze(code: str, *, by: Actor, reason: str) -> StoreView:
    """Let a store give nothing away, on behalf of another verb that has checked the actor's rights; it is out of service.

    Raises:
        Unknown: no such store in the actor's scope.
        ReasonMissing: no reason was given.
        WrongState: it is frozen already.

    """
    if (await places.store(code, seen_by=by)).out_of_service_at is None:
        await _set_service(code, clock.now(), "depot.out_of_service", by=by, reason=reason)
    frozen = await db.fetch_value(
        "UPDATE place SET frozen_at = $2 WHERE code = $1 AND frozen_at IS NULL RETURNING id", code, clock.now()
    )
    if frozen is None:
        raise WrongState(what="Store", what_zh="备件库", key=code, state="frozen", needed="not frozen")
    return await places.store(code, seen_by=by)


@db.atomic
async def unfreeze(code: str, *, by: Actor, reason: str, returns: bool) -> StoreView:
    """Let what lies in a store move again, on behalf of another verb; it is in service again where it `returns`.

    Raises:
        Unknown, ReasonMissing: as for `freeze`.

    """
    await db.execute("UPDATE place SET frozen_at = NULL WHERE code = $1", code)
    if returns:
        return await _set_service(code, None, "depot.in_service", by=by, reason=reason)
    return await places.store(code, seen_by=by)


async def _set_service(
    code: str,
    since: datetime | None,
    action: Literal["depot.out_of_service", "depot.in_service"],
    *,
    by: Actor,
    reason: str,
) -> StoreView:
    known = await places.store(code, seen_by=by)
    if not reason.strip():
        raise ReasonMissing
    if since is None and known.frozen_at is not None:
        raise StillFrozen
    store = await db.fetch_value(
        """UPDATE place SET out_of_service_at = $2
           WHERE code = $1 AND (out_of_service_at IS NULL) <> ($2::timestamptz IS NULL) RETURNING id""",
        code,
        since,
    )
    if store is None:
        is_now, needed = ("in_service", "out_of_service") if since is None else ("out_of_service", "in_service")
        raise WrongState(what="Store", what_zh="备件库", key=code, state=is_now, needed=needed)
    await audit.record(action, "depot", code, by=by, reason=reason.strip())
    # its demand falls on other stores from now on, or on it again: cover is found anew, and every line judged by it
    await jobs.enqueue(jobs.RefreshCover(places=[store]), jobs.AssessAll())
    return await places.store(code, seen_by=by)


async def _ids(codes: set[str]) -> list[int]:
    rows = await db.fetch("SELECT id FROM place WHERE code = ANY($1) ORDER BY id", list(codes))
    return [row["id"] for row in rows]
