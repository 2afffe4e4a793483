"""The burst radar (故障突发监测): reading series from the records as they are now, and what becomes of alarms.

A reading is a pure function of the records: one that came late counts from now on as if it had been known in time, one that
was taken back as if it had never been. Alarms are kept: one that the records no longer bear out is withdrawn, never deleted.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from inventory.emergency import series
from inventory.emergency.facts import ROWS_WATCHED
from inventory.emergency.policy import Policy, policy_at
from inventory.emergency.series import Key, Reading
from inventory.ground import clock, db, events, steps
from inventory.ground.actor import service
from inventory.ground.events import NewEvent
from inventory.ground.numbers import next_number
from inventory.installed_base.bursts import OF_EVERYBODY, in_words
from inventory.installed_base.failures import REMEMBERED
from optimizer.burst import Alarm, Window
from optimizer.radar import Concentration

Why = Literal["records", "rates"]
"""What took an alarm back: other records, or other beliefs about rates and the installed base."""

HAIR = timedelta(milliseconds=1)
"""How far a moment may be off that was counted in days from the beginning of the memory."""

LOOK_WITHIN = timedelta(hours=1)
"""How soon somebody must look into an alarm before that is handed up."""

LOOK = "look_into_burst"

LOOKED_AT = ("part", "batch", "firmware", "model", "supplier", "site")
"""Of alarms over the same failures, which is looked into: parts burst, the others tell where."""

RADAR = service("radar")

RISING = 0.5
"""From this part of its threshold on, a series is rising: shown, and looked into."""


@db.atomic
async def look(device: int, part: int) -> None:
    """Read the series anew that a failure of a part in a device belongs to: the work of one change."""
    await _lock()
    found = await series.touched(device, part)
    if found is None:
        return
    now = clock.now()
    failed = await series.failed_since(now - REMEMBERED, now, found)
    kept = await db.fetch(
        "SELECT dimension, subject FROM radar_series WHERE dimension = 'batch' AND subject LIKE '%:' || $1::int", part
    )
    keys = found.series_of(part, failed, [(row["dimension"], row["subject"]) for row in kept])
    await _read(keys, failed, now, why="records")


@db.atomic
async def look_at_all() -> int:
    """Read every series anew in which something failed lately, and count those that are watched; how many those are."""
    await _lock()
    now = clock.now()
    watched = await series.count() + await db.fetch_value(f"SELECT {ROWS_WATCHED}")
    await db.execute(
        """INSERT INTO radar_round (id, looked_at, series) VALUES (1, $1, $2)
           ON CONFLICT (id) DO UPDATE SET looked_at = excluded.looked_at, series = excluded.series""",
        now,
        max(watched, 1),
    )
    failed = await series.failed_since(now - REMEMBERED, now)
    kept = await db.fetch(
        """SELECT dimension, subject FROM radar_series
           UNION SELECT dimension, subject FROM radar_alarm WHERE state = 'raised'"""
    )
    keys = [
        *(key for each in failed for key in each.belongs_to()),
        *((row["dimension"], row["subject"]) for row in kept),
    ]
    await _read(list(dict.fromkeys(keys)), failed, now, why="rates")
    return watched


async def _lock() -> None:
    """Let one reading follow the other: each sees what the records say as it begins."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('radar'))")


