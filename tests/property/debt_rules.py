"""What engineers owe, among everything else that moves stock: brought in, kept, lost, or another piece instead."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from inventory.ground import clock, db
from inventory.returns import counter, debts, removed
from tests.world import SETUP, SUPERVISOR

WHICH = st.integers(0, 3)


async def owed(which: int) -> debts.DebtView:
    """One of the pieces that engineers owe.

    Raises:
        ValueError: there is none.

    """
    found = [debt for debt in await debts.debts(limit=4, seen_by=SETUP) if debt.debtor_kind == "engineer"]
    if not found:
        raise ValueError
    return found[which % len(found)]


class DebtRules:
    """Rules of the ledger's machine: whatever is owed ends in every way it may, at any time."""

    @rule(which=WHICH, other=st.booleans(), meant=st.booleans(), quantity=st.integers(1, 2))
    def bring_in(self, which, other, meant, quantity):
        async def act():
            debt = await owed(which)
            serial = "ZL2-0004" if other else debt.serial or debt.expected_serial or f"READ-{debt.number}"
            return await counter.take_in(
                debt.depot,
                debt.part_number,
                by=SETUP,
                serial=serial if debt.serialised else None,
                quantity=quantity,
                debt=debt.id if meant else None,
                as_found=other,
            )

        self.do_if_any(act)

    @rule(which=WHICH, corrected=st.booleans())
    def answer_wrong_return(self, which, corrected):
        async def act():
            (wrong, *_) = [each for each in (await owed(which)).wrong if each.settled_at is None]
            answer = counter.correct_record if corrected else counter.uphold_record
            return await answer(wrong.id, by=SUPERVISOR, reason="looked into it")

        self.do_if_any(act)

    @rule(which=WHICH, kept=st.booleans())
    def keep_or_lose(self, which, kept):
        async def act():
            debt = await owed(which)
            if kept:
                await db.execute("UPDATE return_debt SET may_be_kept = true WHERE id = $1", debt.id)
                return await removed.keep(debt.id, "Wang", by=SETUP)
            await removed.tell_lost(debt.id, by=SETUP, reason="gone")
            return await removed.confirm_lost(debt.id, by=SUPERVISOR)

        self.do_if_any(act)

    @rule(which=WHICH)
    def owe_the_vendor(self, which):
        async def act():
            debt = await owed(which)
            row = await db.fetch_one("SELECT part, unit, pool, depot FROM return_debt WHERE id = $1", debt.id)
            vendor = await db.fetch_value("SELECT id FROM vendor ORDER BY id LIMIT 1")
            return await debts.begin(
                debts.NewDebt(
                    vendor=vendor,
                    depot=row["depot"],
                    part=row["part"],
                    unit=row["unit"],
                    pool=row["pool"],
                    document_kind="rma",
                    document="RMA-1",
                    due_at=clock.now() + timedelta(days=10),
                    terms=debt.terms,
                    money_cny=100,
                ),
                by=SETUP,
            )

        self.do_if_any(act)

    @invariant()
    def money_at_risk_is_the_sum_of_what_we_owe(self) -> None:
        async def both():
            owed_by_us = [debt for debt in await debts.debts(limit=500, seen_by=SETUP) if debt.debtor_kind == "us"]
            return await debts.money_at_risk(), sum(debt.money_cny for debt in owed_by_us)

        at_risk, summed = self.run(both())
        assert at_risk == summed
