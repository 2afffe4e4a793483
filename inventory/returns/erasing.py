"""Erasing customers' data (数据清除) from units that came back: how, by whom, verified by whom; the certificate's facts."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places.tables import STORE_KINDS
from inventory.returns import customer_data, loaners, swaps
from inventory.stock import disclosure, units

Method = Literal["overwrite", "crypto_erase", "block_erase", "degauss", "media_removed"]

VERIFY_WITHIN = timedelta(days=1)


class NoDataOnIt(Refused):
    """{serial} holds no customer's data."""

    zh = "{serial} 上没有需要清除的客户数据。"
    help_en = "Only what came back from a customer with data on it is erased here."
    help_zh = "仅对带客户数据归还的设备登记数据清除。"


class NotInStore(Refused):
    """{serial} is not in a store."""

    zh = "{serial} 不在备件库内。"
    help_en = "Take it in first."
    help_zh = "请先办理归还入库。"


class ErasureOpen(Refused, constraint="data_erasure_is_verified_first"):
    """An erasure of this unit waits for its verification."""

    zh = "该设备已登记数据清除，等待核验。"
    help_en = "Have a second person verify the one that is there."
    help_zh = "请由第二人核验已登记的数据清除。"


class OwnErasure(Forbidden):
    """Somebody else than {erased_by} verifies that the data is gone."""

    zh = "数据清除须由 {erased_by} 以外的人核验。"
    help_en = "Ask a colleague who may erase data at this store."
    help_zh = "请由该库另一位有数据清除权限的同事核验。"


class ErasureView(Struct, frozen=True, kw_only=True):
    """An erasure; its unit may pass its test once `verified_at` is there."""

    id: UUID
    number: str
    serial: str
    part_number: str
    name_zh: str
    name_en: str
    depot: str
    document_kind: str | None
    document: str | None
    method: Method
    tool: str
    remark: str
    erased_at: datetime
    erased_by: str
    verified_at: datetime | None
    verified_by: str | None
    result: Literal["passed", "failed"] | None
    verification: str


class HoldsData(Struct, frozen=True, kw_only=True):
    """A unit in a store with a customer's data on it; `erasure` where that is erased and not yet verified."""

    serial: str
    part_number: str
    name_zh: str
    name_en: str
    depot: str
    condition: str
    document_kind: str | None
    document: str | None
    since: datetime
    erasure: UUID | None
    erased_by: str | None


@db.atomic
async def erase(
    serial: str, method: Method, tool: str, *, by: Actor, remark: str = "", part_number: str | None = None
) -> ErasureView:
    """Record that a customer's data was erased from a unit; a second person verifies it.

    Raises:
        Unknown, SerialAmbiguous: no such unit in the actor's scope, or several.
        NoDataOnIt: none came back on it, or it is erased already.
        NotInStore: it is not in a store.
        NotYourDepot: the actor does not serve the store it is in.
        ReasonMissing: it was not said with what it was done.

    """
    by.require("data.erase")
    view = await units.unit(serial, seen_by=by, part_number=part_number)
    if not tool.strip():
        raise ReasonMissing
    row = await db.fetch_one(
        """SELECT unit.id, unit.serial, unit.holds_data, unit.place, place.code AS depot, place.kind = ANY($2) AS in_store
           FROM unit JOIN place ON place.id = unit.place WHERE unit.id = $1 FOR NO KEY UPDATE OF unit""",
        view.id,
        list(STORE_KINDS),
    )
    if row is None or not row["holds_data"]:
        raise NoDataOnIt(serial=view.serial)
    if not row["in_store"]:
        raise NotInStore(serial=view.serial)
    by.require_depot(row["depot"])
    erasure = await db.fetch_value(
        """INSERT INTO data_erasure (number, unit, place, document_kind, document_number, method, tool, remark, erased_at,
                                     erased_by)
           SELECT $1, $2, $3, came.document_kind, came.document, $4, $5, $6, $7, $8
           FROM (SELECT 1) AS always
           LEFT JOIN LATERAL (SELECT document_kind, document FROM movement
                              WHERE movement.unit = $2 AND kind IN ('return_from_site', 'defective_return', 'handed_in')
                              ORDER BY recorded_at DESC, id DESC LIMIT 1) AS came ON true
           RETURNING id""",
        await next_number("DE"),
        row["id"],
        row["place"],
        method,
        tool.strip(),
        remark.strip(),
        clock.now(),
        by.name,
    )
    told = await erasure_view(erasure)
    await steps.finish("unit", view.serial, "erase_data", by=by)
    await steps.begin(
        "verify_erasure",
        "data_erasure",
        told.number,
        owner_role="quality_supervisor",
        depot=row["depot"],
        due_at=clock.now() + VERIFY_WITHIN,
    )
    await audit.record("data.erased", "unit", view.serial, by=by, change={"method": method, "erasure": told.number})
    return told