async def _read(keys: Sequence[Key], failed: Sequence[series.Failed], now: datetime, *, why: Why) -> None:
    policy = await policy_at(now)
    watched = await db.fetch_value("SELECT series FROM radar_round")
    if watched is None:  # the first failure came before the first look at all
        watched = await series.count() + await db.fetch_value(f"SELECT {ROWS_WATCHED}")
    exposed: dict[Key, list[series.Exposed]] = defaultdict(list)
    for each in await series.exposed_of(keys, now - REMEMBERED):
        exposed[each.dimension, each.subject].append(each)
    believed = await series.beliefs({each.part for of_key in exposed.values() for each in of_key})
    of: dict[Key, list[series.Failed]] = {key: [] for key in keys}
    for each in failed:
        for key in each.belongs_to():
            if key in of:
                of[key].append(each)
    readings: dict[Key, Reading] = {}
    for key in keys:
        reading = series.read(key, of[key], exposed[key], believed, policy=policy, series=max(watched, 1), now=now)
        if reading is not None:
            readings[key] = reading
    rising = {
        key: _moment(now, reading.burst.began_at)
        for key, reading in readings.items()
        if reading.burst.began_at is not None
        and (reading.burst.in_alarm or reading.burst.statistic >= RISING * reading.burst.threshold)
    }
    shares = await series.shares_of(rising) if rising else {}
    found = {key: series.concentrations_of(key, of[key], began, shares[key]) for key, began in rising.items()}
    others = {(each.dimension, each.value) for told in found.values() for each in told}
    names = await series.names_of({*keys, *others})
    told = {key: _named(each, names) for key, each in found.items()}
    await _keep(keys, readings, told, names, now)
    await _follow(keys, readings, told, names, policy, now, why=why)
    await _have_one_looked_into(of, now)


def _moment(now: datetime, days: float) -> datetime:
    """A moment of the memory, counted in days from its beginning; a hair earlier, so that what began then is in it."""
    return _at(now, days) - HAIR


def _named(found: Sequence[Concentration], names: Mapping[Key, tuple[str, int | None]]) -> list[dict[str, Any]]:
    return [
        {**msgspec.to_builtins(each), "name": names[each.dimension, each.value][0]}
        for each in found
        if (each.dimension, each.value) in names
    ]


async def _keep(
    keys: Collection[Key],
    readings: Mapping[Key, Reading],
    told: Mapping[Key, Sequence[Mapping[str, Any]]],
    names: Mapping[Key, tuple[str, int | None]],
    now: datetime,
) -> None:
    """Write the readings down; a series in which nothing failed for as long as the radar remembers is forgotten."""
    quiet = [key for key in keys if key not in readings or not readings[key].burst.times_days]
    await db.execute(
        """DELETE FROM radar_series USING unnest($1::text[], $2::text[]) AS quiet(dimension, subject)
           WHERE radar_series.dimension = quiet.dimension AND radar_series.subject = quiet.subject""",
        [dimension for dimension, _ in quiet],
        [subject for _, subject in quiet],
    )
    rows = [
        {
            "dimension": key[0],
            "subject": key[1],
            "name": names[key][0],
            "place": names[key][1],
            "rate_per_day": reading.burst.rate_per_day,
            "rate_shape": reading.rate_shape,
            "present_rate_per_day": reading.burst.present_rate_per_day,
            "allowance": reading.burst.allowance,
            "statistic": reading.burst.statistic,
            "threshold": reading.burst.threshold,
            "strength": reading.burst.statistic / reading.burst.threshold,
            "in_alarm": reading.burst.in_alarm,
            "began_at": None if reading.burst.began_at is None else _at(now, reading.burst.began_at),
            "alarmed_at": None if reading.burst.alarmed_at is None else _at(now, reading.burst.alarmed_at),
            "failures": reading.burst.run_failures,
            "expected": reading.burst.run_expected,
            "windows": msgspec.to_builtins(reading.burst.windows),
            "concentrations": told.get(key, []),
        }
        for key, reading in readings.items()
        if reading.burst.times_days and key in names
    ]
    columns = """dimension, subject, name, place, rate_per_day, rate_shape, present_rate_per_day, allowance, statistic,
        threshold, strength, in_alarm, began_at, alarmed_at, failures, expected, windows, concentrations"""
    await db.execute(
        f"""INSERT INTO radar_series ({columns}, looked_at)
            SELECT {columns}, $2 FROM jsonb_to_recordset($1) AS new(dimension text, subject text, name text, place integer,
                rate_per_day float8, rate_shape float8, present_rate_per_day float8, allowance float8, statistic float8,
                threshold float8, strength float8, in_alarm boolean, began_at timestamptz, alarmed_at timestamptz,
                failures integer, expected float8, windows jsonb, concentrations jsonb)
            ON CONFLICT (dimension, subject) DO UPDATE SET
                name = excluded.name, place = excluded.place, looked_at = excluded.looked_at,
                rate_per_day = excluded.rate_per_day, rate_shape = excluded.rate_shape,
                present_rate_per_day = excluded.present_rate_per_day, allowance = excluded.allowance,
                statistic = excluded.statistic, threshold = excluded.threshold, strength = excluded.strength,
                in_alarm = excluded.in_alarm, began_at = excluded.began_at, alarmed_at = excluded.alarmed_at,
                failures = excluded.failures, expected = excluded.expected, windows = excluded.windows,
                concentrations = excluded.concentrations""",
        rows,
        now,
    )


