"""Many at once, over real HTTP against a real server: nothing is sold twice, nobody meets a deadlock, the books are right."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from inventory.assurance.invariants import violations
from inventory.catalogue import register as catalogue
from inventory.ground import db
from inventory.people import keys
from inventory.places import bins
from inventory.stock import receipts
from tests.services import served, working
from tests.world import SETUP

CLIENTS = 64
PARTS = 50
STORES = ("GZ", "SH")
OPENING = 6
OPERATIONS = 10_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 1_000

WANTED = (200, 201, 409)
"""Done, or refused by the rules: a 5xx, a 422 or a 404 would be our fault, here."""


@dataclass
class Crowd:
    """What all the clients together know of."""

    client: httpx.AsyncClient
    keys: dict[str, str]
    luck: random.Random = field(default_factory=lambda: random.Random(20261122))  # noqa: S311  repeatable, guards nothing
    held: list[str] = field(default_factory=list)
    drafted: list[str] = field(default_factory=list)
    shipped: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    serial: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)

    async def post(self, what: str, path: str, body: object, role: str = "keeper") -> httpx.Response:
        """Call, with a key of one's own for every act."""
        self.serial += 1
        headers = {"Authorization": f"Bearer {self.keys[role]}", "Idempotency-Key": f"act-{self.serial}"}
        answer = await self.client.post(f"/api/v1{path}", json=body, headers=headers)
        self.answers[what, answer.status_code] += 1
        if answer.status_code not in WANTED:
            self.surprises.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        return answer

    def part(self) -> str:
        """A part: some hotter than others."""
        return f"HOT-{min(int(self.luck.expovariate(0.06)), PARTS - 1):03d}"

    def one_of(self, known: list[str]) -> str | None:
        """Something that somebody made, now in this client's hands alone."""
        return known.pop(self.luck.randrange(len(known))) if known else None


async def reserve(crowd: Crowd) -> None:
    body = {"part_number": crowd.part(), "depot": crowd.luck.choice(STORES), "quantity": crowd.luck.randint(1, 3)}
    answer = await crowd.post("reserve", "/reservations", body)
    if answer.status_code == 201:
        crowd.held.append(answer.json()["id"])


async def hand_out(crowd: Crowd) -> None:
    held = crowd.one_of(crowd.held)
    if held:
        await crowd.post("post", f"/reservations/{held}/post", {"to": "BANK-GZ"})


async def void(crowd: Crowd) -> None:
    held = crowd.one_of(crowd.held)
    if held:
        await crowd.post("void", f"/reservations/{held}/void", {})


async def adjust(crowd: Crowd) -> None:
    """Stock comes in, or is missing at a count; of any condition."""
    body = {
        "part_number": crowd.part(),
        "depot": crowd.luck.choice(STORES),
        "quantity": crowd.luck.choice([-2, -1, 1, 2, 3]),
        "condition": crowd.luck.choice(["good", "good", "quarantine"]),
        "reason": "count",
    }
    await crowd.post("adjust", "/adjustments", body, "supervisor")


async def draft(crowd: Crowd) -> None:
    origin, target = crowd.luck.sample(STORES, 2)
    lines = [{"part_number": part, "quantity": 1} for part in {crowd.part() for _ in range(3)}]
    answer = await crowd.post("draft", "/transfers", {"from_depot": origin, "to_depot": target, "lines": lines})
    if answer.status_code == 201:
        crowd.drafted.append(answer.json()["id"])


async def ship(crowd: Crowd) -> None:
    drafted = crowd.one_of(crowd.drafted)
    if drafted and (await crowd.post("ship", f"/transfers/{drafted}/ship", {})).status_code == 200:
        crowd.shipped.append(drafted)


async def take_in(crowd: Crowd) -> None:
    shipped = crowd.one_of(crowd.shipped)
    if shipped:
        await crowd.post("take in", f"/transfers/{shipped}/receive", {})


async def cancel_transfer(crowd: Crowd) -> None:
    drafted = crowd.one_of(crowd.drafted)
    if drafted:
        await crowd.post("cancel transfer", f"/transfers/{drafted}/cancel", {"reason": "not needed"})


