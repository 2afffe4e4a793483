"""What a case has to choose from: what is needed where, what vendors offer, how stock can move."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from msgspec import Struct

from inventory.catalogue.grades import LEAST_FOR_GOOD_STOCK, Provenance, is_at_least
from inventory.emergency import cases, hindrances
from inventory.emergency.facts import Facts, Key, RowFacts, gather
from inventory.emergency.hindrances import DonorKeepsItsOwn, Hindrance, NoWayThere
from inventory.emergency.judging import Judgement, judge_one, still_missing
from inventory.emergency.policy import Policy
from inventory.emergency.stand_ins import Substitute, SwapUnit, substitutes_of, swap_units_of
from inventory.ground import clock, db
from inventory.planning.network import store_name
from inventory.procurement.provenance import grades
from optimizer.cover import NO_DEMAND
from optimizer.situation import Delivery, Lane, Need, Situation, VendorOption


class Offered(Struct, frozen=True, kw_only=True):
    """What an option of the situation is in procurement: `pieces` of a part for each that the need counts."""

    vendor: str
    expedited: bool
    part_number: str
    pieces: int = 1


class Carried(Struct, frozen=True, kw_only=True):
    """What a lane of the situation is in our stores: `pieces` of a part for each that the need counts, from a depot.

    Without a `mode` it lies in the case's own store: it is set aside there, and goes nowhere.
    """

    depot: str
    mode: str | None
    part_number: str
    pieces: int = 1


class Choices(Struct, frozen=True, kw_only=True):
    """A situation to be solved, and how its names read in the database.

    `missing` is how much stock has to be found, beyond what comes anyway and what earlier measures will bring.
    `options` by option, `moves` by lane; `hindrances` is what keeps others from being there. `substitutes` are the parts
    that may stand in, those too that fit only some of what the stock serves and are not counted on; `swap_units` whole units
    that could bridge the time, which nobody reckons with. A `drill` buys from those who take part in drills, and from no store.

    A substitute is in the situation as what it stands for: where two pieces of it are used for one, an offer of it is an
    option for the part at twice the price, in lots of whole pairs; what a store can spare of it is a need of its own, named
    after the store and the substitute, and a lane from there.
    """

    case: UUID
    number: str
    proposed_at: datetime | None
    pool: str
    depot: str
    available: int
    missing: int
    situation: Situation
    drill: bool
    options: dict[str, Offered]
    moves: dict[str, Carried]
    substitutes: list[Substitute]
    swap_units: list[SwapUnit]
    hindrances: list[Hindrance]


class Source(Struct, frozen=True, kw_only=True):
    """A store that has something to give: what of, how it is named, and how many pieces are used for one."""

    row: RowFacts
    store: str
    pieces: int
    kept: int
    need: Need

    @property
    def spare(self) -> int:
        """How many pieces it can give."""
        return max(0, self.row.available - self.kept) // self.pieces * self.pieces


async def choices(case: UUID) -> Choices | None:
    """What a case has to choose from; None where it waits for no proposal."""
    head = await db.fetch_one(
        """SELECT emergency_case.part, place, pool, emergency_case.number, proposed_at, drill, contract.minimum_provenance
           FROM emergency_case
           JOIN pool AS own ON own.id = emergency_case.pool
           LEFT JOIN contract ON contract.id = own.contract
           WHERE emergency_case.id = $1 AND emergency_case.state IN ('open', 'proposed')""",
        case,
    )
    if head is None:
        return None
    key = (head["part"], head["place"], head["pool"])
    substitutes = [] if head["drill"] else await substitutes_of(*key)
    fitting = {each.part: each for each in substitutes if each.fits}
    # no store gives anything away for a drill: only its own row is looked at
    facts = await gather([key]) if head["drill"] else await _rows_of(key, [*fitting])
    subject = next(row for row in facts.rows if row.key == key)
    policy = await cases.policy_of(case)
    sources = [
        same(facts.at, row, policy)
        if row.part == subject.part
        else _instead(facts, row, subject, fitting[row.part], policy)
        for row in facts.rows
        if row is not subject and row.available > 0
    ]
    needed = cast("Provenance", head["minimum_provenance"] or LEAST_FOR_GOOD_STOCK)
    offers, too_low = await _offers(case, subject, fitting, needed, drill=head["drill"])
    lanes = await _lanes(subject, sources, policy.restore_within_hours)
    under_way = await cases.under_way(case)
    judgement = judge_one(facts, subject)
    missing = still_missing(facts, subject, judgement, under_way)
    return Choices(
        case=case,
        number=head["number"],
        proposed_at=head["proposed_at"],
        pool=subject.pool_code,
        depot=subject.depot,
        available=subject.available,
        missing=missing,
        options={term.option: offered for offered, term in offers},
        moves={lane.name: carried for lane, carried in lanes},
        drill=head["drill"],
        substitutes=substitutes,
        swap_units=await swap_units_of(*key),
        hindrances=[
            *await hindrances.refused_orders(head["number"], sorted({offered.vendor for offered, _ in offers})),
            *(
                []
                if any(offered.part_number == subject.part_number for offered, _ in offers) or too_low
                else [await hindrances.not_offered(subject.part, subject.part_number, drill=head["drill"])]
            ),
            *(hindrances.too_low(number, needed, vendors) for number, vendors in too_low.items()),
            *_unused(subject, sources, [lane.origin for lane, _ in lanes], missing),
        ],
        situation=situation_of(
            facts.at,
            subject,
            judgement,
            sources,
            policy,
            terms=[term for _, term in offers],
            lanes=[lane for lane, _ in lanes],
            under_way=under_way,
        ),
    )


def situation_of(
    at: datetime,
    subject: RowFacts,
    judgement: Judgement,
    sources: Sequence[Source],
    policy: Policy,
    *,
    terms: Sequence[VendorOption],
    lanes: Sequence[Lane],
    under_way: int,
) -> Situation:
    """What a row needs, what may be bought for it, and what other stores can spare; pure."""
    need = Need(
        part=subject.part_number,
        depot=_store(subject),
        on_hand=max(0, subject.available),
        hold_point=judgement.asked + max(0, -subject.available),
        needed_by_hours=policy.restore_within_hours,
        inbound=_arriving(at, subject, policy, under_way),
    )
    return Situation(
        needs=(need, *(source.need for source in sources)),
        vendor_options=tuple(terms),
        lanes=tuple(lanes),
        shortage_cost_cny_per_unit_hour=float(policy.shortage_cost_cny_per_unit_hour),
        horizon_hours=max(subject.resupply_days * 24, policy.restore_within_hours),
    )


class Market(Struct, frozen=True, kw_only=True):
    """What may be bought for a row, and how stock of the same part gets there from other stores: no case asks for it."""

    offers: list[tuple[Offered, VendorOption]]
    lanes: list[tuple[Lane, Carried]]


async def market_of(at: datetime, subject: RowFacts, others: Sequence[RowFacts], policy: Policy) -> Market:
    """Today's offers and lanes for a row, `others` being the rows of its part and pool in other stores."""
    minimum = await db.fetch_value(
        "SELECT minimum_provenance FROM pool JOIN contract ON contract.id = pool.contract WHERE pool.id = $1",
        subject.pool,
    )
    offers, _ = await _offers(None, subject, {}, cast("Provenance", minimum or LEAST_FOR_GOOD_STOCK))
    sources = [same(at, row, policy) for row in others]
    return Market(offers=offers, lanes=await _lanes(subject, sources, policy.restore_within_hours))