def _at(now: datetime, days: float) -> datetime:
    return now - REMEMBERED + timedelta(days=days)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that is kept and not withdrawn."""

    id: Any
    number: str
    dimension: str
    subject: str
    name: str
    place_code: str | None
    state: str
    began_at: datetime
    alarmed_at: datetime
    ended_at: datetime | None
    failures: int
    expected: float


async def _follow(
    keys: Sequence[Key],
    readings: Mapping[Key, Reading],
    told: Mapping[Key, Sequence[Mapping[str, Any]]],
    names: Mapping[Key, tuple[str, int | None]],
    policy: Policy,
    now: datetime,
    *,
    why: Why,
) -> None:
    """Raise, end and withdraw alarms, so that those which stand are those that the records bear out."""
    rows = await db.read(
        _Kept,
        """SELECT radar_alarm.id, number, dimension, subject, name, place.code AS place_code, state, began_at, alarmed_at,
                  ended_at, failures, expected
           FROM radar_alarm LEFT JOIN place ON place.id = radar_alarm.place
           WHERE (dimension, subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))
             AND state <> 'withdrawn' AND (state = 'raised' OR ended_at > $3)
           ORDER BY began_at, radar_alarm.id""",
        [dimension for dimension, _ in keys],
        [subject for _, subject in keys],
        now - REMEMBERED,
    )
    kept: dict[Key, list[_Kept]] = defaultdict(list)
    for row in rows:
        kept[row.dimension, row.subject].append(row)
    renewed: list[tuple[_Kept, _Kept]] = []
    lapsed: list[_Kept] = []
    for key in keys:
        reading = readings.get(key)
        left = kept[key]
        for alarm in reading.alarms if reading is not None else []:
            began, ended = _at(now, alarm.began_at), None if alarm.ended_at is None else _at(now, alarm.ended_at)
            same = next((each for each in left if _overlap(each, began, ended)), None)
            if same is not None:
                left.remove(same)
                renewed.append((same, _renewed(same, alarm, now)))
            elif reading is not None and key in names:
                await _raise(key, reading, alarm, told.get(key, []), names[key], policy, now)
        lapsed += left
    await _renew(renewed)
    await _lapse(lapsed, now, why=why)


def _overlap(kept: _Kept, began: datetime, ended: datetime | None) -> bool:
    """Whether a kept alarm and one that was found are the same run."""
    return (ended is None or kept.began_at <= ended) and (kept.ended_at is None or began <= kept.ended_at)


async def _raise(
    key: Key,
    reading: Reading,
    alarm: Alarm,
    told: Sequence[Mapping[str, Any]],
    name: tuple[str, int | None],
    policy: Policy,
    now: datetime,
) -> None:
    number = await next_number("RA")
    test = reading.burst
    going_on = alarm.ended_at is None
    windows = msgspec.to_builtins(test.windows if going_on else [_whole_of(alarm)])
    told = list(told) if going_on else []  # what is told of the present run is nothing of one that was over before
    evidence = {
        "windows": windows,
        "concentrations": told,
        "rate_per_day": test.rate_per_day,
        "rate_shape": reading.rate_shape,
        "allowance": test.allowance,
        "threshold": test.threshold,
        "peak": test.peak if going_on else None,
        "told_en": in_words(windows, told, "en"),
        "told_zh": in_words(windows, told, "zh"),
    }
    place = await db.fetch_value(
        """WITH made AS (
               INSERT INTO radar_alarm (number, dimension, subject, name, place, state, policy_version, began_at, alarmed_at,
                                        noticed_at, ended_at, failures, expected, evidence)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING place)
           SELECT place.code FROM made JOIN place ON place.id = made.place""",
        number,
        *key,
        *name,
        "raised" if going_on else "over",
        policy.version,
        _at(now, alarm.began_at),
        _at(now, alarm.alarmed_at),
        now,
        None if alarm.ended_at is None else _at(now, alarm.ended_at),
        alarm.failures,
        alarm.expected,
        evidence,
    )
    # many stores may read of a site or a batch: no other site, batch or supplier is named to them
    for_all = told if name[1] is None else [each for each in told if each["dimension"] in OF_EVERYBODY]
    said = {f"told_{language}": in_words(windows, for_all, language) for language in ("en", "zh")}
    await events.emit_many([_told("raised", number, key[0], name[0], place, said)])


def _whole_of(alarm: Alarm) -> Window:
    """The time of an alarm that was over before anybody knew of it."""
    ended = alarm.began_at if alarm.ended_at is None else alarm.ended_at
    return Window(max(1.0, ended - alarm.began_at), alarm.failures, alarm.expected, 0.0)


def _renewed(kept: _Kept, alarm: Alarm, now: datetime) -> _Kept:
    """An alarm as the records have it now; it may be over, or going on again."""
    began, alarmed = _at(now, alarm.began_at), _at(now, alarm.alarmed_at)
    if kept.began_at < now - REMEMBERED:  # an alarm older than the memory began when it began
        began, alarmed = min(kept.began_at, began), kept.alarmed_at
    return msgspec.structs.replace(
        kept,
        state="raised" if alarm.ended_at is None else "over",
        began_at=began,
        alarmed_at=alarmed,
        ended_at=None if alarm.ended_at is None else _at(now, alarm.ended_at),
        failures=alarm.failures,
        expected=alarm.expected,
    )


async def _renew(alarms: Sequence[tuple[_Kept, _Kept]]) -> None:
    """Write down the alarms that are no longer what they were, each beside what it was."""
    changed = [(before, after) for before, after in alarms if not _alike(before, after)]
    if not changed:
        return
    await db.execute(
        """UPDATE radar_alarm SET state = new.state, began_at = new.began_at, alarmed_at = new.alarmed_at,
                  ended_at = new.ended_at, failures = new.failures, expected = new.expected
           FROM jsonb_to_recordset($1) AS new(id uuid, state text, began_at timestamptz, alarmed_at timestamptz,
                ended_at timestamptz, failures integer, expected float8)
           WHERE radar_alarm.id = new.id""",
        [msgspec.to_builtins(after) for _, after in changed],
    )
    turned = [after for before, after in changed if before.state != after.state]
    await events.emit_many(
        [_told(after.state, after.number, after.dimension, after.name, after.place_code, {}) for after in turned]
    )
    await steps.finish_all("radar_alarm", [after.number for after in turned if after.state != "raised"], by=RADAR)


def _alike(before: _Kept, after: _Kept) -> bool:
    """Whether an alarm stayed what it was; moments are reckoned from the present one, and so alike but for a hair."""
    moments = [(before.began_at, after.began_at), (before.alarmed_at, after.alarmed_at)]
    if before.ended_at is not None and after.ended_at is not None:
        moments.append((before.ended_at, after.ended_at))
    return (
        (before.state, before.failures) == (after.state, after.failures)
        and math.isclose(before.expected, after.expected, rel_tol=1e-6)
        and all(abs(one - other) < HAIR for one, other in moments)
    )


async def _lapse(alarms: Sequence[_Kept], now: datetime, *, why: Why) -> None:
    """See alarms go that nothing bears out: withdrawn, or over where they began before what is remembered.

    Two statements, however many.
    """
    gone: list[tuple[_Kept, str]] = []
    for kept in alarms:
        if kept.began_at >= now - REMEMBERED:
            gone.append((kept, "withdrawn"))
        elif kept.state == "raised":
            gone.append((kept, "over"))
    if not gone:
        return
    await db.execute(
        """UPDATE radar_alarm SET state = gone.state,
                  withdrawn_at = CASE WHEN gone.state = 'withdrawn' THEN $3::timestamptz END,
                  withdrawn_because = CASE WHEN gone.state = 'withdrawn' THEN $4 END,
                  ended_at = CASE WHEN gone.state = 'over' THEN $3::timestamptz ELSE ended_at END
           FROM unnest($1::uuid[], $2::text[]) AS gone(id, state) WHERE radar_alarm.id = gone.id""",
        [kept.id for kept, _ in gone],
        [state for _, state in gone],
        now,
        why,
    )
    await events.emit_many(
        [
            _told(
                state,
                kept.number,
                kept.dimension,
                kept.name,
                kept.place_code,
                {"because": why} if state == "withdrawn" else {},
            )
            for kept, state in gone
        ]
    )
    await steps.finish_all("radar_alarm", [kept.number for kept, _ in gone], by=RADAR)


class _Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that counts failures in what was read; `looked_into` where somebody has, or had, the duty to look."""

    number: str
    dimension: str
    subject: str
    place_code: str | None
    raised: bool
    began_at: datetime
    ended_at: datetime | None
    looked_into: bool

    def counts(self, failed: Sequence[series.Failed]) -> set[int]:
        """Which of a series' failures are of this alarm."""
        began = self.began_at - HAIR
        return {id(each) for each in failed if began <= each.at and (self.ended_at is None or each.at <= self.ended_at)}


