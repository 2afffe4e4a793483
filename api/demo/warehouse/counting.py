"""Counts: every other week what is due, by the keepers' own sheets, and now and then a surprise."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import structs

from api.demo.lived import Life, Story
from api.demo.past import LIVED_DAYS
from inventory.ground import clock
from inventory.ground.actor import Actor, service
from inventory.stock import levels, placing
from inventory.stock.counting import closing, policy, scans, sheets
from inventory.stock.counting.scans import NewScan
from inventory.stock.placing import BinContent
from inventory.stock.pools import COMMON

FOUR_EYES_ABOVE_CNY = Decimal(500)

EVERY_DAYS = 14

UNTRACEABLE = "历史先发未补，无法追溯 / issued without paper long ago, cannot be traced"

Tampering = Callable[[list[NewScan], set[str]], list[NewScan]]
"""How what was counted differs from what the ledger says; with the parts of which a piece may be missing."""


def plan(life: Life) -> None:
    """Count now and then, find something twice, and leave one sheet half counted and one for the second person."""
    life.plan(life.on(LIVED_DAYS - 1, "18:30"), lambda: _policy(life))
    for days in range(LIVED_DAYS - 4, 2, -EVERY_DAYS):
        life.plan(life.on(days, "06:05"), lambda: _drawn_up(life))
        life.plan(life.on(days, "10:00"), lambda: _all_counted(life))
    life.plan(life.on(18, "14:00"), lambda: _surprised(life, "GZ", "2026-GZ-1", _one_piece_less))
    life.plan(life.on(10, "14:30"), lambda: _surprised(life, "SH", "2026-SH-1", _one_unit_less))
    life.tell(life.on(4, "15:00"), _called_off(life))
    life.plan(life.ago(hours=7), lambda: _left_to_the_second_person(life))
    life.tell(life.ago(hours=3), _half_counted(life))


async def _policy(life: Life) -> None:
    await policy.put_in_force(
        structs.replace(policy.BUILT_IN, four_eyes_above_cny=FOUR_EYES_ABOVE_CNY),
        by=life.crew["quality-supervisor-1"],
    )


async def _drawn_up(_: Life) -> None:
    await sheets.draw_up_due(by=service("housekeeping"))


async def _all_counted(life: Life) -> None:
    """Count every sheet that is open: all is where the ledger says."""
    for sheet in await sheets.counts(limit=20, seen_by=life.crew["auditor-1"], state="counting"):
        keeper = life.keeper(sheet.depot)
        await scans.record(sheet.id, await _as_it_lies(sheet.id, sheet.depot, keeper), by=keeper)
        await closing.finish(sheet.id, by=keeper)


def _spot(of: BinContent | closing.LineView) -> tuple[str | None, str, str, str, str]:
    return of.bin, of.part_number, of.condition, of.owner, of.pool


async def _as_it_lies(sheet: UUID, depot: str, by: Actor, bins: Sequence[str | None] | None = None) -> list[NewScan]:
    """What somebody sees who counts the lines of a sheet, or of some bins of it, and the ledger is right."""
    there = {_spot(each): each for each in await placing.contents(depot, limit=5000, seen_by=by)}
    wanted = [line for line in await closing.lines(sheet, seen_by=by) if bins is None or line.bin in bins]
    now = clock.now()
    return [
        NewScan(
            id=f"{line.id}/{now:%d%H%M}",
            part_number=line.part_number,
            counted_at=now,
            bin=line.bin,
            quantity=None if line.serialised else (found.quantity if found else 0),
            serials=(found.serials if found else []) if line.serialised else None,
            condition=line.condition,
            owner=line.owner,
            pool=line.pool,
        )
        for line in wanted
        for found in [there.get(_spot(line))]
    ]


async def _spared(depot: str, seen_by: Actor) -> set[str]:
    """The parts of which a store has more than one free: a piece of them may be missing without harm to anybody."""
    found = await levels.levels(limit=1000, seen_by=seen_by, depot=depot, pool="common")
    return {level.part_number for level in found if level.free > 1}


def _less(counted: list[NewScan], which: NewScan | None) -> list[NewScan]:
    if which is None:
        return counted
    fewer = structs.replace(
        which,
        quantity=None if which.quantity is None else which.quantity - 1,
        serials=None if which.serials is None else list(which.serials)[1:],
    )
    return [fewer if scan is which else scan for scan in counted]


def _may_miss(scan: NewScan, spared: set[str]) -> bool:
    return scan.condition == "good" and scan.pool == COMMON and scan.part_number in spared


def _one_piece_less(counted: list[NewScan], spared: set[str]) -> list[NewScan]:
    return _less(counted, next((s for s in counted if s.quantity and _may_miss(s, spared)), None))


def _one_unit_less(counted: list[NewScan], spared: set[str]) -> list[NewScan]:
    return _less(counted, next((s for s in counted if s.serials and _may_miss(s, spared)), None))


async def _drawn(life: Life, depot: str, seed: str, bins: int = 8) -> sheets.CountView:
    return await sheets.draw_up(
        depot,
        "surprise",
        by=life.crew["quality-supervisor-1"],
        seed=seed,
        bins_to_draw=bins,
        remark="突击抽盘 / surprise",
    )


async def _counted(life: Life, sheet: sheets.CountView, tampering: Tampering) -> None:
    """A keeper counts, blind, and what differs waits for a second person."""
    keeper = life.keeper(sheet.depot)
    seen = await _as_it_lies(sheet.id, sheet.depot, keeper)
    seen = tampering(seen, await _spared(sheet.depot, keeper))
    await scans.record(sheet.id, seen, by=keeper)
    await closing.finish(sheet.id, by=keeper)


async def _surprised(life: Life, depot: str, seed: str, tampering: Tampering) -> None:
    """A surprise finds something, and the supervisor says why and posts it."""
    sheet, supervisor = await _drawn(life, depot, seed), life.crew["quality-supervisor-1"]
    with clock.at(clock.now() + timedelta(hours=2)):
        await _counted(life, sheet, tampering)
    with clock.at(clock.now() + timedelta(hours=3)):
        for line in await closing.differences(sheet.id, seen_by=supervisor):
            await closing.explain(sheet.id, line.id, by=supervisor, reason=UNTRACEABLE)
        if (await sheets.count(sheet.id)).state == "counted":
            await closing.post_count(sheet.id, by=supervisor)


async def _called_off(life: Life) -> Story:
    sheet = await _drawn(life, "SY", "2026-SY-1", 3)
    yield timedelta(hours=2)
    await sheets.cancel(sheet.id, by=life.keeper("SY"), reason="到货高峰，改期 / too many deliveries today")


async def _left_to_the_second_person(life: Life) -> None:
    sheet = await _drawn(life, "SY", "2026-SY-2", 10)
    with clock.at(clock.now() + timedelta(hours=2)):
        await _counted(life, sheet, _one_unit_less)


async def _half_counted(life: Life) -> Story:
    """A blind sheet is on its way through the bins at this very moment."""
    sheet = await _drawn(life, "GZ", "2026-GZ-2", 6)
    yield timedelta(hours=2)
    done = [each.bin for each in await sheets.bins_to_count(sheet.id)][:2]
    keeper = life.keeper("GZ", 2)
    await scans.record(sheet.id, await _as_it_lies(sheet.id, "GZ", keeper, done), by=keeper)