@db.atomic
async def verify(erasure: UUID, *, by: Actor, passed: bool, finding: str) -> ErasureView:
    """Verify an erasure as the second person: passed, the unit may be tested and lent again; else it is erased anew.

    Raises:
        Unknown: no such erasure in the actor's scope.
        NoPerson: a key that belongs to nobody is no second person.
        OwnErasure: the actor erased it.
        NotYourDepot: the actor does not serve the store.
        WrongState: it was verified before.
        ReasonMissing: it was not said what was found.

    """
    by.require("data.erase")
    view = await erasure_view(erasure, seen_by=by)
    by.require_depot(view.depot)
    by.require_eyes()
    if not finding.strip():
        raise ReasonMissing
    if view.erased_by == by.name:
        raise OwnErasure(erased_by=view.erased_by)
    unit = await db.fetch_value(
        """UPDATE data_erasure SET verified_at = $2, verified_by = $3, verification = $4, result = $5
           WHERE id = $1 AND verified_at IS NULL RETURNING unit""",
        erasure,
        clock.now(),
        by.name,
        finding.strip(),
        "passed" if passed else "failed",
    )
    if unit is None:
        raise WrongState(what="Erasure", what_zh="数据清除", key=view.number, state="verified", needed="erased")
    await steps.finish("data_erasure", view.number, by=by)
    if passed:
        await customer_data.is_gone(unit, by=by)
        await loaners.data_erased(unit)
        await swaps.data_erased(unit)
        told = await erasure_view(erasure)
        await events.emit("unit.data_erased", "unit", view.serial, told, depot=view.depot)
    else:
        await customer_data.came_back(unit, depot=view.depot)
    await audit.record("data.verified", "unit", view.serial, by=by, reason=finding, change={"passed": passed})
    return await erasure_view(erasure)


_VIEW = """SELECT erasure.id, erasure.number, unit.serial, part.part_number, part.name_zh, part.name_en, place.code AS depot,
                  erasure.document_kind, erasure.document_number AS document, erasure.method, erasure.tool, erasure.remark,
                  erasure.erased_at, erasure.erased_by, erasure.verified_at, erasure.verified_by, erasure.result,
                  erasure.verification
           FROM data_erasure AS erasure
           JOIN unit ON unit.id = erasure.unit
           JOIN part ON part.id = unit.part
           JOIN pool ON pool.id = unit.pool
           JOIN place ON place.id = erasure.place"""


async def erasure_view(erasure: UUID, *, seen_by: Actor | None = None) -> ErasureView:
    """One erasure.

    Raises:
        Unknown: no such erasure in the reader's scope.

    """
    view = await db.read_one(
        ErasureView,
        f"""{_VIEW} WHERE erasure.id = $1 AND ($2::text[] IS NULL OR place.code = ANY($2))
            AND {disclosure.serves("pool", "$3")}""",
        erasure,
        seen_by.depot_scope if seen_by else None,
        seen_by.contract_scope if seen_by else None,
    )
    if view is None:
        raise Unknown(what="erasure", what_zh="数据清除", key=str(erasure))
    return view


async def erasures(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    serial: str | None = None,
    depot: str | None = None,
    document: str | None = None,
) -> list[ErasureView]:
    """Erasures at the reader's stores, newest first; `document` is the number of what the unit came back by."""
    return await db.read(
        ErasureView,
        f"""{_VIEW}
            WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::uuid IS NULL OR erasure.id < $2)
              AND ($3::text IS NULL OR unit.serial = $3) AND ($4::text IS NULL OR place.code = $4)
              AND ($7::text IS NULL OR erasure.document_number = $7) AND {disclosure.serves("pool", "$6")}
            ORDER BY erasure.id DESC LIMIT $5""",
        seen_by.depot_scope,
        after,
        serial,
        depot,
        limit,
        seen_by.contract_scope,
        document,
    )


async def holding_data(*, limit: int, seen_by: Actor) -> list[HoldsData]:
    """Units in the reader's stores with a customer's data on them, the longest there first."""
    return await db.read(
        HoldsData,
        f"""SELECT unit.serial, part.part_number, part.name_zh, part.name_en, place.code AS depot, unit.condition,
                  came.document_kind, came.document, came.occurred_at AS since, erasure.id AS erasure, erasure.erased_by
           FROM unit
           JOIN part ON part.id = unit.part
           JOIN place ON place.id = unit.place AND place.kind IN ('depot', 'onsite_store')
           JOIN LATERAL (SELECT document_kind, document, occurred_at FROM movement
                         WHERE movement.unit = unit.id AND kind IN ('return_from_site', 'defective_return', 'handed_in')
                         ORDER BY recorded_at DESC, id DESC LIMIT 1) AS came ON true
           LEFT JOIN data_erasure AS erasure ON erasure.unit = unit.id AND erasure.verified_at IS NULL
           JOIN pool ON pool.id = unit.pool
           WHERE unit.holds_data AND ($1::text[] IS NULL OR place.code = ANY($1)) AND {disclosure.serves("pool", "$3")}
           ORDER BY came.occurred_at, unit.serial LIMIT $2""",
        seen_by.depot_scope,
        limit,
        seen_by.contract_scope,
    )
