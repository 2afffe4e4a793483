"""What our own history teaches: failure rates, factors of age, environment and firmware, and repairs that came too late.

Each learning is dated and kept with its evidence; the newest one holds.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.catalogue.register import NewFailureRate, enter_failure_rates
from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown
from inventory.planning import sentences
from optimizer.factors import AGE_BANDS, Cell, Level, effective_years, fit_factors
from optimizer.rates import posterior
from optimizer.swaps import MissedLimit, missed_limit

AGAIN_AFTER = timedelta(days=28)
"""Without new failures, how long until the quiet time itself is worth learning from."""

AGES = [low for _, low, _ in AGE_BANDS[1:]]
"""The years at which devices pass from one band of age to the next."""

Factors = Mapping[str, Mapping[tuple[str, str], float]]
"""By kind of part, the factor of every level of every dimension."""


class NothingToLearnFrom(Invalid):
    """There is no history between {since} and {until}."""

    zh = "{since} 至 {until} 之间没有可供学习的历史。"
    help_en = "Name a first day before today."
    help_zh = "起始日须早于今天。"


class PartHistory(Struct, frozen=True, kw_only=True):
    """A part's prior belief and what was observed since, by the levels of the devices it failed in."""

    part_number: str
    kind: str
    prior_shape: float
    prior_exposure: float
    prior_source: str
    cells: list[Cell]

    @property
    def failures(self) -> int:
        """All failures, also where the parts list does not know of any exposure."""
        return sum(cell.failures for cell in self.cells)

    @property
    def piece_years(self) -> float:
        """All exposure."""
        return sum(cell.device_years for cell in self.cells)


class FactorView(Struct, frozen=True, kw_only=True):
    """How many times as often parts of a kind fail in devices of a level, with the evidence."""

    kind: str
    dimension: str
    level: str
    device_years: float
    failures: int
    expected: float
    factor: float
    lower: float
    upper: float


class MissedView(Struct, frozen=True, kw_only=True):
    """How many repairs of a service class missed their limit, and the chance that makes; assumed without a record."""

    service_class: str
    repairs: int
    late: int
    chance: float
    lower: float
    upper: float
    rate_shape: float
    assumed: bool


class LearningSummary(Struct, frozen=True, kw_only=True):
    """One learning: from which days, by whom, from how many failures, for how many parts."""

    id: UUID
    learned_at: datetime
    learned_by: str
    since: date
    until: date
    failures: int
    parts: int


class Learning(Struct, frozen=True, kw_only=True):
    """One learning with what it found besides the rates, which stand at the parts."""

    learning: LearningSummary
    factors: list[FactorView]
    missed: list[MissedView]


async def histories(since: date, until: date) -> list[PartHistory]:
    """Every part in use with its prior (record or assumption) and its history between two days."""
    priors = await db.fetch(_PRIORS, until)
    cells: dict[int, list[Cell]] = defaultdict(list)
    for row in await db.fetch(_CELLS, since, until, [0.0, *AGES], [*AGES, FOREVER]):
        known = {"age": AGE_BANDS[row["age"]][0], "environment": row["environment"], "firmware": row["firmware"]}
        levels = {dimension: level for dimension, level in known.items() if level is not None}
        cells[row["part"]].append(Cell(row["part_number"], levels, row["piece_years"], row["failures"]))
    return [
        PartHistory(
            part_number=row["part_number"],
            kind=row["kind"],
            prior_shape=row["shape"],
            prior_exposure=row["exposure_device_years"],
            prior_source=row["source"],
            cells=cells[row["part"]],
        )
        for row in priors
        if any(cell.device_years > 0 for cell in cells[row["part"]])
    ]


def factors_learned(found: Sequence[PartHistory]) -> dict[str, list[Level]]:
    """The factors of each kind of part; drives do not age as fans do."""
    kinds: dict[str, list[PartHistory]] = defaultdict(list)
    for part in found:
        kinds[part.kind].append(part)
    return {
        kind: fit_factors(
            [cell for part in parts for cell in part.cells if cell.device_years > 0],
            {part.part_number: (part.prior_shape, part.prior_exposure) for part in parts},
        )
        for kind, parts in kinds.items()
    }


