"""Keeping: who holds the key of a store, how often it is counted again, and handing out by whoever serves it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, NotYourDepot, Refused, Unknown
from inventory.ground.numbers import next_number
from inventory.people.roles import ROLES
from inventory.places import places
from inventory.places.places import PlaceRef
from inventory.stock import codes, pools, taking, units
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Piece, Spot, moves_of
from inventory.stock.pools import COMMON
from inventory.stock.refusals import QuantityNotPositive

RECOUNT_WITHIN = timedelta(days=3)
"""How long a key-holder has for a recount that fell due."""


class RecountTooRare(Invalid, constraint="store_keeping_counts_now_and_then"):
    """A store is counted again every 1 to 366 days; {days} was given."""

    zh = "复盘周期应为 1 至 366 天，收到 {days}。"
    help_en = "Give a number of days from 1 to 366, or none where no recount is wanted."
    help_zh = "请填写 1 至 366 之间的天数；不需要定期复盘时留空。"


class StockPlaceTaken(Invalid, constraint="person_stock_is_ones_own"):
    """This stock is another engineer's."""

    zh = "该个人备件库属于其他工程师。"
    help_en = "Each engineer has a stock of their own."
    help_zh = "每位工程师使用各自的个人备件库。"


class Keeping(Struct, frozen=True, kw_only=True):
    """A store with its key-holder (an engineer's stock: its engineer) and its recount duty."""

    depot: str
    kind: str
    name_zh: str
    name_en: str
    key_holder: str | None
    key_holder_zh: str | None
    key_holder_en: str | None
    phone: str | None
    recount_days: int | None
    recount_opened_at: datetime | None
    pieces: int


class Issued(Struct, frozen=True, kw_only=True):
    """What was handed out by scan."""

    number: str
    depot: str
    to: str
    reference: str | None
    lines: list["IssuedLine"]


class IssuedLine(Struct, frozen=True, kw_only=True):
    """A part that left, with its serials."""

    part_number: str
    quantity: int
    serials: list[str]


class Scanned(Struct, frozen=True, kw_only=True):
    """What was under the scanner: a serial, our tag or a part number; pieces only where it has no serials.

    The part is named where two makers gave the same serial.
    """

    code: str
    quantity: int = 1
    part_number: str | None = None


HOLDERS = tuple(role for role, rights in ROLES.items() if "handovers.make" in rights)
"""Roles that keep or carry parts."""


class HoldsNoParts(Refused):
    """{person} has no role that keeps or carries parts."""

    zh = "{person} 的角色不保管、也不携带备件。"
    help_en = "Name a keeper or an engineer; a stock of one's own is an engineer's."
    help_zh = "请指定库管员或工程师；个人备件库仅限工程师。"


class StockOfSomebodyElse(Refused):
    """{depot} is another engineer's own stock; {person} cannot hold it."""

    zh = "{depot} 是其他工程师的个人备件库，不能由 {person} 保管。"
    help_en = "Hand the parts over; each engineer has a stock of their own."
    help_zh = "请办理移交；每位工程师使用各自的个人备件库。"


@db.atomic
async def appoint(depot: str, key_holder: str | None, *, by: Actor, recount_days: int | None = None) -> Keeping:
    """Name who holds a store's key, and how often it is counted again.

    Raises:
        Unknown: no such store or person.
        RecountTooRare: not a sensible number of days.
        HoldsNoParts: the person has no role that keeps or carries parts.
        StockOfSomebodyElse: an engineer's own stock is kept by that engineer.

    """
    by.require("keepings.manage")
    by.require_depot(depot)
    place = await places.find_store(depot)
    if recount_days is not None and not 1 <= recount_days <= 366:
        raise RecountTooRare(days=recount_days)
    person = None if key_holder is None else await _holder(key_holder, place)
    await db.execute(
        """INSERT INTO store_keeping (place, key_holder, recount_days) VALUES ($1, $2, $3)
           ON CONFLICT ON CONSTRAINT store_keeping_is_one_per_store
           DO UPDATE SET key_holder = excluded.key_holder, recount_days = excluded.recount_days""",
        place.id,
        person,
        recount_days,
    )
    # custody of what lies there goes with the key
    await db.execute("UPDATE unit SET custodian = $2 WHERE place = $1 AND condition = 'good'", place.id, person)
    await audit.record(
        "store.key_holder_named",
        "place",
        depot,
        by=by,
        change={"key_holder": key_holder, "recount_days": recount_days},
    )
    return (await keepings(limit=1, seen_by=by, depot=depot))[0]


