"""Laws of valuation: whatever comes and goes, nothing of the value is lost or made."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from inventory.procurement.valuation import Balance, come, go, share

MONEY = st.integers(0, 10**9).map(lambda fen: Decimal(fen) / 100)
STEPS = st.lists(st.tuples(st.booleans(), st.integers(1, 50), MONEY), max_size=60)


@given(STEPS)
def test_value_in_less_value_out_is_the_value_there_to_the_fen(steps):
    balance, into, out = Balance(), Decimal(0), Decimal(0)
    for comes, quantity, worth in steps:
        if comes:
            balance, into = come(balance, quantity, worth, worth), into + worth
        elif quantity <= balance.quantity:
            before = balance
            balance, average, _ = go(balance, quantity, None)
            out += average
            assert abs(average - before.value_cny * quantity / before.quantity) <= Decimal("0.005")
        assert into - out == balance.value_cny >= 0
        assert balance.quantity > 0 or balance.value_cny == balance.own_value_cny == 0


@given(st.lists(MONEY, min_size=1, max_size=20), st.randoms())
def test_units_take_with_them_what_they_came_in_with(costs, order):
    balance = Balance()
    for cost in costs:
        balance = come(balance, 1, cost, cost)
    leaving = list(costs)
    order.shuffle(leaving)
    for left, cost in enumerate(leaving, start=1):
        balance, _, own = go(balance, 1, cost)
        assert own == cost
        assert balance.own_value_cny == sum(leaving[left:])


@given(MONEY, st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_all_of_a_balance_has_all_of_its_value(worth, parts):
    assert share(worth, sum(parts), sum(parts)) == worth
