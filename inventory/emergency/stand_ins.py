"""Substitutes in emergencies: which fit what a stock serves, and what of them cases have set aside for the part they replace.

What a case buys, moves or sets aside of a substitute counts for the part that it is to stand in for, piece by piece until it
is used for it, and no longer for the substitute itself: no piece is counted twice. It ends when the part's own stock holds.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from inventory.catalogue.substitutes import Fit, chains, links
from inventory.ground import clock, db, jobs
from inventory.stock.serving import devices_of

Row = tuple[int, int, int]
"""A part in a store and pool, by their ids."""


class Substitute(Struct, frozen=True, kw_only=True):
    """A part that may stand in for another one, `pieces` of it for each, and whether it may in everything a stock serves.

    `path` leads from the one to the other. `models` are those that the stock serves and it fits, with all their `devices`;
    `misfits` the others, with what they would have to be (`needs_firmware_…`), or nothing where they never take it.
    """

    part: int
    part_number: str
    name_zh: str
    name_en: str
    pieces: int
    path: tuple[str, ...]
    models: list[str]
    devices: int
    misfits: dict[str, str]

    @property
    def fits(self) -> bool:
        """Whether it may be used in every device that the stock serves."""
        return not self.misfits


async def substitutes_of(part: int, place: int, pool: int) -> list[Substitute]:
    """The parts that may stand in for one in what a stock serves today, by number; those that fit only some of it too.

    A stock that serves no device with the part (a consumable) is stood in for where a substitution asks for no model and
    no firmware.
    """
    known = await links([part])
    if not known:
        return []
    served = await db.fetch(
        f"""SELECT device.model, device_model.code, device.firmware, count(*)::int AS devices
            FROM ({devices_of("$1", "$2")}) AS device
            JOIN device_model ON device_model.id = device.model
            JOIN model_part ON model_part.model = device.model AND model_part.part = $3
            GROUP BY 1, 2, 3 ORDER BY 2, 3""",
        place,
        pool,
        part,
    )
    fits = [(row["code"], row["devices"], chains(known, part, Fit(row["model"], row["firmware"]))) for row in served]
    in_general = chains(known, part, None)
    found: list[Substitute] = []
    for each in await db.fetch(
        "SELECT id, part_number, name_zh, name_en FROM part WHERE id = ANY($1) AND active ORDER BY part_number",
        [substitute for substitute in {link.substitute for link in known} if substitute != part],
    ):
        of = [(code, devices, reached[each["id"]]) for code, devices, reached in fits if each["id"] in reached]
        met = [chain for _, _, chain in of if not chain.unmet]
        general = in_general.get(each["id"])
        if not served and general is not None and not general.unmet:
            met = [general]
        longest = max(met, key=lambda chain: chain.pieces, default=general)
        misfits = {code: "" for code, _, reached in fits if each["id"] not in reached}
        misfits |= {code: chain.unmet[0] for code, _, chain in of if chain.unmet}
        if not served and not met:
            misfits = {"": ", ".join(general.unmet) if general else ""}
        if longest is not None:
            found.append(
                Substitute(
                    part=each["id"],
                    part_number=each["part_number"],
                    name_zh=each["name_zh"],
                    name_en=each["name_en"],
                    pieces=longest.pieces,
                    path=longest.path,
                    models=sorted({code for code, _, _ in fits} - misfits.keys()),
                    devices=sum(devices for code, devices, _ in fits if code not in misfits),
                    misfits=misfits,
                )
            )
    return found


class SwapUnit(Struct, frozen=True, kw_only=True):
    """A whole unit on a shelf that may stand in for devices of a model while parts are missing: for people to decide."""

    part_number: str
    name_zh: str
    name_en: str
    model: str
    depot: str
    free: int


async def swap_units_of(part: int, place: int, pool: int) -> list[SwapUnit]:
    """Whole units that lie free in a store, or where a lane leads from to it, for models it serves that hold a part.

    Those that are promised from a moment on are not counted.
    """
    return await db.read(
        SwapUnit,
        f"""SELECT part.part_number, part.name_zh, part.name_en, device_model.code AS model, place.code AS depot,
                   level.free - ahead.promised AS free
            FROM swap_unit
            JOIN device_model ON device_model.id = swap_unit.model
            JOIN part ON part.id = swap_unit.part AND part.active
            JOIN level ON level.part = part.id AND level.pool = $3 AND level.condition = 'good'
            JOIN LATERAL (SELECT coalesce(sum(quantity), 0)::int AS promised FROM reservation
                          WHERE reservation.level = level.id AND reservation.state = 'soft') AS ahead
                 ON level.free > ahead.promised
            JOIN party ON party.id = level.owner AND party.is_ourselves
            JOIN place ON place.id = level.place AND place.kind <> 'engineer_stock' AND place.out_of_service_at IS NULL
                 AND (place.id = $2 OR EXISTS (SELECT FROM lane WHERE from_place = place.id AND to_place = $2))
            WHERE in_force AND part.serialised AND EXISTS (
                SELECT FROM ({devices_of("$2", "$3")}) AS device
                JOIN model_part ON model_part.model = device.model AND model_part.part = $1
                WHERE device.model = swap_unit.model)
            ORDER BY place.id <> $2, place.code, part.part_number, device_model.code LIMIT 50""",
        part,
        place,
        pool,
    )


@db.atomic
async def propose(case: UUID, brought: Mapping[int, int], set_aside: Mapping[int, int]) -> None:
    """Keep which substitutes a case proposes: by part, how many `brought` stand in for one, how many pieces of the shelf."""
    await db.execute(
        """INSERT INTO case_substitute (emergency_case, substitute, pieces_each, set_aside, proposed_at)
           SELECT $1, part, each, aside, $5 FROM unnest($2::int[], $3::int[], $4::int[]) AS new(part, each, aside)""",
        case,
        list(brought),
        list(brought.values()),
        [set_aside.get(part, 0) for part in brought],
        clock.now(),
    )


@db.atomic
async def agree(case: UUID) -> int:
    """Let the substitutes that a case proposed count for its part, once the case is approved; how many."""
    agreed = await db.fetch(
        """UPDATE case_substitute SET agreed_at = $2 FROM emergency_case
           WHERE emergency_case.id = $1 AND emergency_case = emergency_case.id AND agreed_at IS NULL AND ended_at IS NULL
           RETURNING emergency_case.part, place, pool, substitute""",
        case,
        clock.now(),
    )
    rows = {(part, row["place"], row["pool"]) for row in agreed for part in (row["part"], row["substitute"])}
    await jobs.enqueue(*(jobs.Assess(*row) for row in sorted(rows)))
    return len(agreed)


async def give_up(case: UUID, *, agreed: bool) -> None:
    """Give up the substitutes that a case proposed; those that were `agreed` to as well, where the case was none."""
    ended = await db.fetch(
        """UPDATE case_substitute SET ended_at = $2 FROM emergency_case
           WHERE emergency_case.id = $1 AND emergency_case = emergency_case.id AND ended_at IS NULL
             AND ($3 OR agreed_at IS NULL)
           RETURNING substitute, place, pool, agreed_at""",
        case,
        clock.now(),
        agreed,
    )
    given_back = {(row["substitute"], row["place"], row["pool"]) for row in ended if row["agreed_at"] is not None}
    await jobs.enqueue(*(jobs.Assess(*row) for row in sorted(given_back)))


async def end(part: int, place: int, pool: int) -> None:
    """A part's own stock holds again: substitutes are their own once more."""
    ended = await db.fetch(
        """UPDATE case_substitute SET ended_at = $4 FROM emergency_case
           WHERE emergency_case = emergency_case.id AND part = $1 AND place = $2 AND pool = $3
             AND agreed_at IS NOT NULL AND ended_at IS NULL RETURNING substitute""",
        part,
        place,
        pool,
        clock.now(),
    )
    await jobs.enqueue(*(jobs.Assess(row["substitute"], place, pool) for row in ended))