async def _rows_of(key: Key, substitutes: Sequence[int]) -> Facts:
    """Facts about the case's row, and about the part and its substitutes in every store in service with the same pool."""
    part, _, pool = key
    keys = await db.fetch(
        """SELECT level.part, level.place, level.pool FROM level
           JOIN party ON party.id = level.owner AND party.is_ourselves
           JOIN place ON place.id = level.place AND place.kind <> 'engineer_stock' AND place.out_of_service_at IS NULL
           WHERE level.part = ANY($1) AND level.pool = $2 AND level.condition = 'good' AND level.free > 0""",
        [part, *substitutes],
        pool,
    )
    return await gather(sorted({key, *((row["part"], row["place"], row["pool"]) for row in keys)}))


def same(at: datetime, row: RowFacts, policy: Policy) -> Source:
    """A store that has pieces of the part itself."""
    need = Need(
        part=row.part_number,
        depot=_store(row),
        on_hand=row.available,
        hold_point=min(_kept_by(row), row.available),
        needed_by_hours=policy.restore_within_hours,
        inbound=_arriving(at, row, policy),
    )
    return Source(row=row, store=_store(row), pieces=1, kept=_kept_by(row), need=need)


def _instead(facts: Facts, row: RowFacts, subject: RowFacts, substitute: Substitute, policy: Policy) -> Source:
    """A store that has pieces of a substitute: as many as it has beyond its own lines, judged as they are now."""
    judgement = judge_one(facts, row)
    kept = max(judgement.point, judgement.average_line + 1 if row.rate_per_day > NO_DEMAND else 0)
    on_hand = row.available // substitute.pieces
    store = f"{_store(row)}/{row.part_number}"
    need = Need(
        part=subject.part_number,
        depot=store,
        on_hand=on_hand,
        hold_point=on_hand - max(0, row.available - kept) // substitute.pieces,
        needed_by_hours=policy.restore_within_hours,
    )
    return Source(row=row, store=store, pieces=substitute.pieces, kept=kept, need=need)


