"""Previewing: which devices lose cover when stock is taken, before anybody confirms it."""

from collections.abc import Collection, Sequence
from uuid import UUID

from msgspec import Struct, structs

from inventory.assurance.meter.cells import LEVELS, Cell, cell_of
from inventory.assurance.meter.gathering import Facts, Key, facts
from inventory.assurance.meter.judging import STATES, State, Way, worst
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown
from inventory.places.reach import reached
from inventory.requests.requests import NOT_LEFT, RequestLineView, RequestView
from inventory.requests.sourcing import Break, Step

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
    """Devices that lose cover (`breaks` has them by contract), devices that come to hang on a thread, and where.

    Judged under whichever of the contract's hours is worse, since a promise that holds by day only is not kept.
    """

    devices_lost: int
    devices_at_risk: int
    losses: list[Loss]
    breaks: list[Break]


_NOTHING = Preview(devices_lost=0, devices_at_risk=0, losses=[], breaks=[])

Spot = tuple[int, int, int]
"""A part, a place and a pool."""


async def cover_lost_by(takings: Sequence[Taking], *, seen_by: Actor, held: bool = False) -> Preview:
    """What becomes of cover if some stock is taken; `held` says that it is reserved already, so not free any more.

    Counts only devices of the reader's contracts, wherever they are: who gives a piece away should know. The sites that
    `losses` names are those that the reader's stores serve.

    Raises:
        NothingTaken: a quantity below 1.
        Unknown: no such part, store or pool.

    """
    seen_by.require("devices.read")
    (found,) = await _previews([(takings, held)], seen_by)
    return found


async def cover_lost_by_holding(held: Sequence[UUID], *, seen_by: Actor) -> Preview:
    """What cover some pending reservations cost: what would be there again if they were let go."""
    takings = await db.read(
        Taking,
        """SELECT part.part_number, place.code AS depot, pool.code AS pool, quantity - posted_quantity AS quantity
           FROM reservation
           JOIN level ON level.id = reservation.level
           JOIN party ON party.id = level.owner AND party.is_ourselves
           JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool
           WHERE reservation.id = ANY($1) AND state = 'pending' AND quantity > posted_quantity""",
        list(held),
    )
    return await cover_lost_by(takings, seen_by=seen_by, held=True)


async def with_breaks(view: RequestView, *, seen_by: Actor) -> RequestView:
    """A request whose ladders say what each choice breaks: of taking a substitute, or a piece from another depot.

    What a line holds already is compared with letting it go. Five statements, however many lines and rungs; as it was
    for whoever may not see devices.
    """
    asked = {key: None for line in view.lines for step in line.ladder if (key := _asked(line, step))}
    if not asked or not seen_by.may("devices.read"):
        return view
    found = dict(zip(asked, await _previews([([taking], held) for taking, held in asked], seen_by), strict=True))

    def told(line: RequestLineView, step: Step) -> Step:
        key = _asked(line, step)
        return structs.replace(step, breaks=found[key].breaks) if key else step

    lines = [structs.replace(line, ladder=[told(line, step) for step in line.ladder]) for line in view.lines]
    return structs.replace(view, lines=lines)


