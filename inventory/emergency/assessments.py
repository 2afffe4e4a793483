"""Assessments: writing down what was judged, opening what must be opened, seeing cover come back."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct, structs

from inventory.emergency import cases, drills, near_misses, stand_ins
from inventory.emergency.facts import Facts, Key, RowFacts, gather, rows_of_class, serving_key
from inventory.emergency.judging import Judgement, blamed, judge_all, judge_one, still_missing
from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.stock.disclosure import serves
from inventory.stock.lines import Lines, set_lines
from optimizer.burst import Window
from optimizer.cover import CriticalPoint, Inbound


async def assess(part: int, place: int, pool: int, *, by: Actor) -> None:
    """Judge one part in one store and pool, and the parts that it stands in for there, and do what follows from it."""
    for key in ((part, place, pool), *await stand_ins.helped_by(part, place, pool)):
        await _assess(key, by=by)


async def _assess(key: Key, *, by: Actor) -> None:
    facts = await gather([key])
    for subject in facts.rows:
        judgement = judge_one(facts, subject)
        await record(facts, subject, judgement, by=by)
        if judgement.broken:
            await open_for_broken_classes(judgement.broken, by=by)


async def assess_failure(part: int, site: int, contract: int, *, by: Actor) -> None:
    """Judge the stock that a part's failures at a site fall on."""
    key = await serving_key(part, site, contract)
    if key is not None:
        await assess(*key, by=by)


async def assess_all(*, by: Actor) -> int:
    """Judge every row of the approved plan against the others as they stand now; how many."""
    facts = await gather()
    judgements = judge_all(facts)
    await record_many(facts, judgements)
    for subject, judgement in zip(facts.rows, judgements, strict=True):
        if subject.case is not None or judgement.in_burst or (subject.hand_set is not None and judgement.below):
            await record(facts, subject, judgement, by=by)
    broken = sorted({code for judgement in judgements for code in judgement.broken})
    await open_for_broken_classes(broken, by=by)
    return len(judgements)


async def open_for_broken_classes(codes: Sequence[str], *, by: Actor) -> None:
    """Open cases for the rows that explain why classes are below their floors."""
    for code in codes:
        rows = await rows_of_class(code)
        if not rows:
            continue
        facts = await gather([row.key for row in rows])
        to_blame = set(blamed(facts.rows, facts, code))
        for subject in facts.rows:
            if subject.name in to_blame and subject.case is None:
                await cases.open_or_near_miss(facts, subject, judge_one(facts, subject), by=by)


@db.atomic
async def record(facts: Facts, subject: RowFacts, judgement: Judgement, *, by: Actor) -> None:
    """Write a judgement down, with its lines; note a near miss; see a case's cover restored or lost.

    The level may have moved since the facts were read. Where it did, the row is judged again: a line that was set
    after the stock had passed it would never be seen crossed.
    """
    await record_many(facts, [judgement], [subject])
    if subject.standing_in is not None:
        without = structs.replace(subject, standing_in=0)
        if judge_one(facts, without).covered:
            await stand_ins.end(*subject.key)
    if subject.case is not None:
        if subject.case_drill_since and await drills.has_really_failed(subject.key, subject.case_drill_since):
            await cases.end_drill(subject.case, "real_failure", by=by)
        await cases.note_conditions(subject.case, judgement, by=by)
        await cases.note_cover(
            subject.case, covered=judgement.covered, missing=await _missing(facts, subject, judgement), by=by
        )
    elif (not subject.planned or subject.hand_set is not None) and judgement.below:
        await cases.open_or_near_miss(facts, subject, judgement, by=by)
    if judgement.in_burst and not subject.stored_in_burst and not judgement.below and not judgement.broken:
        await near_misses.note(facts, subject, judgement, "burst_without_crossing")
    now_available = await db.fetch_value(
        """SELECT free - backordered FROM level JOIN party ON party.id = level.owner AND party.is_ourselves
           WHERE part = $1 AND place = $2 AND pool = $3 AND condition = 'good'""",
        *subject.key,
    )
    if now_available is not None and now_available != subject.on_shelf:
        await jobs.enqueue(jobs.Assess(*subject.key))


async def _missing(facts: Facts, subject: RowFacts, judgement: Judgement) -> int:
    """How much stock a case whose measures are under way has still to find; nothing to ask of any other."""
    if subject.case is None or subject.case_state != "acting":
        return 0
    return still_missing(facts, subject, judgement, await cases.under_way(subject.case))


