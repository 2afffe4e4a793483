"""What a case has to choose from: what is needed where, what vendors offer, how stock can move."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from msgspec import Struct

from inventory.emergency import cases
from inventory.emergency.facts import Facts, RowFacts, gather
from inventory.emergency.judging import Judgement, judge_one, still_missing
from inventory.emergency.policy import Policy
from inventory.ground import clock, db
from inventory.planning.network import store_name
from inventory.procurement.provenance import LEAST_FOR_GOOD_STOCK, Provenance, is_at_least, vendor_grade
from optimizer.situation import Delivery, Lane, Need, Situation, VendorOption


class Offered(Struct, frozen=True, kw_only=True):
    """What an option of the situation is in procurement."""

    vendor: str
    expedited: bool


class Choices(Struct, frozen=True, kw_only=True):
    """A situation to be solved, and how its names read in the database.

    `missing` is how much stock has to be found, beyond what comes anyway and what earlier measures will bring.
    `options` by option, `depots` by store of the situation, `modes` by lane.
    """

    case: UUID
    number: str
    pool: str
    available: int
    missing: int
    situation: Situation
    options: dict[str, Offered]
    depots: dict[str, str]
    modes: dict[str, str]


async def choices(case: UUID) -> Choices | None:
    """What a case has to choose from; None where it waits for no proposal."""
    head = await db.fetch_one(
        """SELECT emergency_case.part, place, pool, emergency_case.number, contract.minimum_provenance
           FROM emergency_case
           JOIN pool AS own ON own.id = emergency_case.pool
           LEFT JOIN contract ON contract.id = own.contract
           WHERE emergency_case.id = $1 AND emergency_case.state IN ('open', 'proposed')""",
        case,
    )
    if head is None:
        return None
    facts = await _rows_of_part(head["part"], head["place"], head["pool"])
    subject = next(row for row in facts.rows if row.place == head["place"])
    donors = [row for row in facts.rows if row is not subject and row.available > 0]
    policy = await cases.policy_of(case)
    offers = await _offers(case, subject, cast("Provenance", head["minimum_provenance"] or LEAST_FOR_GOOD_STOCK))
    lanes = await _lanes(subject, donors, policy.restore_within_hours)
    under_way = await cases.under_way(case)
    judgement = judge_one(facts, subject)
    return Choices(
        case=case,
        number=head["number"],
        pool=subject.pool_code,
        available=subject.available,
        missing=still_missing(facts, subject, judgement, under_way),
        options={term.option: offered for offered, term in offers},
        depots={_store(row): row.depot for row in (subject, *donors)},
        modes={lane.name: mode for lane, mode in lanes},
        situation=situation_of(
            facts.at,
            subject,
            judgement,
            donors,
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
    donors: Sequence[RowFacts],
    policy: Policy,
    *,
    terms: Sequence[VendorOption],
    lanes: Sequence[Lane],
    under_way: int,
) -> Situation:
    """What a row needs, what may be bought for it, and what other stores can spare; pure."""
    needs = (
        Need(
            part=subject.part_number,
            depot=_store(subject),
            on_hand=max(0, subject.available),
            hold_point=judgement.asked + max(0, -subject.available),
            needed_by_hours=policy.restore_within_hours,
            inbound=_arriving(at, subject, policy, under_way),
        ),
        *(
            Need(
                part=row.part_number,
                depot=_store(row),
                on_hand=row.available,
                hold_point=min(_kept_by(row), row.available),
                needed_by_hours=policy.restore_within_hours,
                inbound=_arriving(at, row, policy),
            )
            for row in donors
        ),
    )
    return Situation(
        needs=needs,
        vendor_options=tuple(terms),
        lanes=tuple(lanes),
        shortage_cost_cny_per_unit_hour=float(policy.shortage_cost_cny_per_unit_hour),
        horizon_hours=max(subject.resupply_days * 24, policy.restore_within_hours),
    )


class Market(Struct, frozen=True, kw_only=True):
    """What may be bought for a row, and how stock of the same part gets there from other stores: no case asks for it."""

    offers: list[tuple[Offered, VendorOption]]
    lanes: list[tuple[Lane, str]]


async def market_of(subject: RowFacts, others: Sequence[RowFacts], policy: Policy) -> Market:
    """Today's offers and lanes for a row, `others` being the rows of its part and pool in other stores."""
    minimum = await db.fetch_value(
        "SELECT minimum_provenance FROM pool JOIN contract ON contract.id = pool.contract WHERE pool.id = $1",
        subject.pool,
    )
    return Market(
        offers=await _offers(None, subject, cast("Provenance", minimum or LEAST_FOR_GOOD_STOCK)),
        lanes=await _lanes(subject, others, policy.restore_within_hours),
    )