@db.atomic
async def set_up_stock(username: str, *, by: Actor, recount_days: int | None = 30) -> Keeping:
    """Give an engineer a stock of their own, under their user name; it is theirs to keep.

    Raises:
        Unknown: no such person.
        HoldsNoParts: the person is no engineer.
        PlaceCodeTaken: a place already has that code.

    """
    by.require("keepings.manage")
    person = await db.fetch_one("SELECT id, name_zh, name_en, stock_place FROM person WHERE username = $1", username)
    if person is None:
        raise Unknown(what="person", what_zh="人员", key=username)
    if not await _has_role(person["id"], ("engineer",)):
        raise HoldsNoParts(person=username)
    if person["stock_place"] is None:
        place = await db.fetch_value(
            """INSERT INTO place (code, kind, name_zh, name_en) VALUES ($1, 'engineer_stock', $2, $3) RETURNING id""",
            username,
            f"{person['name_zh']}的个人备件库",
            f"{person['name_en']}'s stock",
        )
        await db.execute("UPDATE person SET stock_place = $2 WHERE id = $1", person["id"], place)
    return await appoint(username, username, by=by, recount_days=recount_days)


async def _holder(username: str, place: PlaceRef) -> int:
    """The id of somebody who may hold a store's key."""
    person = await _person(username)
    if not await _has_role(person, HOLDERS):
        raise HoldsNoParts(person=username)
    if place.kind == "engineer_stock":
        own = await stock_of(person)
        if own is None or own.id != place.id:
            raise StockOfSomebodyElse(depot=place.code, person=username)
    return person


async def _has_role(person: int, roles: Sequence[str]) -> bool:
    return await db.fetch_value(
        "SELECT EXISTS (SELECT FROM role_grant WHERE person = $1 AND role = ANY($2))", person, list(roles)
    )


async def _person(username: str) -> int:
    person = await db.fetch_value("SELECT id FROM person WHERE username = $1 AND active", username)
    if person is None:
        raise Unknown(what="person", what_zh="人员", key=username)
    return person


async def stock_of(person: int | None) -> PlaceRef | None:
    """An engineer's own stock, if there is one."""
    return await db.read_one(
        PlaceRef,
        "SELECT place.id, place.code, place.kind FROM person JOIN place ON place.id = person.stock_place WHERE person.id = $1",
        person,
    )


async def require_serving(place: PlaceRef, right: str, *, by: Actor) -> None:
    """Refuse whoever neither has the right at a store, nor holds its key, nor has a role of their own there.

    Raises:
        NotYourDepot: none of it.

    """
    if by.may(right) and by.sees_depot(place.code) and place.kind != "engineer_stock":
        return
    if by.kind == "service":
        return
    serves = by.may("handovers.make") and (by.depots is not None and place.code in by.depots)
    holds_key = by.person_id is not None and await db.fetch_value(
        """SELECT true FROM person LEFT JOIN store_keeping ON store_keeping.place = $1
           WHERE person.id = $2 AND (person.stock_place = $1 OR store_keeping.key_holder = person.id)""",
        place.id,
        by.person_id,
    )
    if not (serves and place.kind != "engineer_stock") and not holds_key:
        raise NotYourDepot(name=by.name, depot=place.code)


