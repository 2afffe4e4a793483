"""Sourcing: on time first, then cheap; late only where nothing is on time; never what another depot needs itself."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from inventory.requests.sourcing import PICK_HOURS, Purchase, Source, choose

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def source(
    depot: str = "GZ", rung: str = "depot", hours: float | None = 1.0, cost: float = 0.0, **more: object
) -> Source:
    facts = {"free": 5, "critical_point": None, "out_of_service": False} | more
    return Source(
        rung=rung,
        part=1,
        part_number="PSU-750",
        place=hash(depot) % 1000,
        depot=depot,
        pool=1,
        pool_code="common",
        travel_hours=hours,
        transport_cost_cny=cost,
        **facts,
    )


def chosen(*sources: Source, quantity: int = 1, within: float | None = 4, severe: bool = False, purchases=()):
    need_by = None if within is None else NOON + timedelta(hours=within)
    return choose(quantity, sources, purchases, now=NOON, need_by=need_by, severe=severe)


def test_the_cheapest_source_in_time_wins_over_a_faster_dear_one():
    fast = source("SH", "other_depot", hours=1, cost=1900)
    slow = source("GZ", "depot", hours=3, cost=0)

    assert chosen(fast, slow).source.depot == "GZ"


def test_where_nothing_is_in_time_the_earliest_wins_whatever_it_costs():
    courier = source("SH", "other_depot", hours=24, cost=135)
    carried = source("SH", "other_depot", hours=7, cost=1900)
    choice = chosen(courier, carried)

    assert (choice.source.travel_hours, choice.on_time, choice.reasons) == (7, False, ["earliest_possible"])


def test_what_cannot_be_had_is_on_the_ladder_with_its_reason():
    choice = chosen(source(free=0), source("SH", hours=None), source("SY", out_of_service=True))

    assert choice.source is None
    assert {step.depot: step.reasons for step in choice.ladder} == {
        "GZ": ["only_0_free"],
        "SH": ["no_way_there"],
        "SY": ["out_of_service"],
    }


def test_another_depot_keeps_its_critical_point_unless_it_is_severe():
    donor = source("SH", "other_depot", hours=2, free=3, critical_point=3)

    assert chosen(donor).source is None
    assert chosen(donor, severe=True).source.depot == "SH"


def test_the_serving_depot_itself_may_go_below_its_critical_point():
    assert chosen(source(free=1, critical_point=3)).source.depot == "GZ"


def test_buying_is_the_last_rung_of_the_ladder():
    choice = chosen(source(free=0), purchases=[Purchase(vendor="DISTI", hours=25, cost_cny=1225)], quantity=2)

    last = choice.ladder[-1]
    assert (last.rung, last.on_time, last.cost_cny) == ("emergency", False, 2450)


def test_without_a_need_by_time_everything_is_in_time():
    assert chosen(source(hours=30), within=None).on_time


sources = st.lists(
    st.builds(
        source,
        depot=st.sampled_from(["GZ", "SH", "SY"]),
        rung=st.sampled_from(["depot", "other_depot", "substitute", "engineer_stock"]),
        hours=st.one_of(st.none(), st.floats(0, 40)),
        cost=st.floats(0, 3000),
        free=st.integers(0, 4),
        critical_point=st.one_of(st.none(), st.integers(0, 4)),
        out_of_service=st.booleans(),
    ),
    max_size=6,
)


@given(sources, st.integers(1, 3), st.floats(0.1, 40), st.booleans())
def test_the_choice_is_the_best_of_all_that_are_possible(offered, quantity, within, severe):
    choice = chosen(*offered, quantity=quantity, within=within, severe=severe)

    def possible(s: Source) -> bool:
        gives_away = s.rung == "other_depot" and not severe and s.free - quantity < (s.critical_point or 0)
        return s.free >= quantity and s.travel_hours is not None and not s.out_of_service and not gives_away

    able = [s for s in offered if possible(s)]
    in_time = [s for s in able if PICK_HOURS + s.travel_hours <= within]
    assert (choice.source is None) == (not able)
    if in_time:
        assert choice.on_time
        assert choice.source.transport_cost_cny == min(s.transport_cost_cny for s in in_time)
    elif able:
        assert not choice.on_time
        assert choice.source.travel_hours == min(s.travel_hours for s in able)


@given(sources, st.builds(source, hours=st.floats(0, 40), free=st.integers(1, 4)), st.floats(0.1, 40))
def test_more_stock_never_worsens_a_promise(offered, extra, within):
    before, after = chosen(*offered, within=within), chosen(*offered, extra, within=within)

    assert after.source is not None
    if before.source is not None:
        assert after.on_time >= before.on_time
        if not after.on_time:
            assert after.arrives_at <= before.arrives_at