async def ask(crowd: Crowd) -> None:
    body = {
        "source": "crowd",
        "reference": f"R-{crowd.serial}-{crowd.luck.random()}",
        "device_serial": f"BANK-{crowd.luck.randrange(160):03d}",
        "severity": crowd.luck.choice(["general", "severe"]),
        "lines": [{"part_number": part, "quantity": 1} for part in {crowd.part(), crowd.part()}],
    }
    answer = await crowd.post("ask", "/part-requests", body, "dispatcher")
    if answer.status_code == 201:
        crowd.asked.append(answer.json()["id"])


async def ship_request(crowd: Crowd) -> None:
    asked = crowd.one_of(crowd.asked)
    if asked:
        await crowd.post("ship request", f"/part-requests/{asked}/ship", {})


async def cancel_request(crowd: Crowd) -> None:
    asked = crowd.one_of(crowd.asked)
    if asked:
        await crowd.post("cancel request", f"/part-requests/{asked}/cancel", {"reason": "mended"}, "dispatcher")


async def take_over(crowd: Crowd) -> None:
    held = crowd.one_of(crowd.held)
    if held:
        body = {"reference": "crowd", "priority_class": "emergency", "reason": "more urgent"}
        answer = await crowd.post("take over", f"/reservations/{held}/take-over", body, "dispatcher")
        if answer.status_code == 201:
            crowd.held.append(answer.json()["id"])


MIX = [reserve] * 6 + [hand_out] * 3 + [void] * 2 + [adjust] * 3 + [draft, ship, take_in] * 2
MIX += [cancel_transfer, ask, ask, ship_request, cancel_request, take_over]


def shuffled[T](things: Iterable[T]) -> list[T]:
    """In an order of no meaning, so that no two orders (of numbers, ids, keys) happen to be the same."""
    return random.Random(7).sample(listed := list(things), len(listed))  # noqa: S311  repeatable, guards nothing


@pytest.fixture
async def crowd(own_company: str, tmp_path: Path) -> AsyncIterator[Crowd]:
    """64 clients before a real server with a worker behind it; 200 hot levels of parts without serials."""
    await catalogue.enter_parts(
        [
            catalogue.NewPart(
                part_number=f"HOT-{n:03d}",
                name_zh="热点备件",
                name_en="hot part",
                kind="fan",
                unit_cost_cny=1,
                holding_rate_per_year=0.2,
                serialised=False,
            )
            for n in shuffled(range(PARTS))
        ],
        by=SETUP,
    )
    await bins.enter_bins([bins.NewBin(place=store, code="A-1") for store in STORES], by=SETUP)
    await _open_stock()
    made = {
        name: (await keys.make_key(keys.NewKey(name=name, role=role), by=SETUP)).secret or ""
        for name, role in (
            ("keeper", "warehouse_keeper"),
            ("supervisor", "quality_supervisor"),
            ("dispatcher", "dispatcher"),
        )
    }
    with served(own_company, tmp_path) as url, working(own_company, tmp_path):
        limits = httpx.Limits(max_connections=CLIENTS)
        async with httpx.AsyncClient(base_url=url, limits=limits, timeout=120) as client:
            yield Crowd(client, made)


async def _open_stock() -> None:
    """Every part in good condition and in quarantine in both stores: 200 levels."""
    spots = [(n, store, condition) for n in range(PARTS) for store in STORES for condition in ("good", "quarantine")]
    for number, store, condition in shuffled(spots):
        await receipts.adjust(
            store,
            f"HOT-{number:03d}",
            OPENING,
            by=SETUP,
            reason="opening stock",
            condition=condition,
            provenance="authorised_channel",
        )


async def test_a_crowd_breaks_nothing(crowd: Crowd):
    begun = 0

    async def somebody() -> None:
        nonlocal begun
        while begun < OPERATIONS:
            begun += 1
            await crowd.luck.choice(MIX)(crowd)

    await asyncio.gather(*(somebody() for _ in range(CLIENTS)))

    done = {what for what, status in crowd.answers if status < 400}
    assert crowd.surprises == []
    assert done >= {"reserve", "post", "void", "adjust", "draft", "ship", "take in", "ask"}
    assert await violations() == []
    low = "SELECT count(*) FROM level WHERE on_hand < 0 OR reserved < 0 OR reserved > on_hand OR backordered < 0"
    assert await db.fetch_value(low) == 0
    # a verb is tried again when it loses a deadlock, which would hide one; there must be none to hide
    assert await db.fetch_value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