@db.atomic
async def issue_by_scan(
    depot: str, scanned: Sequence[Scanned], *, by: Actor, to: str, reference: str | None = None, pool: str | None = None
) -> Issued:
    """Hand out what was scanned, on the spot: by a keeper, the key-holder, or whoever has a role at that very store.

    What is not ours goes back to its owner so, in whatever condition it is.

    Raises:
        Unknown: no such store, target, part, unit or pool.
        NotYourDepot: the actor does not serve the store.
        NotHandedOutTo: that is no place to hand out to.
        SerialAmbiguous: a serial is that of several pieces.
        PickedElsewhere: a unit was picked for somebody else.
        InsufficientStock, UnitNotHere: it is not there, or promised to others.

    """
    place = await places.find_store(depot)
    await require_serving(place, "stock.issue", by=by)
    ours = await places.ourselves()
    pool_id = await _pool_at(place.id) if pool is None else await pools.find(pool)
    number = await next_number("SI")
    leaving: list[tuple[int, Spot, Piece]] = []
    lines: list[IssuedLine] = []
    by_code: dict[tuple[str, str | None], list[int]] = {}
    for each in scanned:
        if each.quantity < 1:
            raise QuantityNotPositive(quantity=each.quantity)
        by_code.setdefault((each.code.strip(), each.part_number), []).append(each.quantity)
    for (code, part_number), quantities in sorted(by_code.items(), key=lambda scan: (scan[0][0], scan[0][1] or "")):
        unit = await _unit_there(code, place.id, part_number)
        if unit is not None:
            spot = Spot(place.id, unit["condition"], unit["owner"], unit["pool"])
            # the ledger lets a unit that was scanned twice leave once, and refuses
            leaving += [(unit["part"], spot, Piece(unit=unit["id"], bin=unit["bin"])) for _ in quantities]
            lines.append(IssuedLine(part_number=unit["part_number"], quantity=1, serials=[unit["serial"]]))
            continue
        part, wanted = await parts.find_first(codes.names(code)), sum(quantities)
        spot = Spot(place.id, GOOD, ours, pool_id)
        chosen = await units.choose(part.id, spot, wanted, ()) if part.serialised else []
        leaving += [(part.id, spot, Piece(unit=one.id, bin=one.bin)) for one in chosen]
        if not part.serialised:
            leaving.append((part.id, spot, Piece(quantity=wanted)))
        serials = [one.serial for one in chosen]
        lines.append(IssuedLine(part_number=part.part_number, quantity=wanted, serials=serials))
    await units.refuse_picked([piece.unit for _, _, piece in leaving if piece.unit])
    target = await taking.taker(
        to,
        owners={spot.owner for _, spot, _ in leaving},
        returned=any(spot.condition != GOOD for _, spot, _ in leaving),
    )
    await post(
        [
            move
            for part, spot, piece in leaving
            for move in moves_of(
                [piece],
                "issue",
                part,
                spot,
                Spot(target.id, spot.condition, spot.owner, spot.pool),
                document_kind="self_issue",
                document=number,
                reason=reference or "",
            )
        ],
        by=by,
    )
    return Issued(number=number, depot=depot, to=to, reference=reference, lines=lines)


async def _unit_there(code: str, place: int, part_number: str | None) -> db.Row | None:
    """The unit of a store that carries a tag or serial: a good one, or in any condition one that is not ours.

    Of two makers' units with the same serial it is the one of the part that is named.
    """
    named = codes.names(code)
    rows = await db.fetch(
        """SELECT unit.id, unit.serial, unit.tag, unit.bin, unit.part, unit.owner, unit.pool, unit.condition,
                  part.part_number, place.code AS place
           FROM unit
           JOIN part ON part.id = unit.part
           JOIN party ON party.id = unit.owner
           JOIN place ON place.id = unit.place
           WHERE unit.place = $2 AND (unit.serial = ANY($1) OR unit.tag = ANY($1))
             AND (unit.condition = 'good' OR NOT party.is_ourselves)
             AND ($3::text IS NULL OR part.part_number = $3)
           ORDER BY unit.tag = ANY($1) DESC NULLS LAST, unit.id LIMIT 20""",
        named,
        place,
        part_number,
    )
    if len(rows) > 1 and rows[0]["tag"] not in named:
        raise units.ambiguous(code, [(row["part_number"], row["tag"], row["place"]) for row in rows])
    return rows[0] if rows else None


async def _pool_at(place: int) -> int:
    """The pool that a store's stock belongs to: at an on-site store, its customer's own."""
    return await db.fetch_value(
        """SELECT coalesce(
               (SELECT pool.id FROM place JOIN contract ON contract.customer = place.party AND contract.dedicated_stock
                JOIN pool ON pool.contract = contract.id
                WHERE place.id = $1 AND place.kind = 'onsite_store' ORDER BY pool.id LIMIT 1),
               (SELECT id FROM pool WHERE code = $2))""",
        place,
        COMMON,
    )