def _unused(subject: RowFacts, sources: Sequence[Source], reached: Collection[str], missing: int) -> list[Hindrance]:
    """What keeps stores that have something from giving all that is missing."""
    found: list[Hindrance] = []
    for source in sources:
        row, spare = source.row, source.spare
        if source.store not in reached and spare:
            found.append(
                hindrances.told(
                    NoWayThere(depot=row.depot, to_depot=subject.depot, part_number=row.part_number, spare=spare)
                )
            )
        elif source.store in reached and spare < missing * source.pieces:
            found.append(
                hindrances.told(
                    DonorKeepsItsOwn(
                        depot=row.depot,
                        part_number=row.part_number,
                        available=row.available,
                        kept=min(source.kept, row.available),
                        spare=spare,
                        short=missing * source.pieces - spare,
                        critical_point=row.critical_point or 0,
                        average_failure_line=row.average_failure_line or 0,
                    )
                )
            )
    return found


def _store(row: RowFacts) -> str:
    return store_name(row.depot, row.pool_code)


def _kept_by(donor: RowFacts) -> int:
    """What a store keeps when it helps another: its critical point, and more than its average-failure line (D78)."""
    return max(donor.critical_point or 0, (donor.average_failure_line or 0) + 1)


def _arriving(at: datetime, row: RowFacts, policy: Policy, under_way: int = 0) -> tuple[Delivery, ...]:
    """What is confirmed to arrive, and of what measures have still to bring the rest, as if it came just in time."""
    confirmed = [each for each in row.arriving if each.due_at > at]
    rest = under_way - sum(each.quantity for each in confirmed if each.measure)
    deliveries = [Delivery(each.quantity, (each.due_at - at).total_seconds() / 3600) for each in confirmed]
    return (*deliveries, *([Delivery(rest, policy.restore_within_hours)] if rest > 0 else []))


async def _lanes(subject: RowFacts, sources: Sequence[Source], within_hours: float) -> list[tuple[Lane, Carried]]:
    """The ways into the case's store: of several lanes the cheapest that is in time, else the fastest.

    What lies in the case's own store is there at once, for nothing.
    """
    rows = await db.fetch(
        """SELECT DISTINCT ON (source.number) source.number, mode, hours, lane.fixed_cost_cny::float8 AS fixed_cost,
                  lane.unit_cost_cny::float8 AS unit_cost
           FROM unnest($2::int[], $3::int[]) WITH ORDINALITY AS source(place, part, number)
           JOIN part ON part.id = source.part
           JOIN lane ON lane.to_place = $1 AND lane.from_place = source.place AND (carries_lithium OR NOT part.lithium)
           ORDER BY source.number, hours > $4, CASE WHEN hours <= $4 THEN fixed_cost_cny END, hours""",
        subject.place,
        [source.row.place for source in sources],
        [source.row.part for source in sources],
        within_hours,
    )
    ways = {row["number"] - 1: row for row in rows}
    lanes: list[tuple[Lane, Carried]] = []
    for number, source in enumerate(sources):
        own, way = source.row.place == subject.place, ways.get(number)
        if way is None and not own:
            continue
        lane = Lane(
            origin=source.store,
            destination=_store(subject),
            hours=0 if way is None else way["hours"],
            fixed_cost_cny=0 if way is None else way["fixed_cost"],
            unit_cost_cny=0 if way is None else way["unit_cost"] * source.pieces,
        )
        carried = Carried(
            depot=source.row.depot,
            mode=None if way is None else way["mode"],
            part_number=source.row.part_number,
            pieces=source.pieces,
        )
        lanes.append((lane, carried))
    return lanes


