"""Returns: one piece that came with another serial, and one that its engineer tells lost; others decide about both."""

from api.demo.lived import Life, NotToday
from inventory.returns import counter, debts, removed


def plan(life: Life) -> None:
    """Leave a wrong serial and a loss for a second person."""
    life.plan(life.ago(hours=19), lambda: _another_serial(life))
    life.plan(life.ago(hours=7), lambda: _told_lost(life))


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
