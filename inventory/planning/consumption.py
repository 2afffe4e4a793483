"""Consumables: parts with no installed base behind their demand, judged by what the stores hand out of them."""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from inventory.ground import db
from optimizer.forecasts import Forecast, gamma_poisson, remembered
from optimizer.rates import fit_prior

PERIODS = 24
"""Twelfths of a year of history that are read; older demand is as good as forgotten."""


class Handed(Struct, frozen=True, kw_only=True):
    """Pieces of a consumable that left a store's pool, by twelfths of a year, the oldest first."""

    part: str
    part_id: int
    place: int
    pool: int
    pieces: tuple[int, ...]


class Consumed(Struct, frozen=True, kw_only=True):
    """What is believed of a consumable at a store: pieces a year, with the shape of that belief."""

    handed: Handed
    forecast: Forecast

    @property
    def annual_rate(self) -> float:
        """Pieces a year."""
        return self.forecast.mean * 12


async def handed_out(on: date) -> list[Handed]:
    """What the stores handed out of each consumable in the two years before a day, since they first had it.

    A consumable is an active part that stands in no parts list and for no part of one, is no whole unit, and was never
    recorded to have failed. Transfers, and what was reversed, consume nothing.
    """
    rows = await db.fetch(_HANDED, on, PERIODS)
    found: list[Handed] = []
    for row in rows:
        pieces = [0] * row["periods"]
        for ago, quantity in zip(row["ago"], row["quantities"], strict=True):
            pieces[-1 - ago] += quantity
        found.append(
            Handed(
                part=row["part_number"],
                part_id=row["part"],
                place=row["place"],
                pool=row["pool"],
                pieces=tuple(pieces),
            )
        )
    return found


def foreseen(handed: Sequence[Handed]) -> list[Consumed]:
    """What is to be expected of each: a Gamma-Poisson forecast that forgets, its prior fitted over all of them.

    >>> row = Handed(part="TIE", part_id=1, place=1, pool=1, pieces=(2, 0, 3, 1, 2, 4))
    >>> round(foreseen([row])[0].annual_rate, 1)
    26.7
    """
    if not handed:
        return []
    prior = fit_prior([(round(pieces), periods) for pieces, periods in (remembered(row.pieces) for row in handed)])
    return [Consumed(handed=row, forecast=gamma_poisson(prior, row.pieces)) for row in handed]


_HANDED = """
WITH consumable AS (
    SELECT id, part_number FROM part
    WHERE active
      AND NOT EXISTS (SELECT FROM model_part WHERE model_part.part = part.id)
      AND NOT EXISTS (SELECT FROM swap_unit WHERE swap_unit.part = part.id)
      AND NOT EXISTS (SELECT FROM failure WHERE failure.part = part.id AND withdrawn_at IS NULL)
      AND NOT EXISTS (SELECT FROM substitution JOIN model_part ON model_part.part = substitution.part
                      WHERE substitution.substitute = part.id)
), handed AS (
    SELECT movement.part, from_place AS place, from_pool AS pool,
           floor(($1::date - (occurred_at AT TIME ZONE 'UTC')::date - 1) * 12 / 365.0)::int AS ago,
           sum(quantity)::int AS quantity
    FROM movement
    JOIN consumable ON consumable.id = movement.part
    JOIN place ON place.id = from_place AND place.kind IN ('depot', 'onsite_store')
    WHERE movement.kind IN ('issue', 'provisional_issue') AND document_kind IS DISTINCT FROM 'transfer'
      AND occurred_at < $1::date AND occurred_at >= $1::date - make_interval(months => $2::int)
      AND NOT EXISTS (SELECT FROM reversal WHERE reversal.movement = movement.id)
    GROUP BY 1, 2, 3, 4
), known AS (
    SELECT movement.part, to_place AS place, to_pool AS pool, min(occurred_at AT TIME ZONE 'UTC')::date AS since
    FROM movement
    WHERE (movement.part, to_place, to_pool) IN (SELECT part, place, pool FROM handed)
    GROUP BY 1, 2, 3
)
SELECT consumable.part_number, handed.part, handed.place, handed.pool,
       array_agg(ago) AS ago, array_agg(quantity) AS quantities,
       greatest(max(ago) + 1, least($2::int, ceil(($1::date - min(known.since)) * 12 / 365.0)::int)) AS periods
FROM handed
JOIN consumable ON consumable.id = handed.part
JOIN known USING (part, place, pool)
WHERE ago < $2::int
GROUP BY 1, 2, 3, 4 ORDER BY consumable.part_number, handed.place, handed.pool
"""
