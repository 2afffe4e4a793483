"""Questions to the radar: series in alarm and rising, one of them whole, alarms past and present."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, structs

from inventory.emergency import series
from inventory.emergency.series import Dimension
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.installed_base.bursts import in_words, told_to, worded
from inventory.installed_base.failure_counts import DayCount
from inventory.places.reach import reached

AlarmState = Literal["raised", "over", "withdrawn"]

CHART_DAYS = 90
"""How far back a series' failures are told day by day."""


class SeriesView(Struct, frozen=True, kw_only=True):
    """A series of the radar: how many failed in 1, 7 and 30 days and were expected, and what holds more than its share.

    `failures` and `expected` count since the run began. `statistic` alarms at `threshold`; it is tested against
    `allowance` times the expected rate, for rates that are not well known.
    """

    id: UUID
    dimension: Dimension
    name: str
    in_alarm: bool
    statistic: float
    threshold: float
    strength: float
    failures: int
    expected: float
    failures_1: int
    expected_1: float
    failures_7: int
    expected_7: float
    failures_30: int
    expected_30: float
    rate_per_day: float
    present_rate_per_day: float
    rate_shape: float
    allowance: float
    began_at: datetime | None
    alarmed_at: datetime | None
    looked_at: datetime
    concentrations: Any
    windows: Any
    receipt: str | None
    part_number: str | None
    told_en: str = ""
    told_zh: str = ""


class AlarmView(Struct, frozen=True, kw_only=True):
    """A burst that the radar found; one that the records no longer bear out is withdrawn, and stays."""

    id: UUID
    number: str
    dimension: Dimension
    name: str
    state: AlarmState
    began_at: datetime
    alarmed_at: datetime
    noticed_at: datetime
    ended_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_because: str | None
    failures: int
    expected: float
    policy_version: int
    evidence: Any


class RadarHead(Struct, frozen=True, kw_only=True):
    """How many series the radar watches, how many alarm, and what it states."""

    series: int
    looked_at: datetime | None
    in_alarm: int
    rising: int
    false_alarms_per_year: float
    burst_ratio: float


# series of the whole house are for those who see the whole house; a site's are for whom it is in reach, a batch's for
# the store that took it in; nobody who is bound to contracts sees what other customers' machines do
def seen(depots: str, contracts: str) -> str:
    """The condition that a reader may know of a series or alarm (a joined `radar` row)."""
    return f"""({depots}::text[] IS NULL
                OR (radar.dimension = 'batch' AND (SELECT code FROM place WHERE id = radar.place) = ANY({depots}))
                OR (radar.dimension = 'site' AND {reached("radar.place", depots)}))
               AND {contracts}::text[] IS NULL"""


_SEEN = seen("$1", "$2")

_SERIES = """SELECT radar.id, dimension, name, in_alarm, statistic, threshold, strength, failures, expected,
        (windows->0->>'failures')::int AS failures_1, (windows->0->>'expected')::float8 AS expected_1,
        (windows->1->>'failures')::int AS failures_7, (windows->1->>'expected')::float8 AS expected_7,
        (windows->2->>'failures')::int AS failures_30, (windows->2->>'expected')::float8 AS expected_30,
        rate_per_day, present_rate_per_day, rate_shape, allowance, began_at, alarmed_at, looked_at, concentrations, windows,
        CASE WHEN dimension = 'batch' THEN split_part(name, ' · ', 1) END AS receipt,
        CASE dimension WHEN 'batch' THEN substr(name, strpos(name, ' · ') + 3) WHEN 'part' THEN name END AS part_number
    FROM radar_series AS radar"""


SeriesKey = tuple[bool, float, UUID]
"""What a series in the list is found again by: the strongest stand first."""


def key_of(view: SeriesView) -> SeriesKey:
    """Where in the list a series stands."""
    return view.in_alarm, view.strength, view.id