def learned(
    found: Sequence[PartHistory], factors: Mapping[str, Sequence[Level]], since: date, until: date
) -> list[NewFailureRate]:
    """What is to be believed now: the Gamma posterior of each prior given its history in average devices' years."""
    rates: list[NewFailureRate] = []
    for part in found:
        times = {(level.dimension, level.level): level.factor for level in factors[part.kind]}
        worth = effective_years(part.cells, times)[part.part_number]
        rate = posterior(part.prior_shape, part.prior_exposure, part.failures, worth)
        rates.append(
            NewFailureRate(
                part=part.part_number,
                valid_from=until,
                annual_rate=rate.mean,
                shape=rate.shape,
                exposure_device_years=rate.exposure,
                failures=part.failures,
                device_years=part.piece_years,
                source="history",
                evidence=sentences.LEARNED.format(
                    source=part.prior_source,
                    shape=f"{part.prior_shape:.4g}",
                    exposure=f"{part.prior_exposure:.4g}",
                    failures=part.failures,
                    piece_years=f"{part.piece_years:.1f}",
                    since=since,
                    until=until,
                    worth=f"{worth:.1f}",
                    lower=f"{rate.lower:.4f}",
                    upper=f"{rate.upper:.4f}",
                ),
            )
        )
    return rates