@db.atomic
async def record_many(
    facts: Facts, judgements: Sequence[Judgement], subjects: Sequence[RowFacts] | None = None
) -> None:
    """Write judgements and their lines; two statements, however many."""
    pairs = list(zip(facts.rows if subjects is None else subjects, judgements, strict=True))
    await set_lines(
        [
            Lines(
                part=subject.part,
                place=subject.place,
                pool=subject.pool,
                critical_point=judgement.point,
                average_failure_line=judgement.average_line,
            )
            for subject, judgement in sorted(pairs, key=lambda pair: pair[0].key)
        ]
    )
    await db.execute(
        """INSERT INTO assessment (part, place, pool, assessed_at, available, projected_share, planned_share,
                                   rate_per_day, present_rate_per_day, resupply_days, critical_point,
                                   average_failure_line, burst_statistic, burst_threshold, in_burst, inputs)
           SELECT part, place, pool, $2, available, projected_share, planned_share, rate_per_day, present_rate_per_day,
                  resupply_days, critical_point, average_failure_line, burst_statistic, burst_threshold, in_burst, inputs
           FROM jsonb_to_recordset($1) AS new(part integer, place integer, pool integer, available integer,
                projected_share float8, planned_share float8, rate_per_day float8, present_rate_per_day float8,
                resupply_days float8, critical_point integer, average_failure_line integer, burst_statistic float8,
                burst_threshold float8, in_burst boolean, inputs jsonb)
           ORDER BY part, place, pool
           ON CONFLICT (part, place, pool) DO UPDATE SET
               assessed_at = excluded.assessed_at, available = excluded.available,
               projected_share = excluded.projected_share, planned_share = excluded.planned_share,
               rate_per_day = excluded.rate_per_day, present_rate_per_day = excluded.present_rate_per_day,
               resupply_days = excluded.resupply_days, critical_point = excluded.critical_point,
               average_failure_line = excluded.average_failure_line, burst_statistic = excluded.burst_statistic,
               burst_threshold = excluded.burst_threshold, in_burst = excluded.in_burst, inputs = excluded.inputs""",
        [_as_row(facts, subject, judgement) for subject, judgement in pairs],
        facts.at,
    )


class ClassStanding(Struct, frozen=True, kw_only=True):
    """A service class as it stood: its projected service, and the target and floor it is held against."""

    code: str
    service: float
    target: float
    floor: float


class _Inputs(Struct, frozen=True, kw_only=True):
    """What a judgement came from, kept with it."""

    row: object
    because: str
    binding_class: str | None
    classes: list[ClassStanding]
    windows: object


def _classes(facts: Facts, critical: CriticalPoint | None) -> list[ClassStanding]:
    """The classes a critical point was reckoned from; none where it came from elsewhere."""
    if critical is None:
        return []
    targets = {each.code: each.target for each in facts.classes}
    floors = dict(critical.floors)
    return [
        ClassStanding(
            code=each.service_class,
            service=each.service,
            target=targets[each.service_class],
            floor=floors[each.service_class],
        )
        for each in critical.services
    ]


def _as_row(facts: Facts, subject: RowFacts, judgement: Judgement) -> dict[str, object]:
    critical, burst = judgement.critical, judgement.burst
    return {
        "part": subject.part,
        "place": subject.place,
        "pool": subject.pool,
        "available": subject.available,
        "projected_share": judgement.share,
        "planned_share": subject.planned_share,
        "rate_per_day": subject.rate_per_day,
        "present_rate_per_day": judgement.row.rate_per_day,
        "resupply_days": subject.resupply_days,
        "critical_point": judgement.point,
        "average_failure_line": judgement.average_line,
        "burst_statistic": burst.statistic if burst else 0.0,
        "burst_threshold": burst.threshold if burst else 0.0,
        "in_burst": judgement.in_burst,
        "inputs": msgspec.to_builtins(
            _Inputs(
                row=judgement.row,
                because="hand_set" if subject.hand_set is not None else critical.because if critical else "unplanned",
                binding_class=critical.binding_class if critical else None,
                classes=_classes(facts, critical),
                windows=burst.windows if burst else (),
            )
        ),
    }


class HandSet(Struct, frozen=True, kw_only=True):
    """A critical point that a person set: by whom, why and until when."""

    point: int
    reason: str
    set_by: str
    set_at: datetime
    expires_at: datetime


class AssessmentView(Struct, frozen=True, kw_only=True):
    """The latest judgement of a row: both lines with what they were reckoned from, as it was stored with them.

    `because` tells what set the critical point: "class" (`binding_class` would fall below its floor), "planned" (others are
    to blame for it, so the row keeps what the plan expects), "nothing", "unplanned" (no plan has the row) or "hand_set".
    `inbound` are the confirmed deliveries that counted, in days from `assessed_at`; `classes` those that the row serves.
    `expected_over_resupply` is the demand of the resupply time at the long-run rate, of which the average-failure line is
    the whole number. `hand_set` is there while such a point is in force. Of stock that answers others' calls too, whoever is
    bound to contracts is told no rates, nothing of bursts, and no `expected_over_resupply`: they count others' failures.
    """

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    assessed_at: datetime
    available: int
    projected_share: float
    planned_share: float
    rate_per_day: float | None
    present_rate_per_day: float | None
    resupply_days: float
    expected_over_resupply: float | None
    critical_point: int
    average_failure_line: int
    burst_statistic: float | None
    burst_threshold: float | None
    in_burst: bool | None
    because: str
    binding_class: str | None
    inbound: list[Inbound]
    classes: list[ClassStanding]
    windows: list[Window]
    hand_set: HandSet | None


