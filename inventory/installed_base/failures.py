"""Failures: recording that a part failed, once per incident, however many systems tell of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from unicodedata import normalize
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import FieldProblem, Invalid, Refused, Unknown
from inventory.places.reach import reached

ONE_INCIDENT = timedelta(hours=24)
"""Reports of the same part in the same device and position this close together tell of one failure."""

REMEMBERED = timedelta(days=365)
"""How long the burst tests, of stock and of the radar, remember a failure: rare parts and sites fail a few times a year."""

MANY = 20
"""From so many devices and parts on, the radar is looked at as a whole, once."""


class UnknownInFailure(Invalid):
    """A failure names a device or part that is not there."""

    zh = "故障记录中的设备或备件不存在。"
    help_en = "See `errors` for the lines; nothing was recorded."
    help_zh = "请查看 errors 所列各行；未登记任何记录。"


class FailureInFuture(Invalid, constraint="failure_is_recorded_after_it_occurred"):
    """A failure cannot have occurred in the future."""

    zh = "故障发生时间不能晚于当前时间。"
    help_en = "Correct `occurred_at`, with its time zone."
    help_zh = "请更正 occurred_at，并注意时区。"


class FailureReferenceReused(Refused, constraint="failure_reference_is_unique"):
    """This source already reported another failure under that reference."""

    zh = "该来源已用此编号登记过另一故障。"
    help_en = "Give every failure a reference of its own."
    help_zh = "请为每个故障使用独立编号。"


class NewFailure(Struct, frozen=True, kw_only=True):
    """A failure to record; `source` and `reference` are the reporting system's own name for it."""

    device: str
    part_number: str
    occurred_at: datetime
    position: str | None = None
    code: str | None = None
    source: str | None = None
    reference: str | None = None


class FailureView(Struct, frozen=True, kw_only=True):
    """A recorded failure; `known` tells that it had been reported before."""

    id: UUID
    device: str
    part_number: str
    position: str | None
    occurred_at: datetime
    recorded_at: datetime
    code: str | None
    source: str | None
    reference: str | None
    withdrawn_reason: str | None = None
    known: bool = False


class _Resolved(Struct, frozen=True, kw_only=True):
    """A failure's device and part as ids; `line` is its place in the input."""

    line: int
    device: int | None
    part: int | None
    site: int | None
    contract: int | None


@db.atomic
async def record_failures(failures: Sequence[NewFailure], *, by: Actor) -> list[FailureView]:
    """Record failures, all or none; one that is known already is answered, not doubled.

    Raises:
        UnknownInFailure: a line names a device or part that is not there.
        FailureInFuture: a line lies in the future.

    """
    by.require("failures.record")
    resolved = await _resolve(failures, by)
    # rivals that report on the same devices wait for each other, in one order
    await db.execute(
        "SELECT FROM device WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE", [row.device for row in resolved]
    )
    views = [await _record_one(new, row, by) for new, row in zip(failures, resolved, strict=True)]
    await _watch(resolved, failures)
    return views


async def _resolve(failures: Sequence[NewFailure], by: Actor) -> list[_Resolved]:
    rows = await db.read(
        _Resolved,
        f"""SELECT new.line::int AS line, device.id AS device, part.id AS part, device.site, device.contract
           FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS new(device, part, line)
           LEFT JOIN (device JOIN contract ON contract.id = device.contract
                             AND ($3::text[] IS NULL OR contract.code = ANY($3))
                             AND {reached("device.site", "$4")})
                ON device.serial = new.device OR device.registration_number = new.device
           LEFT JOIN part_alias ON part_alias.number = new.part
           LEFT JOIN part ON part.part_number = new.part OR part.id = part_alias.part
           ORDER BY new.line""",
        [failure.device for failure in failures],
        [failure.part_number for failure in failures],
        by.contract_scope,
        by.depot_scope,
    )
    problems = [
        FieldProblem(
            f"/{row.line - 1}/{'device' if row.device is None else 'part_number'}",
            "unknown",
            f"there is no such {'device' if row.device is None else 'part'}",
            f"{'设备' if row.device is None else '备件'}不存在",
        )
        for row in rows
        if row.device is None or row.part is None
    ]
    if problems:
        raise UnknownInFailure(fields=tuple(problems))
    return rows


_COLUMNS = """failure.id, device.serial AS device, part.part_number, failure.position, failure.occurred_at,
    failure.recorded_at, failure.code, failure.source, failure.reference_number AS reference,
    nullif(failure.withdrawn_reason, '') AS withdrawn_reason"""


