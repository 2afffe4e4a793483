"""The demo company's past: two years of failures drawn from the true rates with a fixed seed, and the stock they moved.

The older part goes through the ledger in daily batches; the last weeks are lived call by call (`lived.py`).
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from api.demo.company.customers import CUSTOMERS, devices
from api.demo.company.parts import MODELS, PART_BY_NUMBER, PARTS, drive_records
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.installed_base import failures
from inventory.stock import lots, receipts, units
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.serving import SERVING

SEED = 20_261_121
YEARS = 2
LIVED_DAYS = 45
"""How many of the last days are lived call by call."""


@dataclass(frozen=True, order=True)
class Failed:
    """A part failed in a device."""

    at: datetime
    device: str
    part: str
    position: str
    site: str
    contract: str


def draw_failures(start: datetime, end: datetime, *, seed: int = SEED) -> list[Failed]:
    """Failures of every part in every device, a Poisson process at its true rate, in order of time.

    The drives' rates are those of the real field record; the other parts' are assumed, and so is that what cools and feeds
    a device fails more often where it is dusty, and when it is old.
    """
    rng = np.random.default_rng(seed)
    rates = {
        part.number: drive_records()[part.record].annual_rate if part.record else part.rate or 0.0 for part in PARTS
    }
    years = (end - start).total_seconds() / (365 * 86_400)
    per_device = {model.code: model.parts for model in MODELS}
    found: list[Failed] = []
    place = {site.code: site.environment for customer in CUSTOMERS for site in customer.sites}
    for device in devices(start.date()):
        old = (start.date() - device.installed_on).days > OLD_AFTER_DAYS
        for part, count in per_device[device.model].items():
            worn = _WORN.get(PART_BY_NUMBER[part].kind, {})
            times = worn.get(place[device.site], 1.0) * (worn.get("old", 1.0) if old else 1.0)
            for _ in range(int(rng.poisson(rates[part] * count * years * times))):
                at = start + (end - start) * float(rng.random())
                position = f"{'bay' if part in _DRIVES else 'slot'} {int(rng.integers(1, count + 1))}"
                found.append(Failed(at, device.serial, part, position, device.site, device.contract))
    return sorted(found)


OLD_AFTER_DAYS = 500
"""Devices that were installed longer than this before the past begins are old in it."""

_WORN: dict[str, dict[str, float]] = {
    "fan": {"industrial": 2.5, "server_room": 1.3, "old": 1.6},
    "psu": {"industrial": 1.6, "server_room": 1.1},
    "raid_battery": {"industrial": 1.4, "old": 1.8},
}
"""How many times as often some kinds of parts fail in some environments, and in old devices: assumed."""

_DRIVES = {part.number for part in PARTS if part.kind == "drive"}


@dataclass
class Stores:
    """Which store and pool serves each site and contract, and the ids the ledger needs."""

    serving: dict[tuple[str, str], tuple[int, int]]
    sites: dict[str, int]
    parts: dict[str, tuple[int, bool]]
    vendors: dict[str, int]
    owner: int
    lead_days: dict[str, float]


async def stores() -> Stores:
    """Look all of it up once."""
    serving = await db.fetch(
        f"""SELECT site.code AS site, contract.code AS contract, place, pool FROM ({SERVING}) AS serving
            JOIN place AS site ON site.id = serving.site JOIN contract ON contract.id = serving.contract"""
    )
    parts = await db.fetch("SELECT id, part_number, serialised FROM part")
    return Stores(
        serving={(row["site"], row["contract"]): (row["place"], row["pool"]) for row in serving},
        sites={row["code"]: row["id"] for row in await db.fetch("SELECT code, id FROM place WHERE kind = 'site'")},
        parts={row["part_number"]: (row["id"], row["serialised"]) for row in parts},
        vendors={
            row["part_number"]: row["place"]
            for row in await db.fetch(
                """SELECT DISTINCT ON (part.part_number) part.part_number, vendor.place FROM offer
                   JOIN vendor ON vendor.id = offer.vendor AND vendor.kind IN ('maker', 'distributor')
                   JOIN part ON part.id = offer.part ORDER BY part.part_number, offer.unit_price"""
            )
        },
        owner=await db.fetch_value("SELECT id FROM party WHERE is_ourselves"),
        lead_days={part.number: float(part.days) for part in PARTS},
    )


class Serials:
    """Makers' serials, never given twice; those of another series never meet."""

    def __init__(self, series: str = "") -> None:
        self._series = series
        self._given: dict[str, int] = defaultdict(int)

    def next(self, part: str, count: int = 1) -> list[str]:
        """The next serials of a part."""
        start = self._given[part]
        self._given[part] += count
        stem = self._series + part.replace("-", "")[:10]
        return [f"{stem}{number:05d}" for number in range(start + 1, start + count + 1)]


