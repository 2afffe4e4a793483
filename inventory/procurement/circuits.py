"""Circuits: a vendor whose service fails again and again is left to recover, and a buyer is told.

The state is the database's, so that every worker sees the same. While a circuit is open nobody calls; when its rest is over
one caller probes, and the others go on waiting for what comes of that.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from inventory.ground import clock, db, steps
from inventory.ground.actor import Actor, service

OPENS_AFTER = 5
"""Failures in a row after which a vendor's service is left alone."""

_FIRST_REST, _LONGEST_REST = timedelta(seconds=30), timedelta(minutes=15)

PROBED_FOR = timedelta(minutes=1)
"""How long one caller may be probing; longer than any call waits for an answer."""

ANSWER_WITHIN = timedelta(hours=1)

_BY = service("procurement")


class CircuitView(Struct, frozen=True, kw_only=True):
    """Whether a vendor's service is called."""

    vendor: str
    failures: int
    opened_at: datetime | None
    probe_at: datetime | None
    failure: str


def rest_after(failures: int) -> timedelta:
    """How long a service is left alone after so many failures in a row: ever longer, up to a quarter of an hour.

    >>> [rest_after(n).total_seconds() for n in (5, 6, 7, 50)]
    [30.0, 60.0, 120.0, 900.0]
    """
    return min(_FIRST_REST * 2 ** min(max(failures - OPENS_AFTER, 0), 10), _LONGEST_REST)


@db.atomic
async def ask(vendor: str) -> timedelta | None:
    """Whether a vendor's service may be called now: None, or how long to wait. Whoever is let through an open one probes it."""
    now = clock.now()
    row = await db.fetch_one(
        """SELECT vendor_circuit.id, probe_at FROM vendor_circuit
           JOIN vendor ON vendor.id = vendor_circuit.vendor
           JOIN party ON party.id = vendor.party
           WHERE party.code = $1 AND opened_at IS NOT NULL FOR NO KEY UPDATE OF vendor_circuit""",
        vendor,
    )
    if row is None:
        return None
    if row["probe_at"] > now:
        return row["probe_at"] - now
    await db.execute("UPDATE vendor_circuit SET probe_at = $2 WHERE id = $1", row["id"], now + PROBED_FOR)
    return None


@db.atomic
async def note_failure(vendor: str, failure: str) -> bool:
    """A vendor's service could not be asked, or made no sense; whether its circuit is open now."""
    now = clock.now()
    row = await db.fetch_one(
        """INSERT INTO vendor_circuit (vendor, failures, failure)
           SELECT vendor.id, 1, $2 FROM vendor JOIN party ON party.id = vendor.party WHERE party.code = $1
           ON CONFLICT ON CONSTRAINT vendor_circuit_is_one_per_vendor
               DO UPDATE SET failures = vendor_circuit.failures + 1, failure = excluded.failure
           RETURNING id, failures, opened_at""",
        vendor,
        failure[:1000],
    )
    if row is None or row["failures"] < OPENS_AFTER:
        return False
    await db.execute(
        "UPDATE vendor_circuit SET opened_at = coalesce(opened_at, $2), probe_at = $3 WHERE id = $1",
        row["id"],
        now,
        now + rest_after(row["failures"]),
    )
    if row["opened_at"] is None:
        await steps.begin("vendor_down", "vendor", vendor, owner_role="buyer", due_at=now + ANSWER_WITHIN)
    return True


@db.atomic
async def note_answer(vendor: str, *, by: Actor = _BY) -> None:
    """A vendor's service answered, be it with a no: it is called again as ever."""
    closed = await db.fetch_value(
        """UPDATE vendor_circuit SET failures = 0, opened_at = NULL, probe_at = NULL, failure = ''
           FROM vendor JOIN party ON party.id = vendor.party
           WHERE vendor.id = vendor_circuit.vendor AND party.code = $1 AND failures > 0
           RETURNING vendor_circuit.id""",
        vendor,
    )
    if closed is not None:
        await steps.finish("vendor", vendor, "vendor_down", by=by)


async def circuits(*, limit: int) -> list[CircuitView]:
    """The services that failed when they were last called, the longest open first."""
    return await db.read(
        CircuitView,
        """SELECT party.code AS vendor, failures, opened_at, probe_at, failure FROM vendor_circuit
           JOIN vendor ON vendor.id = vendor_circuit.vendor
           JOIN party ON party.id = vendor.party
           WHERE failures > 0 ORDER BY opened_at NULLS LAST, party.code LIMIT $1""",
        limit,
    )