async def helped_by(part: int, place: int, pool: int) -> Sequence[Row]:
    """The rows that some stock stands in for."""
    rows = await db.fetch(
        """SELECT DISTINCT part, place, pool FROM case_substitute
           JOIN emergency_case ON emergency_case.id = emergency_case
           WHERE substitute = $1 AND place = $2 AND pool = $3 AND agreed_at IS NOT NULL AND ended_at IS NULL
           ORDER BY part""",
        part,
        place,
        pool,
    )
    return [(row["part"], row["place"], row["pool"]) for row in rows]


SET_ASIDE = """
SELECT part, place, pool, substitute, kept / pieces_each AS units, kept - kept % pieces_each AS pieces,
       kept % pieces_each AS left_over, pieces_each
FROM (
    SELECT meant.*,
           greatest(least(pieces, coalesce(level.free - level.backordered, 0)
                                  - coalesce(sum(pieces) OVER earlier, 0)), 0)::int AS kept
    FROM (
        SELECT part, place, pool, substitute, max(pieces_each) AS pieces_each,
               greatest(sum(of_case.pieces) - coalesce((
                   SELECT sum(line.quantity * line.pieces_each) FROM request_line AS line
                   WHERE line.part = of_case.part AND line.supplied_part = of_case.substitute
                     AND line.source_place = of_case.place AND line.pool = of_case.pool AND line.state <> 'cancelled'
                     AND line.outcome IS DISTINCT FROM 'returned_good' AND line.reserved_at >= min(of_case.since)), 0), 0)
               AS pieces
        FROM (
            SELECT emergency_case.part, place, pool, substitute, max(pieces_each) AS pieces_each, min(agreed_at) AS since,
                   sum(set_aside)
                   + coalesce((SELECT sum(line.received_quantity)
                               FROM purchase_order
                               JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id
                               WHERE case_number = emergency_case.number AND line.part = substitute), 0)
                   + coalesce((SELECT sum(line.received_quantity)
                               FROM transfer JOIN transfer_line AS line ON line.transfer = transfer.id
                               WHERE case_number = emergency_case.number AND line.part = substitute
                                 AND transfer.to_place = place), 0) AS pieces
            FROM case_substitute JOIN emergency_case ON emergency_case.id = emergency_case
            WHERE agreed_at IS NOT NULL AND ended_at IS NULL
            GROUP BY emergency_case.id, substitute
        ) AS of_case
        GROUP BY part, place, pool, substitute
    ) AS meant
    LEFT JOIN (level JOIN party ON party.id = level.owner AND party.is_ourselves)
         ON level.part = substitute AND level.place = meant.place AND level.pool = meant.pool AND condition = 'good'
    WINDOW earlier AS (PARTITION BY substitute, meant.place, meant.pool ORDER BY meant.part
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
) AS counted
"""
"""Per part, store, pool and substitute: the pieces that stand in for the part, how many of the part they are, and what is
`left_over` short of a whole set.

Those that cases set aside or that arrived for them, less what requests for the part took since, as far as they are there.
"""
