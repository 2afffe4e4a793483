"""Near misses: what was almost an emergency, kept and shown."""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, structs

from inventory.emergency import disclosure
from inventory.emergency.evidence import evidence_of
from inventory.emergency.facts import Facts, RowFacts
from inventory.emergency.judging import Judgement
from inventory.ground import clock, db, events
from inventory.ground.actor import Actor


class NearMissView(Struct, frozen=True, kw_only=True):
    """Almost an emergency."""

    id: UUID
    part_number: str
    depot: str
    pool: str
    at: datetime
    policy_version: int
    reason: str
    evidence: Any


@db.atomic
async def note(
    facts: Facts,
    subject: RowFacts,
    judgement: Judgement,
    reason: Literal["burst_without_crossing", "crossing_with_rising_burst"],
) -> None:
    """Keep what was almost an emergency; the same one once a day."""
    already = await db.fetch_value(
        "SELECT true FROM near_miss WHERE part = $1 AND place = $2 AND pool = $3 AND at > $4 LIMIT 1",
        *subject.key,
        clock.now() - timedelta(days=1),
    )
    if already:
        return
    await db.execute(
        """INSERT INTO near_miss (part, place, pool, at, policy_version, reason, evidence)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        *subject.key,
        clock.now(),
        facts.policy.version,
        reason,
        await evidence_of(facts, subject, judgement),
    )
    await events.emit(
        "burst.detected",
        "part",
        subject.part_number,
        {"part_number": subject.part_number, "depot": subject.depot, "reason": reason},
        depot=subject.depot,
        closed=True,
    )


async def near_misses(*, limit: int, seen_by: Actor, before: UUID | None = None) -> list[NearMissView]:
    """Near misses in the reader's stores, latest first."""
    found = await db.read(
        NearMissView,
        f"""SELECT near_miss.id, part.part_number, place.code AS depot, pool.code AS pool, at, policy_version, reason,
                  evidence
           FROM near_miss
           JOIN part ON part.id = near_miss.part
           JOIN place ON place.id = near_miss.place
           JOIN pool ON pool.id = near_miss.pool
           WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND {disclosure.told("near_miss", "$2")}
             AND ($3::uuid IS NULL OR near_miss.id < $3)
           ORDER BY near_miss.id DESC LIMIT $4""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        before,
        limit,
    )
    return [structs.replace(miss, evidence=disclosure.evidence_for(miss.evidence, seen_by)) for miss in found]
