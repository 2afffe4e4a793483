"""A purchase order under any order of acts: it moves forward only, its money adds up, and nothing comes that has no reason."""

import asyncio
import contextvars
import os
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from api.embedded import EmbeddedPostgres
from inventory.assurance.invariants import violations
from inventory.emergency import late_orders
from inventory.ground import clock, db
from inventory.ground.errors import InventoryError, refusal_for
from inventory.procurement import announcing, answers, changes, invoices, matching, orders, receiving
from inventory.procurement.answers import Answer, PromisedLine
from inventory.procurement.changes import ChangedLine
from inventory.procurement.orders import NewLine, OrderView
from inventory.stock.notices import NewNoticeLine
from inventory.stock.receipts import Incoming
from tests.conftest import run_as_superuser
from tests.world import BUYER, FAN, KEEPER, MANAGER, PSU, SETUP

ORDERED = {FAN: Decimal(250), PSU: Decimal(1250)}
PARTS = st.sampled_from(sorted(ORDERED))
PIECES = st.integers(0, 6)
DAYS = st.integers(-3, 20)
KINDS = st.sampled_from(["special", "special", "general"])


def asked(order: str, part: str | None, pieces: int, total: Decimal) -> invoices.NewInvoiceLine:
    """A line of an invoice with 13 % tax in a total."""
    amount = (total * 100 / 113).quantize(Decimal("0.01"))
    return invoices.NewInvoiceLine(
        order=order,
        part_number=part,
        quantity=pieces,
        amount=amount,
        tax_percent=Decimal(13),
        tax=total - amount,
        total=total,
    )


PLACE_OF = {
    state: place
    for place, state in enumerate(
        ("draft", "approved", "placed", "acknowledged", "shipped", "partly_received", "received", "closed")
    )
}
ENDS = {"refused", "cancelled", "closed"}

_runner = asyncio.Runner()


