"""Returns: what one engineer has to bring back, a piece that came with another serial, and one that is told lost."""

from api.demo.lived import BURST_PART, Life, NotToday
from inventory.ground import db
from inventory.requests import debriefing, requests, shipping
from inventory.returns import counter, debts, removed


def plan(life: Life) -> None:
    """Leave two pieces in an engineer's hands, and a wrong serial and a loss for a second person."""
    life.plan(life.ago(hours=47), lambda: _used(life, 1))
    life.plan(life.ago(hours=4), lambda: _used(life, 2))
    life.plan(life.ago(hours=19), lambda: _another_serial(life))
    life.plan(life.ago(hours=7), lambda: _told_lost(life))


async def _used(life: Life, number: int) -> None:
    engineer = life.crew["engineer-1"]
    row = await db.fetch_one(
        """SELECT device.serial, part.part_number FROM request_line AS line
           JOIN part_request ON part_request.id = line.request AND part_request.state = 'reconciled'
           JOIN device ON device.id = part_request.device
           JOIN place ON place.id = line.source_place AND place.code = 'GZ'
           JOIN part ON part.id = line.part AND part.serialised AND part_number <> $2
           JOIN level ON level.part = part.id AND level.place = place.id AND level.condition = 'good' AND level.free > 3
           ORDER BY part_request.id LIMIT 1 OFFSET $1""",
        number,
        BURST_PART,  # its stock is for the drill
    )
    if row is None:
        raise NotToday
    view = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference=f"INC-ENG-{number}",
            ticket=f"INC-ENG-{number}",
            device_serial=row["serial"],
            severity="general",
            engineer=engineer.name,
            lines=[requests.NewRequestLine(part_number=row["part_number"], position=f"bay {number}")],
        ),
        by=life.crew["dispatcher-1"],
    )
    if view.state != "reserved" or view.lines[0].promise.depot != "GZ":
        await requests.cancel(view.id, by=life.crew["dispatcher-1"], reason="设备恢复 / the device came back")
        return
    await shipping.ship(view.id, by=life.keeper("GZ"), how=life.way(view, "GZ", "hand_carried"))
    (old,) = life.serials.next(row["part_number"])
    used = debriefing.Debrief(part_number=row["part_number"], outcome="used", serial_out=f"OLD-{old}")
    await debriefing.debrief(view.id, [used], by=engineer)


async def _owed(life: Life) -> debts.DebtView:
    """A piece that an engineer owes, whose serial is known, and of which nothing else was said.

    Raises:
        NotToday: there is none.

    """
    for debt in await debts.debts(limit=200, seen_by=life.crew["dispatcher-1"]):
        if (
            debt.debtor
            and debt.serial
            and not debt.wrong
            and not debt.loss_told_at
            and not debt.may_be_kept
            and debt.depot == "GZ"
        ):
            return debt
    raise NotToday


async def _another_serial(life: Life) -> None:
    debt = await _owed(life)
    (other,) = life.serials.next(debt.part_number)
    await counter.take_in(
        debt.depot,
        debt.part_number,
        by=life.keeper(debt.depot),
        serial=f"OLD-{other}",
        debt=debt.id,
        as_found=True,
        note="工程师称是从同一机柜拆下 / the engineer says it came out of the same rack",
    )


async def _told_lost(life: Life) -> None:
    debt = await _owed(life)
    engineer = next(each for each in life.crew.values() if each.name == debt.debtor)
    await removed.tell_lost(
        debt.id, by=engineer, reason="更换后遗留在客户机房，未找到 / left at the site, not found again"
    )