def _asked(line: RequestLineView, step: Step) -> tuple[Taking, bool] | None:
    """What a rung would take from a store for a line, and whether it is held already; None where nothing leaves one."""
    if step.rung not in ("other_depot", "substitute") or not step.possible or line.state not in NOT_LEFT:
        return None
    if step.depot is None or step.part_number is None or step.pool is None:
        return None
    pieces = min(line.quantity, (step.free or 0) // step.pieces_each) * step.pieces_each
    held = line.promise.reservation is not None and (line.promise.depot, line.promise.part_number) == (
        step.depot,
        step.part_number,
    )
    return Taking(part_number=step.part_number, depot=step.depot, pool=step.pool, quantity=pieces), held


async def _previews(asked: Sequence[tuple[Sequence[Taking], bool]], seen_by: Actor) -> list[Preview]:
    """What becomes of cover by each of some takings alone, held already or not; five statements, however many."""
    spots = await _resolved([taking for takings, _ in asked for taking in takings])
    if not spots:
        return [_NOTHING for _ in asked]
    columns = [list(column) for column in zip(*sorted(set(spots)), strict=True)]
    known = [(each, cell_of(each)) for each in await facts(LEVELS, *columns)]
    changes: list[dict[Key, _Change]] = []
    taken = iter(spots)
    for takings, held in asked:
        pieces: dict[Spot, int] = {}
        for taking in takings:
            spot = next(taken)
            pieces[spot] = pieces.get(spot, 0) + (taking.quantity if held else -taking.quantity)
        changes.append(_worse(known, pieces, held=held))
    rows = await _fleet({key for changed in changes for key in changed}, seen_by)
    return [_told(changed, rows) for changed in changes]


class _Change(Struct, frozen=True):
    before: State
    after: State
    reasons: list[str]


def _worse(known: Sequence[tuple[Facts, Cell]], pieces: dict[Spot, int], *, held: bool) -> dict[Key, _Change]:
    """The cells that stand worse without some pieces than with them."""
    found: dict[Key, _Change] = {}
    for each, this in known:
        if not any((way.part, way.place, each.pool) in pieces for way in each.ways):
            continue
        other = cell_of(structs.replace(each, ways=[_changed(way, each.pool, pieces) for way in each.ways]))
        before, after = (other, this) if held else (this, other)
        if STATES.index(after.state) < STATES.index(before.state):
            worse = min((after.working, after.non_working), key=lambda judged: STATES.index(judged.state))
            found[each.key] = _Change(before.state, after.state, worse.reasons)
    return found


def _changed(way: Way, pool: int | None, pieces: dict[Spot, int]) -> Way:
    return structs.replace(way, free=max(way.free + pieces.get((way.part, way.place, pool or 0), 0), 0))


async def _resolved(takings: Sequence[Taking]) -> list[Spot]:
    """Where each taking takes from."""
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
    for row, taking in zip(rows, takings, strict=True):
        for what, what_zh, column, key in (
            ("part", "备件", "part", taking.part_number),
            ("depot", "备件库", "place", taking.depot),
            ("pool", "库存归属", "pool", taking.pool),
        ):
            if row[column] is None:
                raise Unknown(what=what, what_zh=what_zh, key=key)
    return [(row["part"], row["place"], row["pool"]) for row in rows]


async def _fleet(keys: Collection[Key], seen_by: Actor) -> list[db.Row]:
    """The devices that some cells' states matter to, model by model, with all the cells that they depend on."""
    if not keys:
        return []
    return await db.fetch(
        f"""SELECT fleet.site, fleet.contract, fleet.model, fleet.devices, contract.code AS contract_code,
                  site.code AS site_code, {reached("fleet.site", "$4")} AS near,
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
           GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY contract.code, site.code""",
        [site for site, _, _ in keys],
        [contract for _, contract, _ in keys],
        seen_by.contract_scope,
        seen_by.depot_scope,
    )


def _told(changed: dict[Key, _Change], fleet: Sequence[db.Row]) -> Preview:
    """Which devices some changes come to: each stands as its worst part does."""
    lost: dict[str, int] = {}
    at_risk = 0
    losses: dict[Key, Loss] = {}
    for row in fleet:
        before: list[State] = []
        after: list[State] = []
        for part, part_number, working, non_working in row["cells"]:
            key = (row["site"], row["contract"], part)
            change = changed.get(key)
            if change is None:
                before.append(worst([working, non_working]))
                after.append(worst([working, non_working]))
                continue
            before.append(change.before)
            after.append(change.after)
            if not row["near"]:
                continue
            earlier = losses.get(key)
            losses[key] = Loss(
                contract=row["contract_code"],
                site=row["site_code"],
                part_number=part_number,
                before=change.before,
                after=change.after,
                reasons=change.reasons,
                devices=row["devices"] + (earlier.devices if earlier else 0),
            )
        if worst(after) != worst(before) and worst(after) == "no":
            lost[row["contract_code"]] = lost.get(row["contract_code"], 0) + row["devices"]
        elif worst(after) != worst(before):
            at_risk += row["devices"]
    shown = sorted(
        losses.values(), key=lambda loss: (STATES.index(loss.after), -loss.devices, loss.contract, loss.site)
    )
    return Preview(
        devices_lost=sum(lost.values()),
        devices_at_risk=at_risk,
        losses=shown[:SHOWN],
        breaks=[Break(contract=contract, devices=devices) for contract, devices in lost.items()],
    )