async def _record_one(new: NewFailure, row: _Resolved, by: Actor) -> FailureView:
    """Record one failure, or find the one that it tells of again."""
    known = await db.read_one(
        FailureView,
        f"""SELECT {_COLUMNS}, true AS known
            FROM failure JOIN device ON device.id = failure.device JOIN part ON part.id = failure.part
            WHERE failure.source = $5 AND failure.reference_number = $6
               OR (failure.device = $1 AND failure.part = $2 AND failure.withdrawn_at IS NULL
                   AND failure.occurred_at BETWEEN $3::timestamptz - $7::interval AND $3::timestamptz + $7::interval
                   AND (failure.position = $4 OR failure.position IS NULL OR $4::text IS NULL)
                   AND (failure.reference_number IS NULL OR $6::text IS NULL))
            ORDER BY failure.source = $5 AND failure.reference_number = $6 DESC NULLS LAST, failure.occurred_at LIMIT 1""",
        row.device,
        row.part,
        new.occurred_at,
        new.position,
        new.source,
        new.reference,
        ONE_INCIDENT,
    )
    if known is not None:
        await _complete(known, new)
        return known
    view = await db.read_one(
        FailureView,
        f"""WITH failure AS (
                INSERT INTO failure (device, part, position, occurred_at, recorded_at, recorded_by, code, source,
                                     reference_number)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *)
            SELECT {_COLUMNS} FROM failure
            JOIN device ON device.id = failure.device JOIN part ON part.id = failure.part""",
        row.device,
        row.part,
        new.position,
        new.occurred_at,
        clock.now(),
        by.name,
        code_of(new.code),
        new.source,
        new.reference,
    )
    if view is None:
        raise AssertionError("an insert returns its row")
    return view


async def _complete(known: FailureView, new: NewFailure) -> None:
    """Add to a known failure what the new report knows and the old one did not."""
    await db.execute(
        """UPDATE failure SET position = coalesce(position, $2), code = coalesce(code, $3),
                  source = CASE WHEN reference_number IS NULL THEN coalesce($4, source) ELSE source END,
                  reference_number = coalesce(reference_number, $5)
           WHERE id = $1""",
        known.id,
        new.position,
        code_of(new.code),
        new.source,
        new.reference,
    )


class FailedPart(Struct, frozen=True, kw_only=True):
    """Pieces of a part that failed in a device, where its position is known."""

    part: int
    quantity: int
    position: str | None


@db.atomic
async def record_for_request(
    device: int,
    failed: Sequence[FailedPart],
    *,
    site: int,
    contract: int,
    request: UUID,
    occurred_at: datetime,
    by: Actor,
    instead_of: UUID | None = None,
) -> None:
    """Record the failures that a part request tells of; those reported before become the request's own.

    So do those of the request `instead_of` which it was opened, its pieces being no good: the device failed once.
    Three statements and the jobs, however many parts.
    """
    known = await db.fetch(
        """SELECT id, part, position FROM failure
           WHERE device = $1 AND part = ANY($2) AND (request IS NULL OR request = $5) AND withdrawn_at IS NULL
             AND occurred_at BETWEEN $3::timestamptz - $4::interval AND $3::timestamptz + $4::interval
           ORDER BY occurred_at, id FOR NO KEY UPDATE""",
        device,
        [each.part for each in failed],
        occurred_at,
        ONE_INCIDENT,
        instead_of,
    )
    linked: list[UUID] = []
    fresh: list[FailedPart] = []
    for each in failed:
        same = [
            row["id"]
            for row in known
            if row["part"] == each.part
            and row["id"] not in linked
            and (row["position"] is None or each.position is None or row["position"] == each.position)
        ][: each.quantity]
        linked += same
        fresh += [each] * (each.quantity - len(same))
    if linked:
        await db.execute("UPDATE failure SET request = $2 WHERE id = ANY($1)", linked, request)
    if not fresh:
        return
    await db.execute(
        """INSERT INTO failure (device, part, position, occurred_at, recorded_at, recorded_by, request)
           SELECT $1, fresh.part, fresh.position, $4, $5, $6, $7 FROM unnest($2::int[], $3::text[]) AS fresh(part, position)
           -- a whole unit that is asked for replaces what failed; it did not fail itself
           WHERE NOT EXISTS (SELECT FROM swap_unit WHERE swap_unit.part = fresh.part)""",
        device,
        [each.part for each in fresh],
        [each.position for each in fresh],
        occurred_at,
        clock.now(),
        by.name,
        request,
    )
    parts = dict.fromkeys(each.part for each in fresh)
    await _judge([_Changed(device, part, site, contract, occurred_at) for part in parts])