async def assessment_views(
    *,
    limit: int,
    seen_by: Actor,
    part_number: str | None = None,
    depot: str | None = None,
    pool: str | None = None,
    bursts_only: bool = False,
) -> list[AssessmentView]:
    """Latest judgements of stock in the reader's stores and for their contracts, the strongest bursts first."""
    own = "($2::text[] IS NULL OR pool.contract IS NOT NULL)"  # a pool of a contract that is seen is the reader's
    counting = ("rate_per_day", "present_rate_per_day", "burst_statistic", "burst_threshold", "in_burst")
    counted = ", ".join(f"CASE WHEN {own} THEN {column} END AS {column}" for column in counting)
    return await db.read(
        AssessmentView,
        f"""SELECT part.part_number, part.name_zh, part.name_en, place.code AS depot, pool.code AS pool, assessed_at,
                  available, projected_share, planned_share, resupply_days, {counted},
                  CASE WHEN {own} THEN rate_per_day * resupply_days END AS expected_over_resupply, critical_point,
                  average_failure_line, inputs->>'because' AS because,
                  inputs->>'binding_class' AS binding_class, inputs->'row'->'inbound' AS inbound,
                  inputs->'classes' AS classes, CASE WHEN {own} THEN inputs->'windows' ELSE '[]' END AS windows,
                  CASE WHEN hand_set_point.id IS NOT NULL THEN jsonb_build_object(
                      'point', hand_set_point.point, 'reason', hand_set_point.reason, 'set_by', set_by, 'set_at', set_at,
                      'expires_at', expires_at) END AS hand_set
           FROM assessment
           JOIN part ON part.id = assessment.part
           JOIN place ON place.id = assessment.place
           JOIN pool ON pool.id = assessment.pool
           LEFT JOIN hand_set_point ON hand_set_point.part = assessment.part AND hand_set_point.place = assessment.place
                AND hand_set_point.pool = assessment.pool AND expires_at > $7
           WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND {serves("pool", "$2")}
             AND ($3::text IS NULL OR part.part_number = $3) AND ($4::text IS NULL OR place.code = $4)
             AND ($5::text IS NULL OR pool.code = $5)
             AND (NOT $6 OR {own} AND (burst_statistic > 0.5 * burst_threshold OR in_burst))
           ORDER BY {own} AND assessment.in_burst DESC,
                    CASE WHEN {own} THEN burst_statistic / nullif(burst_threshold, 0) END DESC NULLS LAST,
                    part.part_number, place.code, pool.code LIMIT $8""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        part_number,
        depot,
        pool,
        bursts_only,
        clock.now(),
        limit,
    )


async def assessment_view(part_number: str, depot: str, *, pool: str, seen_by: Actor) -> AssessmentView:
    """The latest judgement of one part in a store and pool.

    Raises:
        Unknown: nothing was judged there, or not in the reader's scope.

    """
    found = await assessment_views(limit=1, seen_by=seen_by, part_number=part_number, depot=depot, pool=pool)
    if not found:
        raise Unknown(what="assessment", what_zh="库存评估", key=f"{part_number} / {depot} / {pool}")
    return found[0]


@db.atomic
async def set_point_by_hand(
    part: int, place: int, pool: int, point: int, *, reason: str, lasts: timedelta, by: Actor
) -> None:
    """Set a row's critical point by hand, for a while; it counts as it stands (D41)."""
    by.require("emergency.declare")
    now = clock.now()
    await db.execute(
        """INSERT INTO hand_set_point (part, place, pool, point, reason, set_at, set_by, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (part, place, pool) DO UPDATE SET point = excluded.point, reason = excluded.reason,
               set_at = excluded.set_at, set_by = excluded.set_by, expires_at = excluded.expires_at""",
        part,
        place,
        pool,
        point,
        reason,
        now,
        by.name,
        now + lasts,
    )
    await jobs.enqueue(jobs.Assess(part, place, pool))


@db.atomic
async def lift_point(part: int, place: int, pool: int, *, by: Actor) -> int | None:
    """Let a row's critical point be reckoned again; the point that was set by hand, None where none was."""
    by.require("emergency.declare")
    lifted = await db.fetch_value(
        """DELETE FROM hand_set_point WHERE part = $1 AND place = $2 AND pool = $3
           RETURNING CASE WHEN expires_at > $4 THEN point END""",
        part,
        place,
        pool,
        clock.now(),
    )
    await jobs.enqueue(jobs.Assess(part, place, pool))
    return lifted
