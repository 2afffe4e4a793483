"""Proposing measures for a case: what to buy and what to move, at least cost; drafted, and acted on if it may be."""

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.emergency import cases
from inventory.emergency.facts import RowFacts, gather
from inventory.emergency.judging import after_restoring, judge_one
from inventory.ground import clock, db, jobs
from inventory.ground.actor import Actor, service
from inventory.planning.network import store_name
from inventory.procurement import orders
from inventory.procurement.provenance import LEAST_FOR_GOOD_STOCK, is_at_least, vendor_grade
from inventory.stock import transfers
from inventory.stock.refusals import InsufficientStock
from optimizer.emergency import Answer
from optimizer.situation import Delivery, Lane, Move, Need, Purchase, Situation, VendorOption

ATTEMPTS = 5
"""How often a proposal is made anew because stock moved while it was being solved."""

STANDING_AUTHORITY = service("standing authority")


class Option(Struct, frozen=True, kw_only=True):
    """What an option of the situation is in procurement."""

    vendor: str
    expedited: bool


class Choosing(Struct, frozen=True, kw_only=True):
    """A situation to be solved, and how its names read in the database."""

    case: UUID
    number: str
    part_number: str
    depot: str
    pool: str
    available: int
    situation: Situation
    options: dict[str, Option]
    depots: dict[str, str]
    modes: dict[str, str]


async def choosing(case: UUID) -> Choosing | None:
    """What a case has to choose from: needs, offers, lanes; None where it waits for no proposal."""
    row = await db.fetch_one(
        """SELECT emergency_case.part, place, pool, emergency_case.number, contract.minimum_provenance
           FROM emergency_case
           JOIN pool AS own ON own.id = emergency_case.pool
           LEFT JOIN contract ON contract.id = own.contract
           WHERE emergency_case.id = $1 AND emergency_case.state IN ('open', 'proposed')""",
        case,
    )
    if row is None:
        return None
    keys = await db.fetch(
        """SELECT level.part, level.place, level.pool FROM level
           JOIN party ON party.id = level.owner AND party.is_ourselves
           JOIN place ON place.id = level.place AND place.kind <> 'engineer_stock' AND place.out_of_service_at IS NULL
           WHERE level.part = $1 AND level.pool = $2 AND level.condition = 'good'
             AND (level.place = $3 OR level.free > 0)""",
        row["part"], row["pool"], row["place"],
    )  # fmt: skip
    here = (row["part"], row["place"], row["pool"])
    facts = await gather(list({here, *((k["part"], k["place"], k["pool"]) for k in keys)}))
    subject = next(r for r in facts.rows if r.key == here)
    policy = await cases.policy_of(case)
    needs = [_need(r, after_restoring(judge_one(facts, r)) if r is subject else None, policy.restore_within_hours)
             for r in sorted(facts.rows, key=lambda r: (r is not subject, r.depot))]  # fmt: skip
    named = {need.depot: r.depot for need, r in zip(needs, sorted(facts.rows, key=lambda r: (r is not subject, r.depot)), strict=True)}
    lanes, modes = await _lanes({r.place: store_name(r.depot, r.pool_code) for r in facts.rows}, subject, policy.restore_within_hours)
    offered = await _offers(case, subject, row["minimum_provenance"] or LEAST_FOR_GOOD_STOCK)
    return Choosing(
        case=case, number=row["number"], part_number=subject.part_number, depot=subject.depot, pool=subject.pool_code,
        available=subject.available, options={name: option for name, (option, _) in offered.items()},
        depots=named, modes=modes,
        situation=Situation(
            needs=tuple(needs),
            vendor_options=tuple(term for _, term in offered.values()),
            lanes=lanes,
            shortage_cost_cny_per_unit_hour=float(policy.shortage_cost_cny_per_unit_hour),
            horizon_hours=max(subject.resupply_days * 24, policy.restore_within_hours),
        ),
    )  # fmt: skip


def _need(row: RowFacts, wanted: int | None, within_hours: float) -> Need:
    """A row as a need: the case's own is to be restored, a donor keeps its critical point."""
    owed = max(0, -row.available)
    at = clock.now()
    return Need(
        part=row.part_number,
        depot=store_name(row.depot, row.pool_code),
        on_hand=max(0, row.available),
        hold_point=(wanted if wanted is not None else min(row.critical_point or 0, max(0, row.available))) + owed,
        needed_by_hours=within_hours,
        inbound=tuple(
            Delivery(coming.quantity, max(0.0, (coming.due_at - at).total_seconds() / 3600))
            for coming in row.arriving
            if coming.due_at > at
        ),
    )


async def _lanes(
    stores: dict[int, str], subject: RowFacts, within_hours: float
) -> tuple[tuple[Lane, ...], dict[str, str]]:
    """The lanes into the case's store: of several ways, the cheapest that is in time, else the fastest."""
    rows = await db.fetch(
        """SELECT DISTINCT ON (from_place) from_place, mode, hours, fixed_cost_cny::float8 AS fixed_cost,
                  unit_cost_cny::float8 AS unit_cost
           FROM lane
           WHERE to_place = $1 AND from_place = ANY($2)
             AND (carries_lithium OR NOT (SELECT lithium FROM part WHERE id = $3))
           ORDER BY from_place, hours > $4, CASE WHEN hours <= $4 THEN fixed_cost_cny END, hours""",
        subject.place, list(stores), subject.part, within_hours,
    )  # fmt: skip
    to = store_name(subject.depot, subject.pool_code)
    lanes = [
        Lane(origin=stores[row["from_place"]], destination=to, hours=row["hours"], fixed_cost_cny=row["fixed_cost"],
             unit_cost_cny=row["unit_cost"])
        for row in rows
    ]  # fmt: skip
    return tuple(lanes), {lane.name: row["mode"] for lane, row in zip(lanes, rows, strict=True)}


