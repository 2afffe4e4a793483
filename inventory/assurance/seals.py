"""Seals: what was written stays as it was written, and whoever keeps a copy of the seals outside can prove it.

Triggers forbid changing the ledger, but whoever owns the tables can switch a trigger off. So, after the fact, spans of the
ledger and of the audit trail are sealed: sha256 over the rows in the order they were written, chained to the seal before.
A changed, lost or slipped-in row no longer fits its seal, and a seal made anew no longer fits the copies kept elsewhere.

Rows are sealed in the order of their ids, which the database makes from its clock. Each seal names the bound of the next
span, one minute back, and the newest transaction of that moment: once none of those is under way any more, nothing can
come into that span, and it is sealed. The hot path does nothing for it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor

Stream = Literal["movement", "audit_entry"]

MARGIN = timedelta(minutes=1)
"""How long a row is left alone before it is sealed."""

MOST_ROWS = 100_000
"""The longest span: what is checked in one statement."""

LOCK = 4_206_112_602
"""The advisory lock that two sealing workers race for."""

_MOVEMENT = """id, recorded_at AT TIME ZONE 'UTC', occurred_at AT TIME ZONE 'UTC', kind, part, quantity, unit, lot, from_place,
    from_condition, from_owner, from_pool, from_bin, to_place, to_condition, to_owner, to_pool, to_bin, reservation,
    document_kind, document, reason, actor, reverses, receipt"""

_AUDIT = (
    "id, recorded_at AT TIME ZONE 'UTC', actor, acts_for, action, subject_kind, subject, change, reason, request_id"
)

COLUMNS: Mapping[Stream, str] = {"movement": _MOVEMENT, "audit_entry": _AUDIT}
"""What of a row is sealed, in this order; instants in UTC, so that no session's settings matter."""


class SealView(Struct, frozen=True, kw_only=True):
    """A seal: how many rows it covers, their hash, and the hash that chains it to all seals before; hashes in hex."""

    id: int
    stream: Stream
    number: int
    sealed_at: datetime
    rows: int
    until: UUID
    digest: str
    chain: str


class BrokenSeal(Struct, frozen=True, kw_only=True):
    """The first seal of a stream that does not fit, with the span of ids that it covers."""

    stream: Stream
    number: int
    sealed_at: datetime
    since: UUID
    until: UUID
    rows: int
    rows_found: int
    digest: str
    digest_found: str


@db.atomic
async def seal(*, margin: timedelta = MARGIN, most_rows: int = MOST_ROWS) -> int:
    """Seal what has come to rest in every stream; how many rows. Safe to repeat, and to run on many machines."""
    await db.fetch_value("SELECT pg_advisory_xact_lock($1)", LOCK)
    return sum([await _seal(stream, margin, most_rows) for stream in COLUMNS])


async def _seal(stream: Stream, margin: timedelta, most_rows: int) -> int:
    last = await db.fetch_one(
        """SELECT number, until, chain, next_until,
                  next_after <= (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint AS at_rest
           FROM ledger_seal WHERE stream = $1 ORDER BY number DESC LIMIT 1""",
        stream,
    )
    if last is None:
        await _write(stream, 0, UUID(int=0), 0, b"", b"", margin)
        return 0
    sealed, number, since, chain = 0, last["number"], last["until"], last["chain"]
    while last["at_rest"]:
        further = await db.fetch_value(
            f"SELECT id FROM {stream} WHERE id >= $1 AND id < $2 ORDER BY id OFFSET $3 LIMIT 1",
            since,
            last["next_until"],
            most_rows,
        )
        until = further or last["next_until"]
        found = await db.fetch_one(_hashed(stream, "$1", "$2"), since, until)
        rows, digest = (found["rows"], found["digest"]) if found else (0, b"")
        number += 1
        # while more is left of the span, its bound stays
        bound = last["next_until"] if further else None
        chain = await _write(stream, number, until, rows, digest, chain, margin, bound=bound)
        sealed, since = sealed + rows, until
        if not further:
            break
    return sealed


def _hashed(stream: Stream, since: str, until: str) -> str:
    """How many rows a span has, and their hash: that of the hashes of the rows, in order."""
    return f"""SELECT count(*)::int AS rows, sha256(coalesce(
                   string_agg(sha256(convert_to(jsonb_build_array({COLUMNS[stream]})::text, 'UTF8')), ''::bytea ORDER BY id),
                   ''::bytea)) AS digest
               FROM {stream} WHERE id >= {since} AND id < {until}"""


