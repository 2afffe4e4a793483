"""Planned work: parts asked for ahead, for inspections whose date stands; one of them moved, and one short."""

from datetime import datetime

from api.demo.lived import Life, Story
from api.demo.warehouse.sending import device_with
from api.demo.warehouse.spare import spare
from inventory.requests import changing, requests
from inventory.requests.requests import NewRequestLine, RequestView

QUARTERLY = "季度巡检 / quarterly inspection"
MORE_THAN_THERE_IS = 60


def plan(life: Life) -> None:
    """The inspections of the coming weeks, as they were planned in the last days."""
    life.plan(life.on(3, "10:30"), lambda: _planned(life, "GZ", life.on(-1, "09:30")))
    life.plan(life.on(2, "14:10"), lambda: _planned(life, "SH", life.on(-6, "09:00")))
    life.tell(life.on(2, "15:40"), _moved(life, "GZ"))
    life.plan(life.ago(hours=20), lambda: _planned(life, "SH", life.on(-12, "21:00"), pieces=MORE_THAN_THERE_IS))


async def _planned(life: Life, depot: str, at: datetime, *, pieces: int = 1) -> RequestView:
    """The dispatcher asks ahead for what an inspection will use up."""
    (part,) = await spare(depot, 1)
    number = next(life.tickets)
    return await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=f"PM-{number}/1",
            ticket=f"PM-{number}",
            device_serial=device_with(life, depot, part, number).serial,
            planned_at=at,
            engineer=life.engineer(number).name,
            note=QUARTERLY,
            lines=[NewRequestLine(part_number=part, quantity=pieces)],
        ),
        by=life.crew["dispatcher-1"],
    )


async def _moved(life: Life, depot: str) -> Story:
    """The customer cannot switch off on that day; the inspection is a week later."""
    view = await _planned(life, depot, life.on(-5, "09:00"))
    yield life.on(1, "11:00") - life.on(2, "15:40")
    await changing.change(view.id, changing.Change(planned_at=life.on(-12, "09:00")), by=life.crew["dispatcher-1"])
