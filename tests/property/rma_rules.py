"""What goes back to vendors and to the bench, among everything else that moves stock: answered, exchanged, repaired."""

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from inventory.ground import clock, db
from inventory.returns import answering, coming_in, exchanges, repairs, rmas, vendor_terms
from inventory.returns.answering import Answer
from inventory.returns.coming_in import Arrived
from inventory.stock import conditions
from tests.world import DRIVE, SETUP, SUPERVISOR, offers_too

WHICH_RMA = st.integers(0, 3)


async def an_rma(which: int) -> rmas.RmaView:
    """One of the RMAs that are under way.

    Raises:
        ValueError: there is none.

    """
    found = await rmas.rmas(limit=4, seen_by=SETUP, under_way=True)
    if not found:
        raise ValueError
    return found[which % len(found)]


async def a_repair(which: int) -> repairs.RepairView:
    """One of the repairs.

    Raises:
        ValueError: there is none.

    """
    found = await repairs.repairs(limit=4, seen_by=SETUP)
    if not found:
        raise ValueError
    return found[which % len(found)]


class RmaRules:
    """Rules of the ledger's machine: every disposition, the good piece first, and the bench, at any time."""

    @rule(serial=st.sampled_from([f"ZL2-{n:04d}" for n in range(5)]), asked=st.sampled_from(["repair", "exchange"]))
    def send_back(self, serial, asked):
        async def act():
            depot = await db.fetch_value(
                "SELECT place.code FROM unit JOIN place ON place.id = unit.place WHERE serial = $1", serial
            )
            new = rmas.NewLine(vendor="DISTI", part_number=DRIVE, serial=serial, asked=asked)
            (drafted,) = await rmas.draft(depot, [new], by=SETUP)
            await rmas.request(drafted.id, by=SETUP)
            return await rmas.authorise(drafted.id, "V-1", by=SETUP)

        self.do(act())

    @rule(serial=st.none() | st.sampled_from(["ZL2-0000", "ZL2-0001"]))
    def ask_for_the_good_piece_first(self, serial):
        async def act():
            await offers_too("DISTI", DRIVE, exchange_hours=4, exchange_fee=9)
            terms = vendor_terms.NewTerms(
                vendor="DISTI", days=5, counts="business_days", calendar="CN", runs_from="received", charge="list_price"
            )
            await vendor_terms.set_terms(terms, by=SETUP)
            opened = await exchanges.open_exchange("DISTI", "GZ", DRIVE, by=SETUP, serial=serial)
            await rmas.authorise(opened.id, "V-2", by=SETUP)
            return await coming_in.receive(opened.id, [Arrived(serial=f"X-{opened.number}")], by=SETUP)

        self.do(act())

    @rule(which=WHICH_RMA, serial=st.sampled_from(["ZL2-0002", "ZL2-0003"]))
    def send_off(self, which, serial):
        async def act():
            rma = await an_rma(which)
            if rma.lines[0].unit is None:
                await exchanges.attach(rma.id, rma.lines[0].position, serial, by=SETUP)
            return await rmas.ship(rma.id, by=SETUP)

        self.do_if_any(act)

    @rule(
        which=WHICH_RMA,
        what=st.sampled_from(["repaired", "exchanged", "credited", "rejected", "scrapped"]),
        charged=st.booleans(),
    )
    def answer_for_the_vendor(self, which, what, charged):
        async def act():
            rma = await an_rma(which)
            if charged and rma.advance:
                return await answering.charge(rma.id, 1, by=SETUP, reason="late")
            credit = {"credit_number": "CN-1", "credit_amount": 1, "credit_currency": "CNY"}
            said = Answer(answer=what, **(credit if what == "credited" else {}))
            view = await answering.answer(rma.id, rma.lines[0].position, said, by=SETUP)
            if what == "scrapped":
                return await answering.agree_to_scrap(rma.id, rma.lines[0].position, by=SUPERVISOR)
            return view

        self.do_if_any(act)

    @rule(which=WHICH_RMA)
    def take_in_from_the_vendor(self, which):
        async def act():
            rma = await an_rma(which)
            serial = rma.lines[0].awaited_serial or f"Y-{rma.number}"
            return await coming_in.receive(rma.id, [Arrived(serial=serial)], by=SETUP)

        self.do_if_any(act)

    @rule(serial=st.sampled_from([f"ZL2-{n:04d}" for n in range(5)]))
    def open_a_repair(self, serial):
        async def act():
            depot = await db.fetch_value(
                "SELECT place.code FROM unit JOIN place ON place.id = unit.place WHERE serial = $1", serial
            )
            opened = await repairs.open_repair(depot, DRIVE, serial, by=SETUP)
            return await repairs.start(opened.id, by=SETUP)

        self.do(act())

    @rule(which=WHICH_RMA, ends=st.sampled_from(["finish", "pass", "fail", "give_up"]))
    def go_on_with_a_repair(self, which, ends):
        async def act():
            repair = await a_repair(which)
            match ends:
                case "finish":
                    return await repairs.finish(repair.id, "reworked", "done", by=SETUP)
                case "pass":
                    return await repairs.pass_test(repair.id, "tested", by=SUPERVISOR)
                case "fail":
                    return await repairs.fail_test(repair.id, "tested", by=SUPERVISOR)
                case _:
                    given_up = await repairs.give_up(repair.id, by=SETUP, reason="burnt")
                    return await conditions.decide_scrap(given_up.scrapping or "", by=SUPERVISOR, approve=True)

        self.do_if_any(act)

    @invariant()
    def what_a_vendor_waits_for_is_owed_once_and_its_piece_is_its_own(self) -> None:
        async def astray():
            return await db.fetch(
                """SELECT rma.number FROM rma_line AS line JOIN rma ON rma.id = line.rma
                   JOIN vendor ON vendor.id = rma.vendor JOIN return_debt AS debt ON debt.id = line.debt
                   JOIN unit ON unit.id = line.replacement
                   WHERE debt.state = 'open' AND unit.owner <> vendor.party"""
            )

        assert self.run(astray()) == [], clock.now()