async def _rows_of_part(part: int, place: int, pool: int) -> Facts:
    """Facts about the case's row, and about the part in every store in service with the same pool."""
    keys = await db.fetch(
        """SELECT level.part, level.place, level.pool FROM level
           JOIN party ON party.id = level.owner AND party.is_ourselves
           JOIN place ON place.id = level.place AND place.kind <> 'engineer_stock' AND place.out_of_service_at IS NULL
           WHERE level.part = $1 AND level.pool = $2 AND level.condition = 'good' AND level.free > 0""",
        part,
        pool,
    )
    return await gather(sorted({(part, place, pool), *((key["part"], key["place"], key["pool"]) for key in keys)}))


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


async def _lanes(subject: RowFacts, donors: Sequence[RowFacts], within_hours: float) -> list[tuple[Lane, str]]:
    """The lanes into the case's store with their modes: of several, the cheapest that is in time, else the fastest."""
    stores = {row.place: _store(row) for row in donors}
    rows = await db.fetch(
        """SELECT DISTINCT ON (from_place) from_place, mode, hours, fixed_cost_cny::float8 AS fixed_cost,
                  unit_cost_cny::float8 AS unit_cost
           FROM lane
           WHERE to_place = $1 AND from_place = ANY($2)
             AND (carries_lithium OR NOT (SELECT lithium FROM part WHERE id = $3))
           ORDER BY from_place, hours > $4, CASE WHEN hours <= $4 THEN fixed_cost_cny END, hours""",
        subject.place,
        list(stores),
        subject.part,
        within_hours,
    )
    return [
        (
            Lane(
                origin=stores[row["from_place"]],
                destination=_store(subject),
                hours=row["hours"],
                fixed_cost_cny=row["fixed_cost"],
                unit_cost_cny=row["unit_cost"],
            ),
            row["mode"],
        )
        for row in rows
    ]


async def _offers(case: UUID | None, subject: RowFacts, needed: Provenance) -> list[tuple[Offered, VendorOption]]:
    """What may be bought: today's offers of vendors genuine enough that did not refuse this case; fast ways apart."""
    today = clock.today()
    rows = await db.fetch(
        """SELECT DISTINCT ON (party.code) vendor.id AS vendor_id, party.code AS vendor,
                  unit_price_cny::float8 AS price, order_fee_cny::float8 AS fee, lead_time_days * 24 AS hours,
                  expedited_price_cny::float8 AS fast_price, expedited_fee_cny::float8 AS fast_fee,
                  expedited_hours AS fast_hours, minimum_quantity, lot_size, maximum_quantity
           FROM offer
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           WHERE offer.part = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2)
             AND NOT EXISTS (
                 SELECT FROM purchase_order JOIN emergency_case ON emergency_case.number = purchase_order.case_number
                 WHERE emergency_case.id = $3 AND purchase_order.vendor = vendor.id AND purchase_order.state = 'refused')
           ORDER BY party.code, offer.valid_from DESC""",
        subject.part,
        today,
        case,
    )
    offers: list[tuple[Offered, VendorOption]] = []
    for row in rows:
        if not is_at_least(await vendor_grade(row["vendor_id"], subject.part, today), needed):
            continue
        offers.append(_option(row, subject, expedited=False))
        if row["fast_hours"] is not None:
            offers.append(_option(row, subject, expedited=True))
    return offers


def _option(row: db.Row, subject: RowFacts, *, expedited: bool) -> tuple[Offered, VendorOption]:
    way = "fast_" if expedited else ""
    term = VendorOption(
        option=f"{row['vendor']} expedited" if expedited else row["vendor"],
        part=subject.part_number,
        unit_price_cny=row[f"{way}price"],
        lead_hours=row[f"{way}hours"],
        moq=row["minimum_quantity"],
        max_qty=row["maximum_quantity"],
        lot=row["lot_size"],
        order_fee_cny=row[f"{way}fee"],
        depots=(_store(subject),),
    )
    return Offered(vendor=row["vendor"], expedited=expedited), term
