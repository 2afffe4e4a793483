"""Bundling against every choice there is, on small instances; and its promises on larger ones."""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.errors import OptimizerError
from optimizer.order_bundles import (
    A_FEN,
    Bundling,
    Line,
    Need,
    Option,
    Price,
    Terms,
    alone,
    bundle,
    least_quantity,
    line_of,
    orders_of,
)

MOST = 9
"""The most pieces that an offer of these allows."""


@st.composite
def options(draw: st.DrawFn, vendor: str) -> Option:
    lot = draw(st.integers(1, 3))
    first = draw(st.integers(1, 40))
    steps = draw(st.lists(st.tuples(st.integers(2, MOST), st.integers(1, 40)), max_size=1))
    prices = (Price(1, float(first)), *(Price(start, float(min(price, first))) for start, price in steps))
    return Option(
        vendor,
        prices,
        draw(st.integers(1, 4)),
        lot,
        draw(st.integers(4, MOST)),
        float(draw(st.sampled_from([0, 0, 7]))),
        draw(st.sampled_from([1.0, 1.0, 0.5, 100 / 113])),
    )


@st.composite
def instances(draw: st.DrawFn, most_needs: int = 3) -> tuple[list[Need], list[Terms]]:
    vendors = ["A", "B"]
    needs = [
        Need(
            f"N{number}",
            draw(st.integers(1, 5)),
            tuple(draw(options(vendor)) for vendor in draw(st.lists(st.sampled_from(vendors), unique=True))),
            may_wait=draw(st.booleans()),
        )
        for number in range(draw(st.integers(1, most_needs)))
    ]
    terms = [
        Terms(
            vendor,
            float(draw(st.sampled_from([0, 0, 50, 120, 400]))),
            draw(st.sampled_from([None, None, 15.0])),
            float(draw(st.sampled_from([0, 0, 12]))),
        )
        for vendor in vendors
    ]
    return needs, terms


def best(needs: list[Need], terms: list[Terms]) -> tuple[int, float]:
    """The fewest needs that cannot be served, and the least worth with so many, by trying everything."""
    by_vendor = {each.vendor: each for each in terms}

    def answers(need: Need) -> list[Line | str]:
        brought = [min(least_quantity(option, need.quantity) or 0, need.quantity) for option in need.options]
        found: list[Line | str] = ["unserved"]
        if need.may_wait and alone(need, by_vendor) < float("inf"):
            found.append("waits")
        for option, covered in zip(need.options, brought, strict=True):
            if not covered or covered < max(brought):
                continue
            least = least_quantity(option, need.quantity) or 0
            found += [line_of(need.key, option, quantity) for quantity in range(least, option.maximum + 1, option.lot)]
        return found

    worths: list[tuple[int, float]] = []
    for choice in product(*(answers(need) for need in needs)):
        try:
            orders = orders_of([each for each in choice if isinstance(each, Line)], needs, by_vendor)
        except OptimizerError:
            continue
        waiting = sum(alone(need, by_vendor) for need, each in zip(needs, choice, strict=True) if each == "waits")
        worths.append((choice.count("unserved"), sum(order.cost_cny for order in orders) + waiting))
    return min(worths)


@settings(max_examples=60)
@given(instances())
def test_nothing_is_cheaper_than_what_is_found(instance):
    needs, terms = instance
    found = bundle(needs, terms)
    unserved, worth = best(needs, terms)
    assert found.proven
    assert len(found.unserved) == unserved
    # what waits counts a fen more, so that of equals the order is taken
    assert abs(found.worth_cny - worth) <= A_FEN * len(needs)


@settings(max_examples=40)
@given(instances(most_needs=12))
def test_orders_add_up_and_keep_to_what_vendors_take(instance):
    needs, terms = instance
    found = bundle(needs, terms)
    check(found, needs, terms)


def check(found: Bundling, needs: list[Need], terms: list[Terms]) -> None:
    by_vendor = {each.vendor: each for each in terms}
    assert found.orders == orders_of(found.lines, needs, by_vendor)
    assert abs(found.cost_cny - sum(order.cost_cny for order in found.orders)) < 1e-9
    answered = sorted([*(line.key for line in found.lines), *found.waiting, *found.unserved])
    assert answered == sorted(need.key for need in needs)
    assert all(need.may_wait for need in needs if need.key in found.waiting)
    assert found.bound_cny <= found.worth_cny + 1e-9
    for order in found.orders:
        asked = by_vendor[order.vendor]
        assert (
            order.goods_cny >= asked.minimum_order_cny - A_FEN or order.small_order_fee_cny == asked.small_order_fee_cny
        )