@db.atomic
async def open_recounts(*, limit: int = 500) -> int:
    """Open the recounts that fall due, each for its key-holder; how many."""
    due = await db.fetch(
        """UPDATE store_keeping SET recount_opened_at = $1
           FROM place WHERE place.id = store_keeping.place AND store_keeping.id IN (
               SELECT id FROM store_keeping
               WHERE recount_days IS NOT NULL
                 AND (recount_opened_at IS NULL OR recount_opened_at + make_interval(days => recount_days) <= $1)
               ORDER BY id LIMIT $2 FOR NO KEY UPDATE)
           RETURNING place.code, place.kind,
                     (SELECT username FROM person WHERE person.id = store_keeping.key_holder) AS owner""",
        clock.now(),
        limit,
    )
    for store in due:
        await steps.begin(
            "recount",
            "place",
            store["code"],
            owner_role="engineer" if store["kind"] == "engineer_stock" else "warehouse_keeper",
            owner=store["owner"],
            depot=store["code"],
            due_at=clock.now() + RECOUNT_WITHIN,
        )
    return len(due)


_KEEPING = """SELECT place.code AS depot, place.kind, place.name_zh, place.name_en, person.username AS key_holder,
                  person.name_zh AS key_holder_zh, person.name_en AS key_holder_en, person.phone,
                  store_keeping.recount_days, store_keeping.recount_opened_at,
                  (SELECT coalesce(sum(on_hand), 0) FROM level WHERE level.place = place.id)::int AS pieces
           FROM place
           LEFT JOIN store_keeping ON store_keeping.place = place.id
           LEFT JOIN person ON person.id = store_keeping.key_holder"""


async def keepings(
    *, limit: int, seen_by: Actor, after: str = "", kind: str | None = None, depot: str | None = None
) -> list[Keeping]:
    """On-site stores, engineers' stocks and whatever else has a key-holder, by code."""
    return await db.read(
        Keeping,
        f"""{_KEEPING}
           WHERE (place.kind IN ('onsite_store', 'engineer_stock') OR store_keeping.id IS NOT NULL)
             AND place.code > $1 AND ($2::text IS NULL OR place.kind = $2) AND ($3::text IS NULL OR place.code = $3)
             AND ($4::text[] IS NULL OR place.code = ANY($4))
           ORDER BY place.code LIMIT $5""",
        after,
        kind,
        depot,
        seen_by.depot_scope,
        limit,
    )


async def key_holders(depots: Sequence[str]) -> dict[str, str]:
    """Who holds the keys of some stores now, by store: user names of people who are active."""
    found = await db.fetch(
        """SELECT place.code, person.username
           FROM store_keeping
           JOIN place ON place.id = store_keeping.place
           JOIN person ON person.id = store_keeping.key_holder AND person.active
           WHERE place.code = ANY($1)""",
        list(depots),
    )
    return {row["code"]: row["username"] for row in found}


class Taker(Struct, frozen=True, kw_only=True):
    """Where something can be handed to."""

    code: str
    kind: str
    name_zh: str
    name_en: str


async def kept_by(actor: Actor, *, limit: int) -> list[Keeping]:
    """The stores somebody keeps: their own stock, those whose key they hold, those their role is for."""
    return await db.read(
        Keeping,
        f"""{_KEEPING}
           WHERE store_keeping.key_holder = $1 OR place.id = (SELECT stock_place FROM person WHERE id = $1)
              OR (place.kind IN ('depot', 'onsite_store') AND place.code = ANY($2))
           ORDER BY place.kind = 'engineer_stock' DESC, place.code LIMIT $3""",
        actor.person_id,
        actor.depot_scope or [],
        limit,
    )


async def takers(*, limit: int) -> list[Taker]:
    """Depots, on-site stores and engineers' stocks, by kind and name."""
    return await db.read(
        Taker,
        """SELECT code, kind, name_zh, name_en FROM place
           WHERE kind IN ('depot', 'onsite_store', 'engineer_stock') ORDER BY kind, code LIMIT $1""",
        limit,
    )
