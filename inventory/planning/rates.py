"""Failure rates from our own history: what is believed of a part, updated by what its devices really did."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from inventory.catalogue.register import NewFailureRate, enter_failure_rates
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.planning import sentences
from optimizer.rates import assumed_prior, posterior


class PartHistory(Struct, frozen=True, kw_only=True):
    """A part's prior belief and what was observed since: failures in so many piece-years."""

    part_number: str
    prior_shape: float
    prior_exposure: float
    prior_source: str
    failures: int
    piece_years: float


async def histories(since: date, until: date) -> list[PartHistory]:
    """Every part in use with its prior (record or assumption) and its history between two days."""
    return await db.read(
        PartHistory,
        """WITH exposed AS (
               SELECT model_part.part,
                      sum(model_part.per_device * greatest(
                          least(coalesce(retired_on, $2::date), $2::date) - greatest(installed_on, $1::date), 0))
                          / 365.0 AS piece_years
               FROM device JOIN model_part ON model_part.model = device.model
               GROUP BY model_part.part
           ), failed AS (
               SELECT part, count(*)::int AS failures FROM failure
               WHERE withdrawn_at IS NULL AND occurred_at >= $1::date AND occurred_at < $2::date
               GROUP BY part
           )
           SELECT part.part_number, prior.shape AS prior_shape, prior.exposure_device_years AS prior_exposure,
                  prior.source AS prior_source, coalesce(failed.failures, 0) AS failures,
                  exposed.piece_years::float8 AS piece_years
           FROM exposed
           JOIN part ON part.id = exposed.part
           LEFT JOIN failed ON failed.part = part.id
           JOIN LATERAL (
               SELECT shape, exposure_device_years, source FROM failure_rate
               WHERE failure_rate.part = part.id AND source <> 'history' ORDER BY valid_from DESC, id DESC LIMIT 1
           ) AS prior ON true
           ORDER BY part.part_number""",
        since,
        until,
    )


def learned(found: Sequence[PartHistory], since: date, until: date) -> list[NewFailureRate]:
    """What is to be believed now: the Gamma posterior of each prior given its history."""
    rates: list[NewFailureRate] = []
    for part in found:
        rate = posterior(part.prior_shape, part.prior_exposure, part.failures, part.piece_years)
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
                    lower=f"{rate.lower:.4f}",
                    upper=f"{rate.upper:.4f}",
                ),
            )
        )
    return rates


@db.atomic
async def learn(since: date, until: date, *, by: Actor) -> int:
    """Update every part's failure rate from its history; how many."""
    rates = learned(await histories(since, until), since, until)
    await enter_failure_rates(rates, by=by)
    return len(rates)


@db.atomic
async def assume(on: date, *, by: Actor) -> int:
    """Enter an assumed rate for every part in use that has none by then, such as those of a model in start-up; how many.

    It is the mean of the parts of its kind, or of all parts where its kind has none, and marked as assumed wherever rates
    show. Its prior is vague: the first failures of its own outweigh it.
    """
    rows = await db.fetch(
        """WITH known AS (
               SELECT DISTINCT ON (part) part.kind, annual_rate
               FROM failure_rate JOIN part ON part.id = failure_rate.part
               WHERE valid_from <= $1
               ORDER BY part, valid_from DESC, failure_rate.id DESC
           ), overall AS (
               SELECT avg(annual_rate) AS rate, count(*) AS parts FROM known
           ), of_kind AS (
               SELECT kind, avg(annual_rate) AS rate, count(*) AS parts FROM known GROUP BY kind
           )
           SELECT part.part_number, part.kind, of_kind.rate AS kind_rate, of_kind.parts AS kind_parts,
                  overall.rate AS overall_rate, overall.parts AS overall_parts
           FROM part
           CROSS JOIN overall
           LEFT JOIN of_kind ON of_kind.kind = part.kind
           WHERE EXISTS (SELECT FROM model_part JOIN device ON device.model = model_part.model
                         WHERE model_part.part = part.id AND (retired_on IS NULL OR retired_on > $1))
             AND NOT EXISTS (SELECT FROM failure_rate WHERE failure_rate.part = part.id AND valid_from <= $1)
           ORDER BY part.part_number""",
        on,
    )
    rates: list[NewFailureRate] = []
    for row in rows:
        rate, parts, of_what = (
            (row["kind_rate"], row["kind_parts"], f"its kind ({row['kind']})")
            if row["kind_rate"]
            else (row["overall_rate"], row["overall_parts"], "any kind")
        )
        if not rate:
            continue
        prior = assumed_prior(rate)
        rates.append(
            NewFailureRate(
                part=row["part_number"],
                valid_from=on,
                annual_rate=rate,
                shape=prior.shape,
                exposure_device_years=prior.exposure,
                failures=0,
                device_years=0,
                source="assumed",
                evidence=sentences.ASSUMED.format(of_what=of_what, parts=parts),
            )
        )
    await enter_failure_rates(rates, by=by)
    return len(rates)