class Life(RuleBasedStateMachine):
    """Everything that people, vendors and time do to one order, in any order; refusals change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._context = contextvars.copy_context()
        self._transaction = db.engine.transaction()
        self.run(self._transaction.__aenter__())
        self.reasoned: set[str] = set()
        self.before: OrderView | None = None
        self.told = 0

    def run(self, coroutine):
        return _runner.run(coroutine, context=self._context)

    def teardown(self) -> None:
        self.run(self._transaction.rollback())
        self.run(self._transaction.__aexit__(None, None, None))

    def do(self, act):
        """Act; a refusal is an answer, and must leave no trace."""

        async def attempt():
            before = await self.whole()
            try:
                async with db.savepoint():
                    return await act
            except (InventoryError, db.DatabaseError) as refused:
                # within the machine's own transaction a violated constraint is not turned into its refusal
                known = refusal_for(getattr(refused, "constraint_name", None))
                if known is None and not isinstance(refused, InventoryError):
                    raise
                assert await self.whole() == before
                return None

        return self.run(attempt())

    async def whole(self):
        """All that is known of the order."""
        return (
            await orders.order_view(self.order),
            await changes.changes(self.order, limit=200),
            await db.fetch_value("SELECT count(*) FROM step"),
            await db.fetch_value("SELECT coalesce(sum(quantity - received_quantity), 0) FROM expected_delivery"),
        )

    @initialize(fans=st.integers(1, 6), supplies=st.integers(1, 6), sent=st.booleans())
    def draft(self, fans, supplies, sent):
        lines = [NewLine(part_number=FAN, quantity=fans), NewLine(part_number=PSU, quantity=supplies)]
        view = self.run(orders.draft_order("DISTI", "GZ", lines, by=BUYER))
        self.order, self.number = view.id, view.number
        if sent:
            self.approve()
            self.place(days=7)

    @rule()
    def approve(self):
        self.do(orders.approve_order(self.order, by=SETUP))

    @rule()
    def give_up(self):
        self.do(orders.cancel_order(self.order, by=BUYER, reason="not needed"))

    @rule(days=st.none() | DAYS)
    def place(self, days):
        async def act():
            if await orders.begin_sending(self.order) is not None:
                promised = None if days is None else clock.now() + timedelta(days=days)
                await orders.record_placed(self.order, by=SETUP, vendor_reference="D-1", promised_at=promised)

        self.do(act())

    @rule()
    def send_and_hear_nothing(self):
        self.do(orders.begin_sending(self.order))

    @rule(
        status=st.sampled_from(["received", "acknowledged", "delayed", "shipped"]),
        days=st.none() | DAYS,
        part=st.none() | PARTS,
        again=st.booleans(),
    )
    def vendor_says(self, status, days, part, again):
        at = None if days is None else clock.now() + timedelta(days=days)
        lines = [PromisedLine(part_number=part, promised_at=at)] if part and at else []
        self.told += not again
        said = Answer(status=status, promised_at=None if lines else at, lines=lines)
        self.do(answers.take("DISTI", self.number, said, by=SETUP, said=status, message_id=f"m-{self.told}"))

    @rule()
    def vendor_refuses(self):
        self.do(answers.take("DISTI", self.number, Answer(status="refused"), by=SETUP, said="no"))

    @rule(part=PARTS, pieces=st.integers(1, 6))
    def announce(self, part, pieces):
        line = NewNoticeLine(part_number=part, quantity=pieces)
        self.do(announcing.announce_order(self.number, [line], by=KEEPER, due_at=clock.now() + timedelta(days=1)))

    @rule(part=PARTS, pieces=st.integers(1, 8), reason=st.sampled_from(["", "", "one more in the box"]))
    def receive(self, part, pieces, reason):
        line = Incoming(part_number=part, quantity=pieces, condition="quarantine", reason=reason)
        if self.do(receiving.receive_order(self.number, [line], by=KEEPER)) is not None and reason:
            self.reasoned.add(part)

    @rule(
        part=PARTS,
        pieces=st.none() | PIECES,
        price=st.none() | st.sampled_from(["0", "99.99", "1300"]),
        cancel=st.booleans(),
    )
    def change(self, part, pieces, price, cancel):
        line = ChangedLine(part_number=part, quantity=pieces, unit_price=None if price is None else Decimal(price))
        self.do(changes.change_order(self.order, [line], by=BUYER, reason="changed our mind", cancel=cancel))

    @rule(confirmed=st.booleans())
    def vendor_answers_the_change(self, confirmed):
        self.do(changes.answer_change(self.order, by=SETUP, confirmed=confirmed))

    @rule()
    def approve_the_change(self):
        self.do(changes.approve_change(self.order, by=SETUP))

    @rule()
    def withdraw_the_change(self):
        self.do(changes.withdraw_change(self.order, by=BUYER, reason="a mistake"))

    @rule(reason=st.sampled_from(["", "the rest is not made any more"]))
    def close(self, reason):
        self.do(orders.close_order(self.order, by=BUYER, reason=reason))

    @rule(part=PARTS, pieces=st.integers(1, 6), off=st.sampled_from(["0", "0", "0.5", "7.77"]), kind=KINDS)
    def invoice(self, part, pieces, off, kind):
        price = next(
            line.unit_price for line in self.run(orders.order_view(self.order)).lines if line.part_number == part
        )
        self.ask_for(part, pieces, price * pieces + Decimal(off), kind=kind)

    @rule(pick=st.integers(0, 9), pieces=st.integers(0, 6), share=st.sampled_from(["0", "0.5", "1"]))
    def red_letter(self, pick, pieces, share):
        blue = self.pick_of(pick)
        if blue is not None:
            line = blue.lines[0]
            total = -(line.net_total * Decimal(share)).quantize(Decimal("0.01"))
            self.ask_for(line.part_number, -pieces, total, kind=blue.invoice.kind, reverses=blue.invoice.id)

    def ask_for(self, part, pieces, total, **more):
        line = asked(self.number, part, pieces, total)
        self.told += 1
        sums = {"amount": line.amount, "tax": line.tax, "total": line.total}
        told = {"vendor": "DISTI", "invoice_number": f"{self.told:020}", "issued_on": clock.today(), "lines": [line]}
        self.do(invoices.enter(invoices.NewInvoice(**told | sums | more), by=BUYER))

    def pick_of(self, pick):
        """One of the invoices that reverse none."""
        found = [each for each in self.run(invoices.invoices(limit=100, seen_by=SETUP)) if each.reverses is None]
        return self.run(invoices.invoice_detail(found[pick % len(found)].id, seen_by=SETUP)) if found else None

    @rule(pick=st.integers(0, 9))
    def withdraw_the_invoice(self, pick):
        blue = self.pick_of(pick)
        if blue is not None:
            self.do(invoices.withdraw(blue.invoice.id, by=BUYER, reason="a mistake"))

    @rule(pick=st.integers(0, 9), said=st.sampled_from(["accepted", "accepted", "asked", "claimed"]))
    def answer_the_invoice(self, pick, said):
        blue = self.pick_of(pick)
        for each in blue.lines[0].differences if blue is not None else []:
            self.do(matching.answer(blue.lines[0].id, each.kind, said, by=MANAGER, reason="as it is"))

    @rule(days=st.integers(0, 30))
    def time_passes(self, days):
        with clock.at(clock.now() + timedelta(days=days)):
            self.do(late_orders.judge(self.order, by=SETUP))

    @invariant()
    def it_moves_forward_only(self) -> None:
        after = self.run(orders.order_view(self.order))
        if self.before is not None and self.before.state != after.state:
            assert self.before.state not in ENDS
            if after.state not in ENDS:
                assert PLACE_OF[after.state] > PLACE_OF[self.before.state], (self.before.state, after.state)
        if self.before is not None:
            assert after.version >= self.before.version
            assert [line.received_quantity for line in after.lines] >= [0 for _ in self.before.lines]
        self.before = after

    @invariant()
    def the_money_adds_up(self) -> None:
        view = self.run(orders.order_view(self.order))
        assert view.total_cny == sum(line.quantity * line.unit_price_cny for line in view.lines)

    @invariant()
    def the_invoices_add_up_and_take_back_no_more_than_they_ask(self) -> None:
        async def wrong():
            return await db.fetch(
                """SELECT invoice.number FROM invoice JOIN invoice_line AS line ON line.invoice = invoice.id
                   GROUP BY invoice.id
                   HAVING invoice.amount + invoice.tax <> invoice.total OR sum(line.total) <> invoice.total
                       OR sum(line.amount) <> invoice.amount OR sum(line.tax) <> invoice.tax
                   UNION ALL
                   SELECT 'line' FROM invoice_line AS line JOIN invoice ON invoice.id = line.invoice
                   WHERE invoice.state <> 'withdrawn' AND line.reverses IS NULL
                   AND (SELECT line.total + coalesce(sum(red.total), 0) < 0
                            OR line.quantity + coalesce(sum(red.quantity), 0) < 0
                        FROM invoice_line AS red JOIN invoice AS letter ON letter.id = red.invoice
                        WHERE red.reverses = line.id AND letter.state <> 'withdrawn')"""
            )

        assert self.run(wrong()) == []

    @invariant()
    def what_is_matched_is_invoiced_as_it_came_and_answered(self) -> None:
        self.run(matching.judge([self.order], by=SETUP))
        view = self.run(orders.order_view(self.order))
        told = self.run(invoices.invoices(limit=200, seen_by=SETUP))
        lines = self.run(matching.lines_of([each.id for each in told if each.state != "withdrawn"]))
        of_part = {
            line.part_number: [own for each in lines.values() for own in each if own.part_number == line.part_number]
            for line in view.lines
        }
        whole = all(
            sum(own.net_quantity for own in of_part[line.part_number]) >= line.received_quantity or not line.unit_price
            for line in view.lines
        )
        answered = not any(each.open for own in of_part.values() for line in own for each in line.differences)
        assert (view.matched_at is not None) == (view.state in ("received", "closed") and whole and answered)
        assert view.state != "received" or view.matched_at is None

    @invariant()
    def nothing_came_too_much_without_a_reason(self) -> None:
        for line in self.run(orders.order_view(self.order)).lines:
            assert line.received_quantity <= line.quantity or line.part_number in self.reasoned

    @invariant()
    def what_is_expected_is_what_is_still_to_come(self) -> None:
        async def still_to_come():
            return await db.fetch(
                """SELECT line.id FROM purchase_order_line AS line
                   JOIN purchase_order ON purchase_order.id = line.purchase_order
                   LEFT JOIN (SELECT source, sum(quantity - received_quantity) AS rest FROM expected_delivery
                              WHERE closed_at IS NULL GROUP BY source) AS coming ON coming.source = line.id
                   WHERE coalesce(rest, 0) <> CASE
                       WHEN state IN ('placed', 'acknowledged', 'shipped', 'partly_received')
                       THEN greatest(line.quantity - line.received_quantity - line.short_quantity, 0) ELSE 0 END"""
            )

        assert self.run(still_to_come()) == []

    @invariant()
    def it_is_received_once_nothing_is_missing(self) -> None:
        view = self.run(orders.order_view(self.order))
        missing = any(line.quantity > line.received_quantity + line.short_quantity for line in view.lines)
        assert view.state not in ("received", "closed") or not missing
        assert view.state != "partly_received" or missing

    @invariant()
    def one_version_is_in_force_and_each_is_kept(self) -> None:
        view, kept = self.run(orders.order_view(self.order)), self.run(changes.changes(self.order, limit=200))
        assert len({change.version for change in kept}) == len(kept)
        assert max([1, *(change.version for change in kept if change.state == "confirmed")]) == view.version
        assert sum(change.answered_at is None for change in kept) <= 1

    @invariant()
    def the_books_are_right(self) -> None:
        assert self.run(violations()) == []


@pytest.fixture
def machine_database(postgres: EmbeddedPostgres, template: str) -> Iterator[None]:
    """A copy of the company on a loop of the machine's own: Hypothesis drives it from plain functions."""
    _runner.run(run_as_superuser(postgres, f"CREATE DATABASE order_machine TEMPLATE {template} OWNER beijian"))
    shared_pool, shared_config = db.engine.pool, db.engine.config
    db.engine.pool = None
    connection = db.connected(postgres.dsn("order_machine"))
    _runner.run(connection.__aenter__())
    yield
    db.engine.pool.terminate()  # a failing example may have left its transaction open
    db.engine.pool, db.engine.config = shared_pool, shared_config
    _runner.run(run_as_superuser(postgres, "DROP DATABASE order_machine WITH (FORCE)"))


def test_an_order_keeps_its_word_whatever_happens(machine_database):
    examples, steps = (2000, 50) if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else (12, 25)
    run_state_machine_as_test(
        Life, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, print_blob=False)
    )
