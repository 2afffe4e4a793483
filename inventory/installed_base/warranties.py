"""Warranties: what the maker's look-up said about a device, when it was asked, and which ones run out soon."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown
from inventory.installed_base import devices
from inventory.places.reach import reached

LookupResult = Literal["in_warranty", "out_of_warranty", "not_found"]


class WarrantyEndMissing(Invalid):
    """A device that is in warranty has a day on which it ends."""

    zh = "保内设备须填写保修截止日期。"
    help_en = "Give `warranty_until` as the maker's page tells it."
    help_zh = "请按原厂查询结果填写保修截止日期。"


class LookupInFuture(Invalid):
    """The maker cannot have been asked in the future ({looked_up_at})."""

    zh = "查询时间（{looked_up_at}）不能晚于当前时间。"
    help_en = "Correct `looked_up_at`, with its time zone."
    help_zh = "请更正查询时间，并注意时区。"


class LookupView(Struct, frozen=True, kw_only=True):
    """What the maker said about a device; the screenshot is attached under this id."""

    id: UUID
    device: str
    looked_up_at: datetime
    looked_up_by: str
    result: LookupResult
    warranty_until: date | None
    asked: str
    remark: str


_VIEW = f"""SELECT warranty_lookup.id, device.serial AS device, looked_up_at, looked_up_by, result,
                  warranty_lookup.warranty_until, asked, remark
           FROM warranty_lookup
           JOIN device ON device.id = warranty_lookup.device
           JOIN contract ON contract.id = device.contract
           WHERE ($1::text[] IS NULL OR contract.code = ANY($1)) AND {reached("device.site", "$2")}"""


@db.atomic
async def record_lookup(
    device_number: str,
    result: LookupResult,
    *,
    by: Actor,
    asked: str,
    warranty_until: date | None = None,
    looked_up_at: datetime | None = None,
    remark: str = "",
) -> LookupView:
    """Keep what the maker said; the device's warranty is what its latest look-up tells.

    Args:
        device_number: serial or registration number.
        result: what came of it; not found tells nothing about the warranty, which stays as it was.
        asked: who or what was asked: the maker's page, a phone number, a case number.

    Raises:
        UnknownDevice: none in the actor's contracts.
        WarrantyEndMissing: in warranty, but no day is given.
        LookupInFuture: it is dated later than now.

    """
    by.require("warranties.record")
    device = await devices.find(device_number, seen_by=by)
    now = clock.now()
    at = looked_up_at or now
    if at > now:
        raise LookupInFuture(looked_up_at=at.isoformat())
    if result == "in_warranty" and warranty_until is None:
        raise WarrantyEndMissing
    lookup = await db.fetch_value(
        """INSERT INTO warranty_lookup (device, looked_up_at, looked_up_by, result, warranty_until, asked, remark)
           VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id""",
        device.id,
        at,
        by.name,
        result,
        warranty_until,
        asked,
        remark,
    )
    await db.execute(
        """UPDATE device SET warranty_until = latest.warranty_until
           FROM (SELECT warranty_until FROM warranty_lookup WHERE device = $1 AND result <> 'not_found'
                 ORDER BY looked_up_at DESC, id DESC LIMIT 1) AS latest
           WHERE device.id = $1""",
        device.id,
    )
    await audit.record("warranty.looked_up", "device", device.serial, by=by, change={"result": result, "asked": asked})
    return await lookup_view(lookup, seen_by=by)


async def lookup_view(lookup: UUID, *, seen_by: Actor) -> LookupView:
    """One look-up.

    Raises:
        Unknown: none in the reader's contracts at a site that the reader's stores serve.

    """
    found = await db.read_one(
        LookupView, f"{_VIEW} AND warranty_lookup.id = $3", seen_by.contract_scope, seen_by.depot_scope, lookup
    )
    if found is None:
        raise Unknown(what="warranty look-up", what_zh="保修查询", key=str(lookup))
    return found


async def lookups(device_number: str, *, seen_by: Actor, limit: int = 50) -> list[LookupView]:
    """What the maker said about a device, latest first.

    Raises:
        UnknownDevice: none in the reader's contracts.

    """
    device = await devices.find(device_number, seen_by=seen_by)
    return await db.read(
        LookupView,
        f"{_VIEW} AND device.id = $3 ORDER BY looked_up_at DESC, warranty_lookup.id DESC LIMIT $4",
        seen_by.contract_scope,
        seen_by.depot_scope,
        device.id,
        limit,
    )
