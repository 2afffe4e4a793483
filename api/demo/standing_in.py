"""What stands in for devices as the demo begins: a swap to decide, one watched, loaners out and back, data to erase."""

from datetime import datetime, timedelta

from inventory.ground import clock, db
from inventory.ground.actor import Actor, service
from inventory.requests import requests
from inventory.returns import erasing, loaners
from inventory.returns.loaners import Checks, NewLoan, Return
from inventory.stock import receipts

DEPOT, UNIT, BORROWER = "GZ", "SWAP-2U", "HAIZHU"
"""The store, the whole unit it lends and swaps, and the customer to whom some are lent."""

SERIALS = [f"SW2U-{number:04d}" for number in range(1, 6)]

_WAITING = """
    SELECT device.serial, part.part_number FROM device
    JOIN contract ON contract.id = device.contract AND contract.code = $1
    JOIN swap_unit ON swap_unit.model = device.model AND swap_unit.in_force
    JOIN model_part ON model_part.model = device.model JOIN part ON part.id = model_part.part AND part.kind <> 'drive'
    WHERE device.retired_on IS NULL
      AND NOT EXISTS (SELECT FROM part_request WHERE part_request.device = device.id AND closed_at IS NULL)
    ORDER BY device.serial DESC, part.part_number LIMIT 1 OFFSET $2"""


async def leave(end: datetime, *, by: Actor) -> None:
    """Leave swaps and loans as they stand on an ordinary morning."""
    with clock.at(end - timedelta(days=40)):
        await receipts.adjust(
            DEPOT,
            UNIT,
            len(SERIALS),
            by=by,
            reason="整机备机池 / pool of whole units",
            serials=SERIALS,
            provenance="maker_direct",
        )
    await _lend(end, by=by)
    await _faults(end, by=by)


async def _lend(end: datetime, *, by: Actor) -> None:
    """One loaner is out, one is back with data on it, one was erased and waits for its test."""
    borrowers = await db.fetch(
        """SELECT device.serial FROM device JOIN contract ON contract.id = device.contract AND contract.code = $1
           JOIN swap_unit ON swap_unit.model = device.model WHERE retired_on IS NULL ORDER BY device.serial LIMIT 3""",
        f"C-{BORROWER}",
    )
    made: list[loaners.LoanView] = []
    for row, days in zip(borrowers, (28, 12, 20), strict=False):
        with clock.at(end - timedelta(days=days)):
            made.append(
                await loaners.lend(
                    NewLoan(
                        device_serial=row["serial"],
                        depot=DEPOT,
                        part_number=UNIT,
                        contact="梁科长 / Ms Liang",
                        contact_phone="13800138000",
                        condition_out="外观完好，双电源线、导轨齐 / undamaged, two cords, rails",
                    ),
                    by=by,
                )
            )
            await loaners.sign(made[-1].id, "梁科长 / Ms Liang", by=by, strokes=[[(120, 250), (300, 90), (520, 260)]])
    whole = Checks(powers_on=True, undamaged=True, complete=True)
    for loan, days in zip(made[1:], (2, 5), strict=False):
        with clock.at(end - timedelta(days=days)):
            await loaners.take_back(loan.id, Return(depot=DEPOT, checks=whole), by=by)
    with clock.at(end - timedelta(days=4)):
        erased = await erasing.erase(made[2].serial, "crypto_erase", "厂商工具 / maker's tool", by=service("keeper-gz"))
    with clock.at(end - timedelta(days=3)):
        await erasing.verify(
            erased.id, by=service("quality-1"), passed=True, finding="抽查扇区全零 / sampled sectors are zero"
        )


async def _faults(end: datetime, *, by: Actor) -> None:
    """One fault whose swap is to be decided now, and one that was reported just now."""
    for number, hours in enumerate((2.5, 0.2)):
        row = await db.fetch_one(_WAITING, "C-YUEWAN", 20 * number)
        if row is None:
            continue
        with clock.at(end - timedelta(hours=hours)):
            await requests.open_request(
                requests.NewRequest(
                    source="demo",
                    reference=f"swap-{number}",
                    ticket=f"INC-S{number + 1}",
                    device_serial=row["serial"],
                    severity="severe",
                    engineer="engineer-gz",
                    lines=[requests.NewRequestLine(part_number=row["part_number"])],
                ),
                by=by,
            )
