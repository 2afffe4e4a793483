"""Replenishment under any order of acts: no piece counts twice, no answered proposal comes again, money adds up."""

import contextvars
import os
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from inventory.ground import clock, db
from inventory.ground.errors import InventoryError
from inventory.procurement import orders, receiving, replenishment, replenishment_answers
from inventory.procurement.orders import NewLine, OrderView
from inventory.stock import receipts, reservations, transfers
from inventory.stock.lines import Lines, set_lines
from inventory.stock.receipts import Incoming
from tests.property.test_ledger_machine import machine_database, run
from tests.world import FAN, PSU, SETUP

__all__ = ["machine_database"]

SPOTS = [(part, depot) for part in (FAN, PSU) for depot in ("GZ", "SH")]
SPOT = st.sampled_from(SPOTS)
SOME = st.integers(1, 4)


class Reordering(RuleBasedStateMachine):
    """What the books say a level's position is, against what each act should have made of it."""

    ordered = Bundle("ordered")
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self._context = contextvars.copy_context()
        self._transaction = db.engine.transaction()
        self.run(self._transaction.__aenter__())
        self.keys = {spot: self.run(self._key(*spot)) for spot in SPOTS}
        self.base = dict.fromkeys(SPOTS, 0)
        self.outstanding: dict[object, dict[tuple[str, str], int]] = {}
        self.declined: dict[tuple[str, str], tuple[int, int]] = {}
        for spot in SPOTS:
            self.hold(spot, 6)
        self.position = {spot: self.run(self._position(spot)) for spot in SPOTS}

    @staticmethod
    async def _key(part: str, depot: str) -> replenishment.Key:
        row = await db.fetch_one(
            """SELECT part.id AS part, place.id AS place, pool.id AS pool FROM part, place, pool
               WHERE part_number = $1 AND place.code = $2 AND pool.code = 'common'""",
            part,
            depot,
        )
        assert row is not None
        return row["part"], row["place"], row["pool"]

    async def _position(self, spot: tuple[str, str]) -> int:
        found = await replenishment.position(self.keys[spot])
        assert found is not None
        assert found.position == found.facts.position
        return found.position

    def run(self, coroutine):
        return run(coroutine, self._context)

    def do(self, act):
        """Act; None where it is refused, without a trace."""

        async def attempt():
            try:
                async with db.savepoint():
                    return await act
            except InventoryError:
                return None

        return self.run(attempt())

    def teardown(self) -> None:
        self.run(self._transaction.rollback())
        self.run(self._transaction.__aexit__(None, None, None))

    @rule(spot=SPOT, base=st.integers(0, 20))
    def hold(self, spot, base) -> None:
        part, place, pool = self.keys[spot]
        self.run(set_lines([Lines(part=part, place=place, pool=pool, base_stock=base, reorder_point=max(base - 1, 0))]))
        self.base[spot] = base

    @rule(spot=SPOT, change=st.integers(-3, 3).filter(bool), condition=st.sampled_from(["good", "good", "quarantine"]))
    def lose_or_find(self, spot, change, condition) -> None:
        part, depot = spot
        if self.do(receipts.adjust(depot, part, change, by=SETUP, reason="test", condition=condition)) is not None:
            self.position[spot] += change

    @rule(spot=SPOT, quantity=SOME, target=held)
    def reserve(self, spot, quantity):
        part, depot = spot
        made = self.do(reservations.reserve(part, depot, quantity, by=SETUP))
        if made is None:
            return None
        self.position[spot] -= quantity
        return spot, made.id, quantity

    @rule(made=held)
    def let_go(self, made) -> None:
        if made and self.do(reservations.release(made[1], by=SETUP)) is not None:
            self.position[made[0]] += made[2]

    @rule(spot=SPOT, quantity=SOME, target=ordered)
    def order(self, spot, quantity):
        part, depot = spot
        made = self.do(orders.draft_order("DISTI", depot, [NewLine(part_number=part, quantity=quantity)], by=SETUP))
        assert made is not None
        self._note(made)
        return made

    def _note(self, made: OrderView) -> None:
        self.outstanding[made.id] = {}
        for line in made.lines:
            spot = (line.part_number, made.ship_to)
            self.outstanding[made.id][spot] = line.quantity
            self.position[spot] += line.quantity
        goods = sum((line.quantity * line.unit_price_cny for line in made.lines), Decimal(0))
        fees = {"DISTI": Decimal(0), "DELL": Decimal(100)}[made.vendor]
        assert made.total_cny == goods + fees

    @rule(made=ordered, act=st.sampled_from(["approve", "place", "promise", "receive", "cancel", "refuse"]))
    def move(self, made, act) -> None:
        acts = {
            "approve": lambda: orders.approve_order(made.id, by=SETUP),
            "place": lambda: orders.record_placed(made.id, by=SETUP),
            "promise": lambda: orders.record_acknowledged(made.id, by=SETUP, promised_at=clock.now()),
            "receive": lambda: receiving.receive_order(
                made.number, [Incoming(part_number=made.lines[0].part_number, quantity=1)], by=SETUP
            ),
            "cancel": lambda: orders.cancel_order(made.id, by=SETUP, reason="test"),
            "refuse": lambda: orders.record_refused(made.id, by=SETUP, reason="test"),
        }
        if self.do(acts[act]()) is None:
            return
        left = self.outstanding[made.id]
        if act == "receive":
            left[made.lines[0].part_number, made.ship_to] -= 1
        elif act in ("cancel", "refuse"):
            for spot, quantity in left.items():
                self.position[spot] -= quantity
            left.clear()

    @rule(part=st.sampled_from([FAN, PSU]), quantity=SOME, ships=st.booleans())
    def transfer(self, part, quantity, ships) -> None:
        items = [transfers.TransferItem(part_number=part, quantity=quantity)]
        sent = self.do(transfers.draft("GZ", "SH", items, by=SETUP, mode="courier"))
        if sent is None:
            return
        self.position[part, "GZ"] -= quantity
        self.position[part, "SH"] += quantity
        if ships:
            assert self.do(transfers.ship(sent.id, by=SETUP)) is not None

    @rule()
    def look(self) -> None:
        before = {each.number for each in self.proposals()}
        self.run(replenishment.propose())
        now = {(each.part_number, each.depot): each for each in self.proposals()}
        for spot in SPOTS:
            lacks = self.position[spot] < self.base[spot]
            if spot in self.declined:
                base, position = self.declined[spot]
                if base != self.base[spot] or self.position[spot] < position or not lacks:
                    del self.declined[spot]
            asked = lacks and spot not in self.declined
            assert (spot in now) == asked, (spot, before)
            if asked:
                assert now[spot].needed == self.base[spot] - self.position[spot]

    def proposals(self) -> list[replenishment.ProposalView]:
        return self.run(replenishment.proposals(limit=50, seen_by=SETUP, state="open"))

    @rule(several=st.booleans(), target=ordered)
    def accept(self, several):
        self.look()
        wanted = [each for each in self.proposals() if each.vendor][: None if several else 1]
        if not wanted:
            return self.order((FAN, "GZ"), 1)
        accepted = self.run(replenishment_answers.accept([each.id for each in wanted], by=SETUP))
        assert accepted.withdrawn == []
        assert sum(len(made.lines) for made in accepted.orders) == len(wanted)
        for made in accepted.orders:
            self._note(made)
        return accepted.orders[0]

    @rule()
    def decline(self) -> None:
        self.look()
        for each in self.proposals()[:1]:
            self.run(replenishment_answers.decline([each.id], by=SETUP, reason="test"))
            spot = (each.part_number, each.depot)
            self.declined[spot] = (self.base[spot], self.position[spot])

    @invariant()
    def every_piece_counts_once(self) -> None:
        assert {spot: self.run(self._position(spot)) for spot in SPOTS} == self.position


def test_positions_and_answers_are_right_whatever_happens(machine_database):
    examples, steps = (500, 50) if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else (20, 25)
    run_state_machine_as_test(
        Reordering, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, print_blob=False)
    )