async def _offers(case: UUID, subject: RowFacts, needed: Any) -> dict[str, tuple[Option, VendorOption]]:
    """What may be bought: valid offers of vendors genuine enough, that did not refuse this case already."""
    today = clock.now().date()
    rows = await db.fetch(
        """SELECT vendor.id AS vendor_id, party.code AS vendor, unit_price_cny::float8 AS price,
                  order_fee_cny::float8 AS fee, lead_time_days * 24 AS hours, minimum_quantity, lot_size,
                  maximum_quantity, expedited_price_cny::float8 AS fast_price, expedited_fee_cny::float8 AS fast_fee,
                  expedited_hours AS fast_hours
           FROM offer
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           WHERE offer.part = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2)
             AND NOT EXISTS (
                 SELECT FROM purchase_order JOIN emergency_case ON emergency_case.number = purchase_order.case_number
                 WHERE emergency_case.id = $3 AND purchase_order.vendor = vendor.id AND purchase_order.state = 'refused')
           ORDER BY party.code, offer.valid_from DESC""",
        subject.part, today, case,
    )  # fmt: skip
    depot = store_name(subject.depot, subject.pool_code)
    offered: dict[str, tuple[Option, VendorOption]] = {}
    for row in rows:
        if not is_at_least(await vendor_grade(row["vendor_id"], subject.part, today), needed):
            continue
        ways = [(row["vendor"], False, row["price"], row["fee"], row["hours"])]
        if row["fast_hours"] is not None:
            ways.append((f"{row['vendor']} expedited", True, row["fast_price"], row["fast_fee"], row["fast_hours"]))
        for name, expedited, price, fee, hours in ways:
            if name not in offered:
                term = VendorOption(
                    option=name, part=subject.part_number, unit_price_cny=price, lead_hours=hours,
                    moq=row["minimum_quantity"], max_qty=row["maximum_quantity"], lot=row["lot_size"],
                    order_fee_cny=fee, depots=(depot,),
                )  # fmt: skip
                offered[name] = (Option(vendor=row["vendor"], expedited=expedited), term)
    return offered


@db.atomic
async def record(chosen: Choosing, answer: Answer, *, by: Actor, attempt: int = 1) -> None:
    """Draft what was chosen, keep the proposal, and act at once where standing authority reaches.

    Where stock moved while the answer was computed, it is asked for again.
    """
    fresh = await choosing(chosen.case)
    if fresh is None:
        return
    if fresh.situation != chosen.situation and fresh.available < chosen.available and attempt < ATTEMPTS:
        await jobs.enqueue(jobs.Propose(chosen.case, attempt + 1))
        return
    await _give_up_drafts(chosen.number, by)
    measures = answer.plan if answer.status != "infeasible" else answer.least_shortage.plan if answer.least_shortage else ()
    try:
        async with db.savepoint():
            total = await _draft(chosen, measures, by)
    except InsufficientStock:
        await jobs.enqueue(jobs.Propose(chosen.case, attempt + 1))
        return
    proposal = {
        "status": answer.status,
        "measures": msgspec.to_builtins(measures),
        "total_cny": str(total),
        "answer": msgspec.to_builtins(answer),
        "situation": msgspec.to_builtins(chosen.situation),
        "options": msgspec.to_builtins(chosen.options),
    }
    basis = await cases.record_proposal(chosen.case, proposal, total_cny=total, by=by)
    if basis == "standing_authority":
        await cases.approve(chosen.case, by=STANDING_AUTHORITY, basis=basis)


async def _give_up_drafts(number: str, by: Actor) -> None:
    """Take back the drafts of an earlier proposal."""
    for draft in await db.fetch("SELECT id FROM purchase_order WHERE case_number = $1 AND state = 'draft'", number):
        await orders.give_up(draft["id"], by=by, reason="proposed anew")
    for draft in await db.fetch("SELECT id FROM transfer WHERE case_number = $1 AND state = 'draft'", number):
        await transfers.give_up(draft["id"], by=by)


async def _draft(chosen: Choosing, measures: tuple[Purchase | Move, ...], by: Actor) -> Decimal:
    """Draft one order per vendor and way, and one transfer per lane; what they cost together."""
    total = Decimal(0)
    bought: dict[tuple[str, bool, str], list[orders.NewLine]] = defaultdict(list)
    moved: dict[str, list[transfers.TransferItem]] = defaultdict(list)
    for measure in measures:
        if isinstance(measure, Purchase):
            option = chosen.options[measure.buy]
            line = orders.NewLine(part_number=measure.part, quantity=measure.qty)
            bought[option.vendor, option.expedited, chosen.depots[measure.depot]].append(line)
        else:
            item = transfers.TransferItem(part_number=measure.part, quantity=measure.qty, pool=chosen.pool)
            moved[measure.move].append(item)
            lane = next(lane for lane in chosen.situation.lanes if lane.name == measure.move)
            total += Decimal(str(lane.unit_cost_cny)) * measure.qty
    for (vendor, expedited, depot), lines in sorted(bought.items()):
        order = await orders.draft_order(
            vendor, depot, lines, by=by, pool=chosen.pool, kind="emergency", expedited=expedited,
            case_number=chosen.number,
        )  # fmt: skip
        total += order.total_cny if isinstance(order.total_cny, Decimal) else Decimal(0)
    for name, items in sorted(moved.items()):
        lane = next(lane for lane in chosen.situation.lanes if lane.name == name)
        total += Decimal(str(lane.fixed_cost_cny))
        await transfers.draft(
            chosen.depots[lane.origin], chosen.depots[lane.destination], items, by=by,
            case_number=chosen.number, mode=chosen.modes[name],
        )  # fmt: skip
    return total
