"""Previewing: which devices lose cover when stock is taken, before anybody confirms it."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct, structs

from inventory.assurance.meter.cells import cell_of, levels
from inventory.assurance.meter.gathering import Facts, Key, facts
from inventory.assurance.meter.judging import STATES, State, Way, worst
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown

SHOWN = 200
"""How many contracts and sites a preview names."""


class NothingTaken(Invalid):
    """A preview needs a quantity of 1 or more, not {quantity}."""

    zh = "预览数量应不小于 1，不能为 {quantity}。"
    help_en = "Say how many pieces would be taken."
    help_zh = "请填写将取出的数量。"


class Taking(Struct, frozen=True, kw_only=True):
    """Good stock of ours that would be taken from a store and pool."""

    part_number: str
    depot: str
    pool: str
    quantity: int


class Loss(Struct, frozen=True, kw_only=True):
    """A part that a contract's devices at a site depend on, and what becomes of its cover."""

    contract: str
    site: str
    part_number: str
    before: State
    after: State
    reasons: list[str]
    devices: int


class Preview(Struct, frozen=True, kw_only=True):
    """Devices that lose cover, and devices that come to hang on a thread, by the taking; and where.

    Judged under whichever of the contract's hours is worse, since a promise that holds by day only is not kept.
    """

    devices_lost: int
    devices_at_risk: int
    losses: list[Loss]


_NOTHING = Preview(devices_lost=0, devices_at_risk=0, losses=[])


async def cover_lost_by(takings: Sequence[Taking], *, seen_by: Actor, held: bool = False) -> Preview:
    """What becomes of cover if some stock is taken; `held` says that it is reserved already, so not free any more.

    Counts and names only devices of the reader's contracts, wherever they are: who gives a piece away should know.

    Raises:
        NothingTaken: a quantity below 1.
        Unknown: no such part, store or pool.

    """
    seen_by.require("devices.read")
    taken = await _resolved(takings)
    if not taken:
        return _NOTHING
    known = await facts(levels(3), *([key[column] for key in taken] for column in range(3)))
    sign = 1 if held else -1
    changed: dict[Key, tuple[Facts, State, State, list[str]]] = {}
    for each in known:
        other = cell_of(structs.replace(each, ways=[_changed(way, each.pool, taken, sign) for way in each.ways]))
        this = cell_of(each)
        before, after = (other, this) if held else (this, other)
        if STATES.index(after.state) < STATES.index(before.state):
            worse = min((after.working, after.non_working), key=lambda judged: STATES.index(judged.state))
            changed[each.key] = (each, before.state, after.state, worse.reasons)
    return await _told(changed, seen_by) if changed else _NOTHING


async def cover_lost_by_holding(held: Sequence[UUID], *, seen_by: Actor) -> Preview:
    """What cover some pending reservations cost: what would be there again if they were let go."""
    takings = await db.read(
        Taking,
        """SELECT part.part_number, place.code AS depot, pool.code AS pool, quantity - posted_quantity AS quantity
           FROM reservation
           JOIN level ON level.id = reservation.level
           JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool
           WHERE reservation.id = ANY($1) AND state = 'pending' AND quantity > posted_quantity""",
        list(held),
    )
    return await cover_lost_by(takings, seen_by=seen_by, held=True)


def _changed(way: Way, pool: int | None, taken: dict[tuple[int, int, int], int], sign: int) -> Way:
    pieces = taken.get((way.part, way.place, pool or 0), 0)
    return structs.replace(way, free=max(way.free + sign * pieces, 0)) if pieces else way


async def _resolved(takings: Sequence[Taking]) -> dict[tuple[int, int, int], int]:
    """How much is taken of which part, place and pool."""
    for taking in takings:
        if taking.quantity < 1:
            raise NothingTaken(quantity=taking.quantity)
    rows = await db.fetch(
        """SELECT coalesce((SELECT id FROM part WHERE part.part_number = asked.part_number),
                           (SELECT part FROM part_alias WHERE part_alias.number = asked.part_number)) AS part,
                  place.id AS place, pool.id AS pool
           FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked(part_number, depot, pool, number)
           LEFT JOIN place ON place.code = asked.depot AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
           LEFT JOIN pool ON pool.code = asked.pool
           ORDER BY number""",
        [taking.part_number for taking in takings],
        [taking.depot for taking in takings],
        [taking.pool for taking in takings],
    )
    taken: dict[tuple[int, int, int], int] = {}
    for row, taking in zip(rows, takings, strict=True):
        for what, what_zh, key in (
            ("part", "备件", taking.part_number),
            ("depot", "备件库", taking.depot),
            ("pool", "库存归属", taking.pool),
        ):
            if row["place" if what == "depot" else what] is None:
                raise Unknown(what=what, what_zh=what_zh, key=key)
        spot = (row["part"], row["place"], row["pool"])
        taken[spot] = taken.get(spot, 0) + taking.quantity
    return taken


async def _told(changed: dict[Key, tuple[Facts, State, State, list[str]]], seen_by: Actor) -> Preview:
    """Which devices that comes to: each stands as its worst part does."""
    rows = await db.fetch(
        """SELECT fleet.site, fleet.contract, fleet.model, fleet.devices, contract.code AS contract_code,
                  site.code AS site_code,
                  jsonb_agg(jsonb_build_array(cell.part, part.part_number, cell.working ->> 'state',
                                              cell.non_working ->> 'state')) AS cells
           FROM (SELECT site, contract, model, count(*)::int AS devices FROM device
                 WHERE retired_on IS NULL AND (site, contract) IN (SELECT * FROM unnest($1::int[], $2::int[]))
                 GROUP BY 1, 2, 3) AS fleet
           JOIN contract ON contract.id = fleet.contract AND ($3::text[] IS NULL OR contract.code = ANY($3))
           JOIN place AS site ON site.id = fleet.site
           JOIN model_part ON model_part.model = fleet.model AND model_part.critical
           JOIN cover_cell AS cell ON cell.site = fleet.site AND cell.contract = fleet.contract
                AND cell.part = model_part.part
           JOIN part ON part.id = cell.part
           GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY contract.code, site.code""",
        [site for site, _, _ in changed],
        [contract for _, contract, _ in changed],
        seen_by.contract_scope,
    )
    lost = at_risk = 0
    losses: dict[Key, Loss] = {}
    for row in rows:
        before: list[State] = []
        after: list[State] = []
        for part, part_number, working, non_working in row["cells"]:
            key = (row["site"], row["contract"], part)
            change = changed.get(key)
            if change is None:
                before.append(worst([working, non_working]))
                after.append(worst([working, non_working]))
                continue
            _, was, becomes, reasons = change
            before.append(was)
            after.append(becomes)
            earlier = losses.get(key)
            losses[key] = Loss(
                contract=row["contract_code"],
                site=row["site_code"],
                part_number=part_number,
                before=was,
                after=becomes,
                reasons=reasons,
                devices=row["devices"] + (earlier.devices if earlier else 0),
            )
        if worst(after) != worst(before):
            lost += row["devices"] if worst(after) == "no" else 0
            at_risk += row["devices"] if worst(after) == "at_risk" else 0
    shown = sorted(
        losses.values(), key=lambda loss: (STATES.index(loss.after), -loss.devices, loss.contract, loss.site)
    )
    return Preview(devices_lost=lost, devices_at_risk=at_risk, losses=shown[:SHOWN])
