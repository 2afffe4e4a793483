"""Nights: parts taken first and papered after, papered, brought back, forgotten, and one that the ledger cannot follow."""

from datetime import datetime, timedelta

from api.demo.lived import Life, Story
from api.demo.warehouse.spare import spare
from inventory.ground import clock, db
from inventory.requests import papering
from inventory.stock import provisional
from inventory.stock.paper_policy import BUILT_IN, paper_due
from inventory.stock.provisional import NewProvisionalIssue, ProvisionalIssueView

FORGOTTEN_SINCE = timedelta(hours=6)
"""How long the overdue one has been overdue at least, weekends and holidays aside."""


def plan(life: Life) -> None:
    """Take parts at night; what became of them by this hour is as it is in every house."""
    life.tell(life.on(9, "02:10"), _papered(life))
    life.tell(life.on(7, "23:35"), _not_needed(life))
    life.plan(_forgotten_at(life), lambda: _forgotten(life))
    life.tell(life.ago(hours=33), _lost(life))
    life.plan(life.ago(hours=7.5), lambda: _last_night(life))


def _forgotten_at(life: Life) -> datetime:
    """The latest night of which the paper is overdue by now."""
    return next(
        at for days in range(2, 30) if paper_due(at := life.on(days, "03:20"), BUILT_IN) < life.end - FORGOTTEN_SINCE
    )


async def _newest(depot: str) -> str:
    """What the scanner says of a piece that a store can spare: the serial of the newest, or else its part number."""
    (part,) = await spare(depot, 1)
    serial = await db.fetch_value(
        """SELECT serial FROM unit
           JOIN part ON part.id = unit.part AND part_number = $2
           JOIN place ON place.id = unit.place AND place.code = $1
           JOIN pool ON pool.id = unit.pool AND pool.contract IS NULL
           WHERE unit.condition = 'good' ORDER BY received_at DESC, unit.id LIMIT 1""",
        depot,
        part,
    )
    return serial or part


async def _take(life: Life, depot: str, engineer: str, code: str, reason: str) -> ProvisionalIssueView:
    """An engineer scans what he takes."""
    return await provisional.take(
        NewProvisionalIssue(
            client_id=f"{engineer}-{clock.now():%m%d%H%M}-{code}",
            depot=depot,
            code=code,
            taken_at=clock.now(),
            reason=reason,
            purpose="夜间抢修 / repair at night",
        ),
        by=life.crew[engineer],
    )


async def _papered(life: Life) -> Story:
    """The morning after, the engineer names the machine that it went into."""
    taken = await _take(
        life, "GZ", "engineer-5", await _newest("GZ"), "客户催修，库房无人 / nobody at the store, the customer waits"
    )
    yield timedelta(hours=8)
    device = next(each for each in life.devices if each.site == "YUEWAN-GZ")
    await papering.paper(taken.id, by=life.crew["engineer-5"], device=device.serial, ticket="INC-20903")


async def _not_needed(life: Life) -> Story:
    taken = await _take(life, "SH", "engineer-6", await _newest("SH"), "备用 / to be on the safe side")
    yield timedelta(hours=10)
    await provisional.bring_back(taken.id, by=life.keeper("SH"), remark="未使用，原包装退回 / unopened")


async def _forgotten(life: Life) -> None:
    """No paper came in time: the worker hands it up as soon as it runs."""
    await _take(life, "GZ", "engineer-7", await _newest("GZ"), "夜间抢修，次日补单 / will be papered tomorrow")


async def _lost(life: Life) -> Story:
    """What somebody took and cannot find any more; a second person has still to confirm the loss."""
    taken = await _take(life, "SH", "engineer-8", await _newest("SH"), "取件 / taken")
    yield timedelta(hours=9)
    await provisional.report_lost(taken.id, by=life.crew["engineer-8"], reason="途中遗失 / lost on the way")


async def _last_night(life: Life) -> None:
    for code in (await _newest("GZ"), "ST16X-OLD-LABEL-0071"):
        await _take(life, "GZ", "engineer-9", code, "机房硬盘告警 / a drive raised an alarm")