async def _have_one_looked_into(of: Mapping[Key, Sequence[series.Failed]], now: datetime) -> None:
    """Have somebody look into each burst once, however many series raised an alarm over its failures.

    An alarm needs no look of its own where at least half of its failures are those of alarms that are, or were, looked into.
    """
    rows = await db.read(
        _Standing,
        """SELECT number, dimension, radar_alarm.subject, place.code AS place_code, state = 'raised' AS raised, began_at,
                  ended_at, EXISTS (SELECT FROM step WHERE kind = $4 AND subject_kind = 'radar_alarm'
                                      AND step.subject = radar_alarm.number
                                      AND (done_at IS NULL OR done_by <> $5)) AS looked_into
           FROM radar_alarm LEFT JOIN place ON place.id = radar_alarm.place
           WHERE (dimension, radar_alarm.subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))
             AND (state = 'raised' OR state = 'over' AND ended_at > $3)
           ORDER BY radar_alarm.id""",
        [dimension for dimension, _ in of],
        [subject for _, subject in of],
        now - REMEMBERED,
        LOOK,
        RADAR.name,
    )
    counted = {row.number: row.counts(of[row.dimension, row.subject]) for row in rows}
    explained = set[int]().union(*(counted[row.number] for row in rows if row.looked_into))
    left = [row for row in rows if row.raised and not row.looked_into]
    for row in sorted(left, key=lambda row: (LOOKED_AT.index(row.dimension), -len(counted[row.number]))):
        mine = counted[row.number]
        if mine and 2 * len(mine & explained) >= len(mine):
            continue
        explained |= mine
        await steps.begin(
            LOOK,
            "radar_alarm",
            row.number,
            owner_role="quality_supervisor",
            depot=row.place_code if row.dimension == "batch" else None,
            due_at=now + LOOK_WITHIN,
        )


def _told(what: str, number: str, dimension: str, name: str, place: str | None, more: Mapping[str, Any]) -> NewEvent:
    return NewEvent(
        kind=f"radar_alarm.{what}",
        subject_kind="radar_alarm",
        subject=number,
        payload={"number": number, "dimension": dimension, "name": name, **more},
        depot=place,
        closed=True,
    )
