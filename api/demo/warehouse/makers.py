"""Makers called in: one who solved it days ago, and one who is on the way to a fault that our own expert could not end."""

from datetime import timedelta
from uuid import UUID

from api.demo.lived import Life, Story
from inventory.emergency import maker_support
from inventory.emergency.maker_support import NewMakerCase
from inventory.ground import clock
from inventory.requests import requests


def plan(life: Life) -> None:
    """One plan 1 from our own attempt to the closing note, and one that goes on."""
    life.tell(life.on(9, "14:00"), _called_in(life, "原厂二线 赵工", solved=True))
    life.tell(life.ago(hours=3), _called_in(life, "原厂二线 钱工", solved=False))


async def _under_way(life: Life) -> UUID | None:
    """A request that has a piece on its way, and a maker."""
    manager = life.crew["project-manager-1"]
    for each in await requests.requests(limit=20, seen_by=manager, state="shipped"):
        if (await maker_support.support(each.id, seen_by=manager)).makers:
            return each.id
    return None


async def _called_in(life: Life, contact: str, *, solved: bool) -> Story:
    manager = life.crew["project-manager-1"]
    while (request := await _under_way(life)) is None:
        yield timedelta(minutes=20)
    tried = "更换备件后故障依旧，日志已收集 / the fault stays with a new part; logs collected"
    attempt = await maker_support.record_attempt(request, expert="二线专家 孙工", tried=tried, by=manager)
    await maker_support.report_attempt(attempt.id, by=manager)
    maker = (await maker_support.support(request, seen_by=manager)).makers[0]
    called = NewMakerCase(maker=maker.code, contact=contact, contact_verified_on=clock.today())
    case = await maker_support.open_case(request, called, by=manager)
    yield timedelta(minutes=12)
    await maker_support.note_progress(case.id, "accepted", reference="SR 7734-2061", by=manager)
    yield timedelta(minutes=25)
    comes = clock.now() + timedelta(hours=4)
    await maker_support.note_progress(case.id, "promised_onsite", onsite_at=comes, by=manager)
    if not solved:
        return
    yield timedelta(hours=3, minutes=40)
    await maker_support.note_progress(case.id, "arrived", by=manager)
    yield timedelta(hours=2)
    await maker_support.note_progress(case.id, "solved", remark="背板固件升级 / backplane firmware raised", by=manager)
    yield timedelta(hours=1)
    note = "背板固件缺陷，升级后恢复 / a fault of the backplane's firmware, gone since it was raised"
    await maker_support.close(case.id, note=note, by=manager)