async def open_stock(targets: dict[tuple[str, str, str], int], serials: Serials, *, by: Actor) -> None:
    """Put the first plan's base stocks on the shelves."""
    serialised = {part.number: part.serialised for part in PARTS}
    for (part, depot, pool), quantity in sorted(targets.items()):
        if quantity:
            await receipts.adjust(
                depot,
                part,
                quantity,
                by=by,
                reason="期初库存 / opening stock",
                pool=pool,
                provenance="authorised_channel",
                serials=serials.next(part, quantity) if serialised[part] else (),
            )


@dataclass
class Shelf:
    """What the batch past knows of one level without asking: units in order of age, and pieces."""

    units: deque[UUID]
    pieces: int


async def replay(
    failed: Sequence[Failed],
    start: datetime,
    end: datetime,
    at: Stores,
    serials: Serials,
    *,
    by: Actor,
) -> None:
    """Live through the older past in daily batches: failures recorded, parts issued, replacements received."""
    shelves = await _shelves()
    coming: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    todays: dict[int, list[Failed]] = defaultdict(list)
    for failure in failed:
        if failure.at < end:
            todays[(failure.at - start).days].append(failure)
    days = (end - start).days
    for day in range(days):
        evening = start + timedelta(days=day + 1)
        with clock.at(evening):
            await _one_day(todays[day], coming.pop(day, []), shelves, at, serials, evening, by)
            for failure in todays[day]:
                due = day + int(at.lead_days[failure.part]) + 1
                coming[due].append((failure.part, *at.serving[failure.site, failure.contract]))
    # what was still on its way arrives as the batch past ends
    with clock.at(end):
        await _one_day([], [line for lines in coming.values() for line in lines], shelves, at, serials, clock.now(), by)


async def _shelves() -> dict[tuple[str, int, int], Shelf]:
    shelves: dict[tuple[str, int, int], Shelf] = {}
    for row in await db.fetch(
        """SELECT part.part_number, level.place, level.pool, on_hand,
                  (SELECT array_agg(unit.id ORDER BY received_at, unit.id) FROM unit
                   WHERE unit.part = level.part AND unit.place = level.place AND unit.pool = level.pool
                     AND unit.condition = 'good') AS units
           FROM level JOIN part ON part.id = level.part WHERE condition = 'good'"""
    ):
        shelves[row["part_number"], row["place"], row["pool"]] = Shelf(deque(row["units"] or ()), row["on_hand"])
    return shelves


async def _one_day(
    failed: Sequence[Failed],
    arrived: Sequence[tuple[str, int, int]],
    shelves: dict[tuple[str, int, int], Shelf],
    at: Stores,
    serials: Serials,
    now: datetime,
    by: Actor,
) -> None:
    if failed:
        await failures.record_failures(
            [
                failures.NewFailure(
                    device=f.device, part_number=f.part, occurred_at=f.at, position=f.position, code="replaced"
                )
                for f in failed
            ],
            by=by,
        )
    # goods come in the morning, before anything of that day goes out
    moves = await _receipts(arrived, shelves, at, serials, now - timedelta(days=1)) if arrived else []
    if moves:
        await post(moves, by=by)
    issues = [move for f in failed if (move := _issue(f, shelves, at, now)) is not None]
    if issues:
        await post(issues, by=by)


async def _receipts(
    arrived: Sequence[tuple[str, int, int]],
    shelves: dict[tuple[str, int, int], Shelf],
    at: Stores,
    serials: Serials,
    came_at: datetime,
) -> list[Move]:
    moves: list[Move] = []
    for part, place, pool in arrived:
        number, serialised = at.parts[part]
        outside = Spot(at.vendors[part], "good", at.owner, pool)
        unit = (
            await units.enter_new(
                number, serials.next(part)[0], outside, "authorised_channel", "例行补货 / replenishment"
            )
            if serialised
            else None
        )
        lot = (
            None
            if serialised
            else await lots.of_the_day(number, provenance="authorised_channel", source="例行补货 / replenishment")
        )
        shelf = shelves.setdefault((part, place, pool), Shelf(deque(), 0))
        shelf.pieces += 1
        if unit is not None:
            shelf.units.append(unit)
        moves.append(
            Move(
                kind="receipt",
                part=number,
                quantity=1,
                unit=unit,
                lot=lot,
                origin=outside,
                target=Spot(place, "good", at.owner, pool),
                document_kind="replenishment",
                reason="例行补货 / replenishment",
                occurred_at=came_at,
            )
        )
    return moves


def _issue(failed: Failed, shelves: dict[tuple[str, int, int], Shelf], at: Stores, now: datetime) -> Move | None:
    """The part that went out for a failure; none where the shelf was empty (it was bought for the day)."""
    place, pool = at.serving[failed.site, failed.contract]
    number, serialised = at.parts[failed.part]
    shelf = shelves.get((failed.part, place, pool))
    if shelf is None or shelf.pieces == 0:
        return None
    shelf.pieces -= 1
    return Move(
        kind="issue",
        part=number,
        quantity=1,
        unit=shelf.units.popleft() if serialised else None,
        origin=Spot(place, "good", at.owner, pool),
        target=Spot(at.sites[failed.site], "good", at.owner, pool),
        document_kind="failure",
        document=f"{failed.device} {failed.position}",
        occurred_at=min(failed.at, now),
    )
