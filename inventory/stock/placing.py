"""Placing: what lies in which bin, and putting it there."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.places import bins, places
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Move
from inventory.stock.pieces import Pieces, choose


class BinContent(Struct, frozen=True, kw_only=True):
    """What of a part lies in a bin in one condition; the serials of what is kept by serial."""

    depot: str
    bin: str | None
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    condition: str
    owner: str
    pool: str
    quantity: int
    serials: list[str]


@db.atomic
async def put_away(which: Pieces, to_bin: str | None, *, by: Actor, condition: str = GOOD) -> list[BinContent]:
    """Put pieces into a bin of the store they are in, from another bin or from where goods come in; its content then.

    Raises:
        Unknown: no such store, part, pool or bin.
        UnitNotHere, LotNotHere: the pieces are not there.
        SerialsMissing: the part is kept by serial, and none were given.

    """
    by.require("stock.receive")
    by.require_depot(which.depot)
    chosen = await choose(which, condition, unplaced=True)
    target = None if to_bin is None else await bins.find(chosen.spot.place, to_bin)
    moves = [
        Move(
            kind="put_away",
            part=chosen.part.id,
            quantity=piece.quantity,
            unit=piece.unit,
            lot=piece.lot,
            origin=chosen.spot,
            target=chosen.spot,
            from_bin=piece.bin,
            to_bin=target,
        )
        for piece in chosen.pieces
        if piece.bin != target
    ]
    if moves:
        await post(moves, by=by)
    return await contents(which.depot, limit=200, seen_by=by, bin_code=to_bin, unplaced=to_bin is None)


async def contents(
    depot: str, *, limit: int, seen_by: Actor, bin_code: str | None = None, unplaced: bool = False
) -> list[BinContent]:
    """What lies in a bin, in all bins of a store, or (`unplaced`) in none yet; by bin and part."""
    return await db.read(
        BinContent,
        """WITH there AS (
               SELECT unit.bin, unit.part, condition, owner, pool, count(*)::int AS quantity,
                      array_agg(serial ORDER BY serial) AS serials
               FROM unit JOIN place ON place.id = unit.place AND place.code = $1
               GROUP BY 1, 2, 3, 4, 5
               UNION ALL
               SELECT lot_stock.bin, lot_stock.part, condition, owner, pool, sum(quantity)::int, '{}'
               FROM lot_stock JOIN place ON place.id = lot_stock.place AND place.code = $1
               WHERE quantity > 0
               GROUP BY 1, 2, 3, 4, 5
           )
           SELECT $1 AS depot, bin.code AS bin, part.part_number, part.name_zh, part.name_en, part.serialised,
                  there.condition, party.code AS owner, pool.code AS pool, there.quantity, there.serials
           FROM there
           JOIN part ON part.id = there.part
           JOIN party ON party.id = there.owner
           JOIN pool ON pool.id = there.pool
           LEFT JOIN bin ON bin.id = there.bin
           WHERE ($2::text[] IS NULL OR $1 = ANY($2))
             AND ($3::text IS NULL OR bin.code = $3) AND (NOT $4 OR there.bin IS NULL)
           ORDER BY bin.code NULLS FIRST, part.part_number, there.condition, party.code, pool.code LIMIT $5""",
        depot,
        seen_by.depot_scope,
        bin_code,
        unplaced,
        limit,
    )


async def bin_content(depot: str, code: str, *, seen_by: Actor) -> list[BinContent]:
    """What lies in one bin.

    Raises:
        Unknown: no such store in the reader's scope, or no such bin.

    """
    place = await places.store(depot, seen_by=seen_by)
    await bins.find((await places.find_store(place.code)).id, code)
    return await contents(depot, limit=1000, seen_by=seen_by, bin_code=code)


class Placed(Struct, frozen=True):
    """A bin where a part lies already."""

    part_number: str
    bin: str
    quantity: int


async def usual_bins(depot: str, part_numbers: Sequence[str], *, seen_by: Actor) -> dict[str, Placed]:
    """Where each part lies already: the bin that holds most of it; a good place for more of the same."""
    found = await db.read(
        Placed,
        """SELECT DISTINCT ON (part_number) part_number, bin, quantity FROM (
               SELECT part.part_number, bin.code AS bin, sum(there.quantity)::int AS quantity
               FROM (SELECT part, bin, 1 AS quantity FROM unit
                     UNION ALL SELECT part, bin, quantity FROM lot_stock) AS there
               JOIN bin ON bin.id = there.bin
               JOIN place ON place.id = bin.place AND place.code = $1
               JOIN part ON part.id = there.part AND part.part_number = ANY($2)
               WHERE $3::text[] IS NULL OR place.code = ANY($3)
               GROUP BY 1, 2
           ) AS shelf ORDER BY part_number, quantity DESC, bin""",
        depot,
        list(part_numbers),
        seen_by.depot_scope,
    )
    return {placed.part_number: placed for placed in found}
