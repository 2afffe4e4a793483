"""Swaps and loans among everything else that moves stock: rules for the ledger's machine, and what must hold of them."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from inventory.ground import clock, db
from inventory.procurement import release
from inventory.requests import changing, debriefing, requests, shipping, swapping
from inventory.requests.debriefing import Debrief
from inventory.requests.requests import NewRequest, NewRequestLine
from inventory.returns import erasing, loaners, swaps
from inventory.returns.loaners import Checks, NewLoan, Return
from inventory.stock import receipts
from inventory.stock.pieces import Pieces
from tests.integration.planning.test_learning import SWAP, enter_swap_unit, promise_swaps
from tests.world import FAN, SETUP, SUPERVISOR

UNITS = [f"SW-{number}" for number in range(4)]
DEVICES = st.sampled_from([f"BANK-{number:03d}" for number in range(100, 104)])


class Swapping:
    """Whole units that are promised, held, decided, sent, fitted, lent, brought back and erased, in any order; a mixin."""

    @initialize()
    def promise_swaps(self):
        async def act():
            await enter_swap_unit()
            await promise_swaps("C-BANK")
            await db.execute("UPDATE service_term SET swap_complete_hours = NULL WHERE severity = 'general'")
            await db.execute("UPDATE contract SET lends_equal_function = true WHERE code = 'C-BANK'")
            await receipts.adjust(
                "GZ", SWAP, len(UNITS), by=SETUP, reason="spare", serials=UNITS, provenance="maker_direct"
            )

        self.run(act())
        self._faults = 0

    async def _of(self, state: str, table: str = "swap"):
        return await db.fetch_value(f"SELECT id FROM {table} WHERE state = $1 ORDER BY id LIMIT 1", state)

    @rule(device=DEVICES, hours=st.sampled_from([0, 3, 9]))
    def fault(self, device, hours):
        self._faults += 1
        new = NewRequest(
            source="swaps",
            reference=str(self._faults),
            device_serial=device,
            severity="severe",
            fault_reported_at=clock.now() - timedelta(hours=hours),
            lines=[NewRequestLine(part_number=FAN)],
        )
        self.do(requests.open_request(new, by=SETUP))

    @rule(hours=st.sampled_from([0, 2, 5]))
    def time_passes(self, hours):
        with clock.at(clock.now() + timedelta(hours=hours)):
            self.do(swaps.look_at_due(by=SETUP))
            self.do(swaps.look_for_units(by=SETUP))

    @rule(severity=st.sampled_from(["general", "severe"]))
    def rate_anew(self, severity):
        async def act():
            swap = await db.fetch_one(
                "SELECT request FROM swap WHERE state NOT IN ('closed', 'released') AND request IS NOT NULL LIMIT 1"
            )
            if swap is not None:
                await changing.change(swap["request"], changing.Change(severity=severity), by=SETUP)

        self.do(act())

    @rule(state=st.sampled_from(["watching", "reserved"]), yes=st.booleans())
    def decide(self, state, yes):
        async def act():
            swap = await self._of(state)
            if swap is not None:
                await (
                    swapping.swap(swap, by=SETUP) if yes else swaps.decide_against(swap, by=SETUP, reason="repaired")
                )

        self.do(act())

    @rule(back=st.booleans(), outcome=st.sampled_from(["used", "dead_on_arrival", "returned_good"]))
    def send_and_fit(self, back, outcome):
        async def act():
            row = await db.fetch_one(
                """SELECT swap_request, device.serial FROM swap JOIN device ON device.id = swap.device
                   WHERE state IN ('decided', 'left') ORDER BY swap.id LIMIT 1"""
            )
            if row is not None:
                await shipping.ship(row["swap_request"], by=SETUP)
                out = row["serial"] if back else None
                report = Debrief(part_number=SWAP, outcome=outcome, serial_out=out)
                await debriefing.debrief(row["swap_request"], [report], by=SETUP)

        self.do(act())

    @rule(device=DEVICES)
    def lend(self, device):
        self.do(loaners.lend(NewLoan(device_serial=device, depot="GZ", contact="Wang"), by=SETUP))

    @rule(
        works=st.booleans(),
        kept=st.booleans(),
        depot=st.sampled_from(["GZ", "SH"]),
        other=st.sampled_from([None, None, *UNITS]),
    )
    def take_back(self, works, kept, depot, other):
        async def act():
            loan = await self._of("lent", "loan")
            if loan is not None:
                checks = Checks(powers_on=works, undamaged=True, complete=True, serial_matches=other is None)
                how = Return(depot=depot, checks=checks, damage="dead", data_kept_by_customer=kept, found_serial=other)
                await loaners.take_back(loan, how, by=SETUP)

        self.do(act())

    @rule(passed=st.booleans())
    def erase_and_verify(self, passed):
        async def act():
            held = await erasing.holding_data(limit=1, seen_by=SETUP)
            if held:
                told = await erasing.erase(
                    held[0].serial, "overwrite", "shred", by=SETUP, part_number=held[0].part_number
                )
                await erasing.verify(told.id, by=SUPERVISOR, passed=passed, finding="looked")

        self.do(act())

    @rule(serial=st.sampled_from(UNITS), depot=st.sampled_from(["GZ", "SH"]))
    def pass_its_test(self, serial, depot):
        pieces = Pieces(depot=depot, part_number=SWAP, serials=[serial])
        self.do(release.release(pieces, "in_test", by=SETUP, finding="boots"))

    @invariant()
    def whole_units_are_neither_made_nor_lost(self):
        async def count():
            return await db.fetch_value(
                "SELECT count(*) FROM unit JOIN part ON part.id = unit.part WHERE part_number = $1 AND serial = ANY($2)",
                SWAP,
                UNITS,
            )

        assert self.run(count()) == len(UNITS)