_CHAIN = "sha256({before} || {digest} || int4send({rows}) || uuid_send({until}))"


async def _write(
    stream: Stream,
    number: int,
    until: UUID,
    rows: int,
    digest: bytes,
    before: bytes,
    margin: timedelta,
    *,
    bound: UUID | None = None,
) -> bytes:
    chain = _CHAIN.format(before="$6::bytea", digest="$5::bytea", rows="$4::int", until="$3::uuid")
    return await db.fetch_value(
        f"""INSERT INTO ledger_seal (stream, number, until, rows, digest, chain, sealed_at, next_until, next_after)
            VALUES ($1, $2, $3, $4, $5, {chain}, clock_timestamp(), coalesce($8::uuid, uuidv7(-$7::interval)),
                    (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint)
            RETURNING chain""",
        stream,
        number,
        until,
        rows,
        digest,
        before,
        margin,
        bound,
    )


_VIEW = """SELECT id, stream, number, sealed_at, rows, until, encode(digest, 'hex') AS digest, encode(chain, 'hex') AS chain
           FROM ledger_seal"""


async def seals(*, limit: int, seen_by: Actor, before: int | None = None) -> list[SealView]:
    """Seals, the newest first; they tell nothing of what they seal, so that a customer may keep them."""
    seen_by.require("stock.read")
    return await db.read(
        SealView, f"{_VIEW} WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2", before, limit
    )


async def newest() -> list[SealView]:
    """The newest seal of each stream: whoever notes these two hashes down holds all before them."""
    return await db.read(
        SealView, f"{_VIEW} WHERE (stream, number) IN (SELECT stream, max(number) FROM ledger_seal GROUP BY stream)"
    )


async def broken() -> list[BrokenSeal]:
    """The first seal of each stream that does not fit its rows or the seal before; every sealed row is read."""
    return [found for stream in COLUMNS if (found := await _first_broken(stream)) is not None]


async def _first_broken(stream: Stream) -> BrokenSeal | None:
    checked = 0
    fits = _CHAIN.format(
        before="coalesce(before.chain, ''::bytea)", digest="seal.digest", rows="seal.rows", until="seal.until"
    )
    while True:
        # as many seals at once as have a span's length together
        rows = await db.fetch(
            f"""WITH ahead AS (
                    SELECT *, sum(rows) OVER (ORDER BY number) - rows AS earlier
                    FROM ledger_seal WHERE stream = $1 AND number >= $2 ORDER BY number LIMIT 500
                )
                SELECT seal.number, seal.sealed_at, coalesce(before.until, seal.until) AS since, seal.until, seal.rows,
                       found.rows AS rows_found, encode(seal.digest, 'hex') AS digest,
                       encode(found.digest, 'hex') AS digest_found,
                       seal.number = 0 OR (found.rows = seal.rows AND found.digest = seal.digest) AS same,
                       seal.chain = {fits} AND (seal.number = 0 OR before.number IS NOT NULL) AS chained
                FROM (SELECT * FROM ahead WHERE earlier < $3) AS seal
                LEFT JOIN ledger_seal AS before ON before.stream = $1 AND before.number = seal.number - 1
                CROSS JOIN LATERAL ({_hashed(stream, "coalesce(before.until, seal.until)", "seal.until")}) AS found
                ORDER BY seal.number""",
            stream,
            checked,
            MOST_ROWS,
        )
        if not rows:
            return None
        for row in rows:
            fields = dict(row)
            if not (fields.pop("same") and fields.pop("chained")):
                fields.pop("chained", None)
                return BrokenSeal(stream=stream, **fields)
        checked = rows[-1]["number"] + 1


async def differs_from(copy: Mapping[tuple[str, int], str]) -> tuple[str, int] | None:
    """The first seal (stream and number) of a copy kept outside whose chained hash is not ours any more."""
    rows = await db.fetch(
        """SELECT kept.stream, kept.number
           FROM unnest($1::text[], $2::int[], $3::text[]) AS kept(stream, number, chain)
           LEFT JOIN ledger_seal ON ledger_seal.stream = kept.stream AND ledger_seal.number = kept.number
           WHERE encode(ledger_seal.chain, 'hex') IS DISTINCT FROM lower(kept.chain)
           ORDER BY kept.number, kept.stream LIMIT 1""",
        [stream for stream, _ in copy],
        [number for _, number in copy],
        list(copy.values()),
    )
    return (rows[0]["stream"], rows[0]["number"]) if rows else None
