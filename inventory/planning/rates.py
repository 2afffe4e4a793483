"""Failure rates that nobody knows yet: assumed, and marked as such."""

from datetime import date

from inventory.catalogue.register import NewFailureRate, enter_failure_rates
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.planning import sentences
from optimizer.rates import assumed_prior


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
