"""Ten bursts at once in five depots, two workers of which one is killed, vendors of which one refuses and one hangs."""

import asyncio
import random
import signal
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec

from inventory.catalogue import register as catalogue
from inventory.emergency import assessments, cases, declaring
from inventory.ground import clock, db
from inventory.installed_base import failures
from inventory.installed_base import register as installed_base
from inventory.places import register as places
from inventory.procurement import register as procurement
from inventory.stock import receipts, reservations
from tests.faults.test_worker_killed import until
from tests.integration.stock.test_levels import ids
from tests.services import end, start
from tests.vendors import ScriptedVendor, answer, vendor
from tests.world import AUDITOR, DISPATCHER, MANAGER, SETUP

SEED = 20_261_122
DEPOTS = ("GZ", "SH", "BJ", "CD", "WH")
PARTS = {f"B-{number}": DEPOTS[number % 5] for number in range(10)}
"""Each part with the one depot that keeps it: two in each."""

REFUSED, HANGING = "B-3", "B-7"
"""The part that a vendor offers cheapest and then refuses, and the one that only the vendor that hangs can deliver."""

STOCK, POINT, TAKEN, FAILED = 4, 3, 3, 5
SINCE = date(2024, 1, 1)


async def _company() -> None:
    """Three more depots, a site at each, ten parts in their devices, and two vendors beside the one there is."""
    await places.enter_parties(
        [
            places.NewParty(code=code, name_zh=code, name_en=code, is_vendor=True)
            for code in ("REFUSER", "HANGER")
        ],
        by=SETUP,
    )  # fmt: skip
    await places.enter_places(
        [
            places.NewPlace(code=code, kind="depot", name_zh=code, name_en=code, city_zh=code, city_en=code)
            for code in DEPOTS[2:]
        ]
        + [
            places.NewPlace(code=f"SITE-{code}", kind="site", name_zh=code, name_en=code, party="BANK")
            for code in DEPOTS
        ]
        + [
            places.NewPlace(code=f"V-{code}", kind="vendor", name_zh=code, name_en=code, party=code)
            for code in ("REFUSER", "HANGER")
        ],
        by=SETUP,
    )
    await places.enter_coverage(
        [places.NewCoverage(store=code, site=f"SITE-{code}", travel_hours=1) for code in DEPOTS], by=SETUP
    )
    await catalogue.enter_parts(
        [
            catalogue.NewPart(
                part_number=part,
                name_zh=part,
                name_en=part,
                kind="fan",
                unit_cost_cny=Decimal(100),
                holding_rate_per_year=0.2,
                serialised=False,
                maker="SEAGATE",
            )
            for part in PARTS
        ],
        by=SETUP,
    )
    await catalogue.enter_models([catalogue.NewModel(code="MB", name="MB", maker="SEAGATE")], by=SETUP)
    await catalogue.enter_model_parts(
        [catalogue.NewModelPart(model="MB", part=part, per_device=1) for part in PARTS], by=SETUP
    )
    await catalogue.enter_failure_rates(
        [
            catalogue.NewFailureRate(
                part=part,
                valid_from=SINCE,
                annual_rate=0.02,
                shape=20,
                exposure_device_years=1000,
                failures=0,
                device_years=0,
                source="assumed",
            )
            for part in PARTS
        ],
        by=SETUP,
    )
    await installed_base.enter_devices(
        [
            installed_base.NewDevice(
                serial=f"{code}-{number}", model="MB", site=f"SITE-{code}", contract="C-BANK", installed_on=SINCE
            )
            for code in DEPOTS
            for number in range(40)
        ],
        by=SETUP,
    )
    for part, depot in PARTS.items():
        await receipts.adjust(depot, part, STOCK, by=SETUP, reason="opening stock")


async def _vendors(urls: dict[str, str]) -> None:
    await procurement.enter_vendors(
        [
            procurement.NewVendor(party=code, place=f"V-{code}", kind="distributor", channel="http", endpoint=url)
            for code, url in urls.items()
            if code != "DISTI"
        ],
        by=SETUP,
    )
    await db.execute(
        "UPDATE vendor SET endpoint = $1 FROM party WHERE party.id = vendor.party AND party.code = 'DISTI'",
        urls["DISTI"],
    )
    await procurement.enter_authorisations(
        [
            procurement.NewAuthorisation(
                vendor=code,
                maker="SEAGATE",
                letter_number=code,
                valid_from=SINCE,
                valid_to=clock.today() + timedelta(days=300),
            )
            for code in urls
            if code != "DISTI"
        ],
        by=SETUP,
    )
    offered = [("DISTI", part, 120) for part in PARTS if part != HANGING]
    await procurement.enter_offers(
        [
            procurement.NewOffer(
                vendor=code,
                part=part,
                unit_price=Decimal(price),
                minimum_quantity=1,
                lot_size=1,
                maximum_quantity=40,
                order_fee=Decimal(0),
                lead_time_days=2.0,
                valid_from=SINCE,
            )
            for code, part, price in [*offered, ("REFUSER", REFUSED, 60), ("HANGER", HANGING, 120)]
        ],
        by=SETUP,
    )