@db.atomic
async def learn(since: date, until: date, *, by: Actor) -> LearningSummary:
    """Learn from the history between two days, the first one included.

    Raises:
        NothingToLearnFrom: the days are none.

    """
    by.require("plans.make")
    if since >= until:
        raise NothingToLearnFrom(since=since.isoformat(), until=until.isoformat())
    found = await histories(since, until)
    factors = factors_learned(found)
    rates = learned(found, factors, since, until)
    learning = await db.fetch_value(
        """INSERT INTO learning (learned_at, learned_by, since, until, failures, parts)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
        clock.now(),
        by.name,
        since,
        until,
        sum(part.failures for part in found),
        len(found),
    )
    await db.execute(
        """INSERT INTO failure_factor (learning, kind, dimension, level, device_years, failures, expected, factor,
                                       lower, upper)
           SELECT $1, kind, dimension, level, device_years, failures, expected, factor, lower, upper
           FROM jsonb_to_recordset($2) AS new(kind text, dimension text, level text, device_years float8,
                failures integer, expected float8, factor float8, lower float8, upper float8)""",
        learning,
        [{"kind": kind, **msgspec.to_builtins(level)} for kind, levels in factors.items() for level in levels],
    )
    await db.execute(
        """INSERT INTO missed_limit (learning, service_class, repairs, late, chance, lower, upper, rate_shape)
           SELECT $1, service_class, repairs, late, chance, lower, upper, rate_shape
           FROM jsonb_to_recordset($2) AS new(service_class integer, repairs integer, late integer, chance float8,
                lower float8, upper float8, rate_shape float8)""",
        learning,
        [
            {"service_class": row["service_class"], **_missed(missed_limit(repairs=row["repairs"], late=row["late"]))}
            for row in await db.fetch(_REPAIRS, since, until)
        ],
    )
    held = {row[0]: tuple(row)[1:] for row in await db.fetch(_HELD, until)}
    await enter_failure_rates([rate for rate in rates if held.get(rate.part) != _belief(rate)], by=by)
    await audit.record("rates.learned", "learning", str(learning), by=by, change={"since": since, "until": until})
    return await summary(learning)


def _belief(rate: NewFailureRate) -> tuple[float, ...]:
    return rate.annual_rate, rate.shape, rate.exposure_device_years, rate.failures, rate.device_years


def _missed(found: MissedLimit) -> dict[str, float]:
    return {
        "repairs": found.repairs,
        "late": found.late,
        "chance": found.chance,
        "lower": found.lower,
        "upper": found.upper,
        "rate_shape": found.rate_shape,
    }


async def learn_anew(until: date, *, by: Actor, since: date | None = None) -> LearningSummary:
    """Learn from all that was recorded until a day; from the day named, as the last time, or since the records began.

    Raises:
        NothingToLearnFrom: there are no records yet, or they begin on that day.

    """
    began = since or await db.fetch_value(_BEGAN)
    if began is None:
        raise NothingToLearnFrom(since=until.isoformat(), until=until.isoformat())
    return await learn(began, until, by=by)


async def learn_when_due(until: date, *, by: Actor) -> LearningSummary | None:
    """Learn anew if a failure was recorded or withdrawn since the last time, or that was four weeks ago."""
    due = await db.fetch_value(_DUE, until, AGAIN_AFTER)
    return await learn_anew(until, by=by) if due else None


_SUMMARY = "SELECT id, learned_at, learned_by, since, until, failures, parts FROM learning"


async def summary(learning: UUID) -> LearningSummary:
    """One learning in short.

    Raises:
        Unknown: no such learning.

    """
    found = await db.read_one(LearningSummary, f"{_SUMMARY} WHERE id = $1", learning)
    if found is None:
        raise Unknown(what="learning", what_zh="学习记录", key=str(learning))
    return found


async def learnings(*, limit: int, after: UUID | None = None) -> list[LearningSummary]:
    """Learnings, newest first."""
    return await db.read(
        LearningSummary, f"{_SUMMARY} WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2", after, limit
    )


async def learning_detail(learning: UUID) -> Learning:
    """One learning with its factors and the repairs that came too late.

    Raises:
        Unknown: no such learning.

    """
    return Learning(
        learning=await summary(learning), factors=await factors_of(learning), missed=await missed_of(learning)
    )


async def newest(by_then: datetime | None = None) -> UUID | None:
    """The learning that holds, or held at an instant."""
    return await db.fetch_value(
        "SELECT id FROM learning WHERE $1::timestamptz IS NULL OR learned_at <= $1 ORDER BY id DESC LIMIT 1", by_then
    )


async def factors_of(learning: UUID | None, *, kind: str | None = None) -> list[FactorView]:
    """The factors of a learning, of all kinds of parts or of one; by kind, dimension and level."""
    return await db.read(
        FactorView,
        """SELECT kind, dimension, level, device_years, failures, expected, factor, lower, upper FROM failure_factor
           WHERE learning = $1 AND ($2::text IS NULL OR kind = $2) ORDER BY kind, dimension, level LIMIT 20000""",
        learning,
        kind,
    )


async def missed_of(learning: UUID | None) -> list[MissedView]:
    """How often repairs of each service class miss their limit: as learned, or else as assumed."""
    assumed = _missed(missed_limit(repairs=0, late=0))
    return await db.read(
        MissedView,
        """SELECT code AS service_class, coalesce(repairs, 0) AS repairs, coalesce(late, 0) AS late,
                  coalesce(chance, $2) AS chance, coalesce(lower, $3) AS lower, coalesce(upper, $4) AS upper,
                  coalesce(rate_shape, $5) AS rate_shape, coalesce(repairs, 0) = 0 AS assumed
           FROM service_class
           LEFT JOIN missed_limit ON missed_limit.service_class = service_class.id AND learning = $1
           ORDER BY time_to_site_hours, code LIMIT 1000""",
        learning,
        *(assumed[name] for name in ("chance", "lower", "upper", "rate_shape")),
    )


def by_kind(factors: Sequence[FactorView]) -> Factors:
    """Factors to be looked up."""
    found: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for row in factors:
        found[row.kind][row.dimension, row.level] = row.factor
    return found


FOREVER = 1000.0
"""The years at which the last band of age ends, where a number is asked for."""

_PRIORS = """
SELECT part.id AS part, part.part_number, part.kind, prior.shape, prior.exposure_device_years, prior.source
FROM part
JOIN LATERAL (
    SELECT shape, exposure_device_years, source FROM failure_rate
    WHERE failure_rate.part = part.id AND source <> 'history' AND valid_from <= $1
    ORDER BY valid_from DESC, id DESC LIMIT 1
) AS prior ON true
WHERE EXISTS (SELECT FROM model_part WHERE model_part.part = part.id)
ORDER BY part.part_number
"""

_HELD = """
SELECT part_number, annual_rate, shape, exposure_device_years, failures, device_years
FROM part
JOIN LATERAL (
    SELECT * FROM failure_rate
    WHERE failure_rate.part = part.id AND valid_from <= $1 ORDER BY valid_from DESC, id DESC LIMIT 1
) AS rate ON rate.source = 'history'
"""

_CELLS = """
WITH stood AS (
    SELECT device.id, device.model, coalesce(device.environment, place.environment) AS environment,
           device_model.code || ' ' || device.firmware AS firmware, installed_on, retired_on
    FROM device
    JOIN place ON place.id = device.site
    JOIN device_model ON device_model.id = device.model
), exposed AS (
    SELECT model, environment, firmware, band.place::int - 1 AS age,
           sum(greatest(least(coalesce(retired_on, $2::date), $2::date, installed_on + (band.below * 365)::int)
                        - greatest(installed_on + (band.low * 365)::int, $1::date), 0)) / 365.0 AS device_years
    FROM stood CROSS JOIN unnest($3::float8[], $4::float8[]) WITH ORDINALITY AS band(low, below, place)
    GROUP BY 1, 2, 3, 4
), counted AS (
    SELECT model_part.part, environment, firmware, age, per_device * device_years AS piece_years, 0 AS failures
    FROM exposed JOIN model_part USING (model)
    WHERE device_years > 0
    UNION ALL
    SELECT failure.part, environment, firmware,
           greatest(width_bucket(((occurred_at AT TIME ZONE 'UTC')::date - installed_on) / 365.0::float8, $3::float8[]), 1) - 1,
           0, 1
    FROM failure JOIN stood ON stood.id = failure.device
    WHERE withdrawn_at IS NULL AND occurred_at >= $1::date AND occurred_at < $2::date
)
SELECT counted.part, part_number, environment, firmware, age, sum(piece_years)::float8 AS piece_years,
       sum(failures)::int AS failures
FROM counted JOIN part ON part.id = counted.part
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 5, 3, 4
"""

_REPAIRS = """
WITH repair AS (
    SELECT contract.service_class, contract.fitting_hours,
           part_request.fault_reported_at + make_interval(secs => service_term.repair_hours * 3600)
           + coalesce((SELECT sum(coalesce(resumed_at, $2::date) - paused_at) FROM request_pause
                       WHERE request_pause.request = part_request.id), '0') AS repair_by,
           need_by_asked, need_by,
           line.arrived_at, line.complete, coalesce(swap.decision = 'swap', false) AS swapped
    FROM part_request
    JOIN LATERAL (
        -- of a line whose debrief alone tells that it arrived, nobody knows when
        SELECT max(arrived_at) AS arrived_at, bool_and(arrived_at IS NOT NULL) AS complete,
               bool_and(arrived_at IS DISTINCT FROM reconciled_at OR arrived_at IS NULL) AS known
        FROM request_line WHERE request_line.request = part_request.id AND state <> 'cancelled'
    ) AS line ON line.known
    JOIN device ON device.id = part_request.device
    JOIN contract ON contract.id = device.contract
    JOIN service_term ON service_term.id = part_request.service_term AND service_term.repair_hours IS NOT NULL
    LEFT JOIN LATERAL (SELECT decision FROM swap WHERE swap.request = part_request.id ORDER BY swap.id DESC LIMIT 1) AS swap
         ON true
    -- a request by which a whole unit left is no repair: it is what a late one asked for
    WHERE NOT EXISTS (SELECT FROM swap AS leaving WHERE leaving.swap_request = part_request.id) AND planned_at IS NULL
      AND part_request.state IN ('backordered', 'reserved', 'picked', 'shipped', 'arrived', 'reconciled')
      AND fault_reported_at >= $1::date AND fault_reported_at < $2::date
)
SELECT service_class, count(*)::int AS repairs,
       (count(*) FILTER (WHERE swapped OR NOT complete
                            OR arrived_at + make_interval(secs => fitting_hours * 3600) > repair_by))::int AS late
FROM repair
WHERE (complete OR swapped OR repair_by < $2::date) AND NOT (need_by_asked AND need_by > repair_by)
GROUP BY service_class ORDER BY service_class
"""

_BEGAN = """
SELECT coalesce((SELECT since FROM learning ORDER BY id DESC LIMIT 1),
                least((SELECT min(occurred_at AT TIME ZONE 'UTC')::date FROM failure WHERE withdrawn_at IS NULL),
                      (SELECT min(recorded_at AT TIME ZONE 'UTC')::date FROM movement)))
"""

_DUE = """
SELECT EXISTS (SELECT FROM failure)
   AND coalesce((SELECT until <= $1::date - $2::interval
                        OR EXISTS (SELECT FROM failure WHERE recorded_at > learned_at OR withdrawn_at > learned_at)
                 FROM learning ORDER BY id DESC LIMIT 1), true)
"""