async def _offers(
    case: UUID | None,
    subject: RowFacts,
    substitutes: Mapping[int, Substitute],
    needed: Provenance,
    *,
    drill: bool = False,
) -> tuple[list[tuple[Offered, VendorOption]], dict[str, list[tuple[str, Provenance]]]]:
    """What may be bought: today's offers of vendors genuine enough that did not refuse this case; fast ways apart.

    For a drill, those of vendors that take part in drills.

    Of the part, and of what fits instead of it; whoever refused the one may still send the other. And by part who offers it
    and is not genuine enough, with their grade.
    """
    today = clock.today()
    rows = await db.fetch(
        """SELECT DISTINCT ON (offer.part = $1, party.code, part.part_number) offer.part, part.part_number,
                  vendor.id AS vendor_id, party.code AS vendor,
                  offer.unit_cost_cny::float8 AS price, order_fee_cost_cny::float8 AS fee, lead_time_days * 24 AS hours,
                  expedited_cost_cny::float8 AS fast_price, expedited_fee_cost_cny::float8 AS fast_fee,
                  expedited_hours AS fast_hours, minimum_quantity, lot_size, maximum_quantity
           FROM offers_on($2::date) AS offer
           JOIN part ON part.id = offer.part
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           WHERE (offer.part = $1 OR offer.part = ANY($4))
             AND (takes_drills OR NOT $5)
             AND NOT EXISTS (
                 SELECT FROM purchase_order
                 JOIN emergency_case ON emergency_case.number = purchase_order.case_number
                 JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id AND line.part = offer.part
                 WHERE emergency_case.id = $3 AND purchase_order.vendor = vendor.id AND purchase_order.state = 'refused')
           ORDER BY offer.part = $1 DESC, party.code, part.part_number, offer.valid_from DESC""",
        subject.part,
        today,
        case,
        list(substitutes),
        drill,
    )
    offers: list[tuple[Offered, VendorOption]] = []
    too_low: dict[str, list[tuple[str, Provenance]]] = defaultdict(list)
    graded = await grades({(row["vendor_id"], row["part"]) for row in rows}, today)
    for row in rows:
        grade = graded[row["vendor_id"], row["part"]]
        if not is_at_least(grade, needed):
            too_low[row["part_number"]].append((row["vendor"], grade))
            continue
        pieces = substitutes[row["part"]].pieces if row["part"] in substitutes else 1
        offers.append(_option(row, subject, pieces, expedited=False))
        if row["fast_hours"] is not None:
            offers.append(_option(row, subject, pieces, expedited=True))
    return offers, too_low


def _option(row: db.Row, subject: RowFacts, pieces: int, *, expedited: bool) -> tuple[Offered, VendorOption]:
    """An offer as the situation has it, counted in pieces of the part: `pieces` of what is sent are one of these.

    Whole lots of the vendor that are whole sets too: of sets of two from lots of three, three sets.
    """
    way = "fast_" if expedited else ""
    named = row["vendor"] if row["part_number"] == subject.part_number else f"{row['vendor']} {row['part_number']}"
    term = VendorOption(
        option=f"{named} expedited" if expedited else named,
        part=subject.part_number,
        unit_price_cny=row[f"{way}price"] * pieces,
        lead_hours=row[f"{way}hours"],
        moq=-(-row["minimum_quantity"] // pieces),
        max_qty=row["maximum_quantity"] // pieces,
        lot=row["lot_size"] // math.gcd(row["lot_size"], pieces),
        order_fee_cny=row[f"{way}fee"],
        depots=(_store(subject),),
    )
    return Offered(vendor=row["vendor"], expedited=expedited, part_number=row["part_number"], pieces=pieces), term