@db.atomic
async def withdraw(failure: UUID, *, by: Actor, reason: str) -> None:
    """Take a failure back: it was none (no fault found), or was recorded by mistake.

    Raises:
        Unknown: no such failure in the actor's contracts, or at a site that the actor's stores serve.

    """
    by.require("failures.record")
    row = await db.fetch_one(
        f"""UPDATE failure SET withdrawn_at = coalesce(withdrawn_at, $2), withdrawn_reason = $3
           FROM device JOIN contract ON contract.id = device.contract
           WHERE device.id = failure.device AND failure.id = $1
             AND ($4::text[] IS NULL OR contract.code = ANY($4)) AND {reached("device.site", "$5")}
           RETURNING failure.device, failure.part, device.site, device.contract, failure.occurred_at""",
        failure,
        clock.now(),
        reason,
        by.contract_scope,
        by.depot_scope,
    )
    if row is None:
        raise Unknown(what="failure", what_zh="故障记录", key=str(failure))
    await _judge([_Changed(**dict(row))])


async def withdraw_for_request(request: UUID, part: int, quantity: int, *, reason: str) -> None:
    """Take back failures that a part request told of: the parts turned out not to be at fault."""
    withdrawn = await db.read(
        _Changed,
        """UPDATE failure SET withdrawn_at = $4, withdrawn_reason = $5 FROM device
           WHERE device.id = failure.device AND failure.id IN (
               SELECT id FROM failure WHERE request = $1 AND part = $2 AND withdrawn_at IS NULL ORDER BY id LIMIT $3)
           RETURNING failure.device, failure.part, device.site, device.contract, failure.occurred_at""",
        request,
        part,
        quantity,
        clock.now(),
        reason,
    )
    await _judge(withdrawn)


def code_of(written: str | None) -> str | None:
    """A failure code as it is kept, so that one code is not counted as several: capitals, one blank between words.

    Full-width signs are the same as plain ones.

    >>> code_of("  no  post "), code_of("ＥＣＣ－1"), code_of("异响"), code_of(" "), code_of(None)
    ('NO POST', 'ECC-1', '异响', None, None)
    """
    return " ".join(normalize("NFKC", written or "").split()).upper() or None


async def name_codes(request: UUID, part: int, code: str, quantity: int) -> None:
    """Write down what was found to be wrong with parts that a request told of."""
    await db.execute(
        """UPDATE failure SET code = $3 WHERE id IN (
               SELECT id FROM failure WHERE request = $1 AND part = $2 AND code IS NULL AND withdrawn_at IS NULL
               ORDER BY id LIMIT $4)""",
        request,
        part,
        code,
        quantity,
    )


async def _watch(resolved: Sequence[_Resolved], failures: Sequence[NewFailure]) -> None:
    """Have everything judged that these failures tell of."""
    await _judge(
        [
            _Changed(row.device, row.part, row.site, row.contract, new.occurred_at)
            for row, new in zip(resolved, failures, strict=True)
            if row.device is not None and row.part is not None and row.site is not None and row.contract is not None
        ]
    )


class _Changed(Struct, frozen=True):
    """A failure that was recorded or taken back."""

    device: int
    part: int
    site: int
    contract: int
    occurred_at: datetime


async def _judge(changed: Sequence[_Changed]) -> None:
    """Have the stock judged that failures fall on, and the radar's series that they belong to, once each."""
    now = clock.now()
    remembered = [each for each in changed if each.occurred_at >= now - REMEMBERED]
    stock = {jobs.JudgeFailure(each.part, each.site, each.contract) for each in remembered}
    series = {jobs.LookAtSeries(each.device, each.part) for each in remembered}
    await jobs.enqueue(*stock, *(series if len(series) < MANY else [jobs.LookAtRadar()]))


async def failures(
    *,
    limit: int,
    seen_by: Actor,
    before: UUID | None = None,
    part_number: str | None = None,
    device: str | None = None,
) -> list[FailureView]:
    """Failures in the reader's contracts at sites that the reader's stores serve, latest recorded first."""
    return await db.read(
        FailureView,
        f"""SELECT {_COLUMNS} FROM failure
            JOIN device ON device.id = failure.device
            JOIN contract ON contract.id = device.contract
            JOIN part ON part.id = failure.part
            WHERE ($1::text[] IS NULL OR contract.code = ANY($1)) AND ($2::uuid IS NULL OR failure.id < $2)
              AND ($3::text IS NULL OR part.part_number = $3) AND ($4::text IS NULL OR device.serial = $4)
              AND {reached("device.site", "$5")}
            ORDER BY failure.id DESC LIMIT $6""",
        seen_by.contract_scope,
        before,
        part_number,
        device,
        seen_by.depot_scope,
        limit,
    )