async def _burst(part: str, depot: str, pauses: list[float]) -> None:
    """A part's devices fail one after the other, and its stock is taken."""
    for number, pause in enumerate(pauses):
        await asyncio.sleep(pause / 20)
        new = failures.NewFailure(
            device=f"{depot}-{number}",
            part_number=part,
            occurred_at=clock.now() - timedelta(hours=FAILED - number),
            position="bay 1",
        )
        await failures.record_failures([new], by=DISPATCHER)
    await reservations.reserve(part, depot, TAKEN, by=SETUP)


def _orders_at(shop: ScriptedVendor) -> dict[str, str]:
    """What a vendor was asked for, by idempotency key."""
    return {
        headers["idempotency-key"]: line["part_number"]
        for headers, body in shop.calls
        for line in msgspec.json.decode(body)["lines"]
    }


async def test_ten_bursts_at_once_open_ten_cases_and_nothing_is_ordered_twice_or_lost(own_company, tmp_path: Path):
    draw = random.Random(SEED)  # noqa: S311  not for secrets
    await _company()
    accepted = answer(202, {"vendor_reference": "D-1", "promised_at": None})
    refusal = answer(409, {"reason": "out of stock"})
    async with vendor(accepted) as taker, vendor(refusal) as refuser, vendor(None, waits=True) as hanger:
        await _vendors({"DISTI": taker.url, "REFUSER": refuser.url, "HANGER": hanger.url})
        for part, depot in PARTS.items():
            await declaring.set_critical_point(
                part, depot, POINT, pool="common", reason="floor", lasts=timedelta(days=9), by=MANAGER
            )
            await assessments.assess(*await ids(part, depot), by=SETUP)
        assert await db.fetch_value("SELECT count(*) FROM emergency_case") == 0
        await db.execute("DELETE FROM pgqueuer")
        workers = [start("work", dsn=own_company, state=tmp_path) for _ in range(2)]
        try:
            opened_by_then = draw.randrange(1, 6)
            bursts = [
                asyncio.create_task(_burst(*row, [draw.random() for _ in range(FAILED)])) for row in PARTS.items()
            ]

            async def some_opened() -> bool:
                return await db.fetch_value("SELECT count(*) FROM emergency_case") >= opened_by_then

            await until(some_opened)
            end(workers.pop(draw.randrange(2)), signal.SIGKILL)
            await asyncio.gather(*bursts)

            async def answered() -> bool:
                ordered = await db.fetch_value("SELECT count(*) FROM purchase_order WHERE state = 'placed'")
                return ordered == len(PARTS) - 1 and bool(hanger.calls)

            await until(answered, seconds=80)
        finally:
            for worker in workers:
                end(worker, signal.SIGKILL)

        found = await cases.cases(limit=50, seen_by=AUDITOR)
        assert Counter((case.part_number, case.depot) for case in found) == Counter(PARTS.items())
        assert {case.state for case in found} == {"acting"}
        for case in found:
            log = (await cases.case_view(case.id, seen_by=AUDITOR)).log
            assert [entry.kind for entry in log].count("opened") == 1
        standing = await db.fetch(
            """SELECT part.part_number, party.code AS vendor, purchase_order.state, purchase_order.id::text AS id,
                      line.quantity
               FROM purchase_order
               JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id
               JOIN part ON part.id = line.part
               JOIN vendor ON vendor.id = purchase_order.vendor
               JOIN party ON party.id = vendor.party
               WHERE purchase_order.state <> 'cancelled'"""
        )
        placed = {row["id"]: row["part_number"] for row in standing if row["state"] == "placed"}
        assert Counter(placed.values()) == Counter(part for part in PARTS if part != HANGING)
        assert _orders_at(taker) == placed
        others = {(row["part_number"], row["vendor"], row["state"]) for row in standing if row["id"] not in placed}
        assert others == {(REFUSED, "REFUSER", "refused"), (HANGING, "HANGER", "approved")}
        assert list(_orders_at(refuser).values()) == [REFUSED]
        assert list(_orders_at(hanger).values()) == [HANGING]
        (waiting,) = [row["id"] for row in standing if row["vendor"] == "HANGER"]
        tried_again = (
            "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'place_order' AND convert_from(payload, 'UTF8') LIKE $1"
        )
        assert await db.fetch_value(tried_again, f"%{waiting}%") == 1
        assert all(row["quantity"] >= POINT - (STOCK - TAKEN) for row in standing)