async def series_views(
    *,
    limit: int,
    seen_by: Actor,
    after: SeriesKey | None = None,
    dimension: Dimension | None = None,
    all_of_them: bool = False,
) -> list[SeriesView]:
    """Series in alarm and rising (or all in which something failed within a year), the strongest first."""
    found = await db.read(
        SeriesView,
        f"""{_SERIES}
            WHERE {_SEEN} AND ($3::text IS NULL OR dimension = $3) AND ($4 OR in_alarm OR strength >= 0.5)
              AND ($5::boolean IS NULL OR (in_alarm, strength, radar.id) < ($5, $6, $7::uuid))
            ORDER BY in_alarm DESC, strength DESC, radar.id DESC LIMIT $8""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        dimension,
        all_of_them,
        *(after or (None, None, None)),
        limit,
    )
    return await _told(found, seen_by)


async def _told(views: Sequence[SeriesView], reader: Actor) -> list[SeriesView]:
    shown = await told_to(reader, [view.concentrations for view in views])
    return [structs.replace(view, **worded(view.windows, told)) for view, told in zip(views, shown, strict=True)]


async def series_view(which: UUID, *, seen_by: Actor) -> SeriesView:
    """One series.

    Raises:
        Unknown: no such series in the reader's reach, or nothing failed in it for a year.

    """
    view = await db.read_one(
        SeriesView,
        f"{_SERIES} WHERE {_SEEN} AND radar.id = $3",
        seen_by.depot_scope,
        seen_by.contract_scope,
        which,
    )
    if view is None:
        raise Unknown(what="radar series", what_zh="监测序列", key=str(which))
    return (await _told([view], seen_by))[0]


async def days_of(which: UUID, *, seen_by: Actor) -> list[DayCount]:
    """A series' failures day by day (of the house's time zone), quiet days included.

    Raises:
        Unknown: no such series in the reader's reach.

    """
    await series_view(which, seen_by=seen_by)
    row = await db.fetch_one("SELECT dimension, subject FROM radar_series WHERE id = $1", which)
    if row is None:
        raise AssertionError("a series that was just seen is there")
    now = clock.now()
    since = now - timedelta(days=CHART_DAYS)
    failed = await series.failed_in((row["dimension"], row["subject"]), since, now)
    counted = Counter(each.at.astimezone(clock.ZONE).date() for each in failed)
    today = now.astimezone(clock.ZONE).date()
    return [
        DayCount(day, counted[day]) for day in (today - timedelta(days=back) for back in range(CHART_DAYS - 1, -1, -1))
    ]


async def part_words(part_number: str) -> dict[str, str] | None:
    """What the radar says of a part as a whole while it is in alarm or rising, for the evidence of a case."""
    row = await db.fetch_one(
        """SELECT windows, concentrations FROM radar_series JOIN part ON part.id::text = radar_series.subject
           WHERE dimension = 'part' AND part.part_number = $1 AND (in_alarm OR strength >= 0.5)""",
        part_number,
    )
    if row is None:
        return None
    return {language: in_words(row["windows"], row["concentrations"], language) for language in ("en", "zh")}


async def head(*, seen_by: Actor) -> RadarHead | None:
    """What the radar watches and states; None while no policy is in force."""
    return await db.read_one(
        RadarHead,
        f"""SELECT coalesce((SELECT series FROM radar_round), 0) AS series, (SELECT looked_at FROM radar_round),
                   (SELECT count(*)::int FROM radar_series AS radar WHERE {_SEEN} AND in_alarm) AS in_alarm,
                   (SELECT count(*)::int FROM radar_series AS radar
                    WHERE {_SEEN} AND NOT in_alarm AND strength >= 0.5) AS rising,
                   false_alarms_per_year, burst_ratio
            FROM activation_policy WHERE valid_from <= $3 ORDER BY version DESC LIMIT 1""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        clock.now(),
    )


async def alarms(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: AlarmState | None = None,
    dimension: Dimension | None = None,
    of_series: UUID | None = None,
) -> list[AlarmView]:
    """Alarms in the reader's reach, latest noticed first; to who is bound to stores, with what of the evidence is in reach."""
    found = await db.read(
        AlarmView,
        f"""SELECT radar.id, radar.number, radar.dimension, radar.name, radar.state, radar.began_at, radar.alarmed_at,
                   noticed_at, ended_at, withdrawn_at, withdrawn_because, radar.failures, radar.expected, policy_version,
                   evidence
            FROM radar_alarm AS radar
            WHERE {_SEEN} AND ($3::text IS NULL OR radar.state = $3) AND ($4::text IS NULL OR radar.dimension = $4)
              AND ($5::uuid IS NULL OR EXISTS (
                  SELECT FROM radar_series AS own
                  WHERE own.id = $5 AND own.dimension = radar.dimension AND own.subject = radar.subject))
              AND ($6::uuid IS NULL OR radar.id < $6)
            ORDER BY radar.id DESC LIMIT $7""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        state,
        dimension,
        of_series,
        after,
        limit,
    )
    if seen_by.depots is None:
        return found
    shown = await told_to(seen_by, [view.evidence["concentrations"] for view in found])
    return [
        structs.replace(view, evidence={**view.evidence, **worded(view.evidence["windows"], told)})
        for view, told in zip(found, shown, strict=True)
    ]
