"""Sourcing: the best of all assignments; on time first, then cheap; never what another depot needs itself."""

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inventory.requests.sourcing import MOST_WAYS, PICK_HOURS, RUNGS, Choice, Outside, Source, Wanted, choose

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLACES = {"GZ": 1, "SH": 2, "SY": 3}


def source(
    depot: str = "GZ", rung: str = "depot", hours: float | None = 1.0, cost: float = 0.0, **more: object
) -> Source:
    facts = {"free": 5, "part": 1, "part_number": "PSU-750"} | more
    return Source(
        rung=rung,
        place=PLACES[depot],
        depot=depot,
        pool=1,
        pool_code="common",
        travel_hours=hours,
        transport_cost_cny=cost,
        **facts,
    )


def chosen(
    *sources: Source, quantity: int = 1, within: float | None = 4, may_empty: bool = False, outside=()
) -> Choice:
    return together([Wanted(quantity=quantity, sources=sources, outside=outside)], within, may_empty=may_empty)[0]


def together(lines: list[Wanted], within: float | None = 4, *, may_empty: bool = False) -> list[Choice]:
    need_by = None if within is None else NOON + timedelta(hours=within)
    return choose(lines, now=NOON, need_by=need_by, may_empty=may_empty)


def took(choice: Choice) -> list[tuple[str, int, bool]]:
    return [(taken.source.depot, taken.quantity, taken.on_time) for taken in choice.taken]


def test_the_cheapest_source_in_time_wins_over_a_faster_dear_one():
    fast = source("SH", "other_depot", hours=1, cost=1900)
    slow = source("GZ", "depot", hours=3, cost=0)

    assert took(chosen(fast, slow)) == [("GZ", 1, True)]


def test_where_nothing_is_in_time_the_earliest_wins_whatever_it_costs():
    courier = source("SH", "other_depot", hours=24, cost=135)
    carried = source("SH", "other_depot", hours=7, cost=1900)
    (taken,) = chosen(courier, carried).taken

    assert (taken.source.travel_hours, taken.on_time, taken.reasons) == (7, False, ["earliest_possible"])


def test_what_no_single_store_has_comes_from_several():
    choice = chosen(source("GZ", free=2), source("SH", "other_depot", cost=20, free=2), quantity=5)

    assert took(choice) == [("GZ", 2, True), ("SH", 2, True)]
    assert choice.missing == 1


def test_a_store_that_can_give_nothing_is_told_of_once_by_its_fastest_way():
    ways = [source("SH", "other_depot", hours=hours, cost=100, free=0) for hours in (24, 7, 18)]
    empty, full = chosen(*ways), chosen(*(replace(way, free=1) for way in ways))

    assert [(step.possible, step.arrives_at) for step in empty.ladder] == [
        (False, NOON + timedelta(hours=7 + PICK_HOURS))
    ]
    assert len(full.ladder) == 3


def test_what_cannot_be_had_is_on_the_ladder_with_its_reason():
    forbidden = source("SY", "substitute", part_number="PSU-800", part=2, hindrances=("forbidden_by_contract",))
    choice = chosen(source(free=0), source("SH", hours=None), forbidden)

    assert (choice.taken, choice.missing) == ([], 1)
    assert {step.depot: step.reasons for step in choice.ladder} == {
        "GZ": ["only_0_free"],
        "SH": ["no_way_there"],
        "SY": ["forbidden_by_contract"],
    }


def test_another_depot_keeps_what_it_needs_unless_the_priority_may_empty_it():
    donor = source("SH", "other_depot", hours=2, free=3, keeps=3)

    assert chosen(donor).ladder[0].reasons == ["needs_3_itself"]
    assert took(chosen(donor, quantity=3, may_empty=True)) == [("SH", 3, True)]


def test_two_pieces_of_a_smaller_part_stand_in_for_one():
    choice = chosen(source("GZ", "substitute", free=5, pieces_each=2), quantity=3)

    assert (took(choice), choice.missing) == ([("GZ", 2, True)], 1)


def test_a_delivery_on_its_way_is_ready_when_it_arrives():
    lorry = source(free=2, inbound=UUID(int=7), ready_at=NOON + timedelta(hours=2))
    (taken,) = chosen(lorry).taken

    assert taken.arrives_at == NOON + timedelta(hours=2 + PICK_HOURS + 1)


def test_what_can_only_be_asked_for_stands_below_what_can_be_held():
    choice = chosen(
        source(free=0),
        outside=[
            Outside(rung="emergency", vendor="DISTI", hours=25, cost_cny=1225),
            Outside(rung="vendor_exchange", vendor="DELL", hours=3, cost_cny=0),
            Outside(rung="swap", depot="GZ", part_number="SWAP", hours=2, cost_cny=0, hindrances=("no_swap_promised",)),
        ],
        quantity=2,
    )

    told = [(step.rung, step.possible, step.on_time, step.cost_cny, step.reasons) for step in choice.ladder]
    assert told == [
        ("depot", False, False, 0.0, ["only_0_free"]),
        ("vendor_exchange", True, True, 0, ["ask_DELL"]),
        ("swap", False, False, 0, ["no_swap_promised"]),
        ("emergency", True, False, 2450, ["buy_from_DISTI", "after_need_by"]),
    ]


def test_without_a_need_by_time_everything_is_in_time():
    assert took(chosen(source(hours=30), within=None)) == [("GZ", 1, True)]


def test_a_line_leaves_to_another_what_only_that_one_can_use():
    """First come first served would give the only PSU-750 away to the line that a PSU-800 serves as well."""
    last, other = source(free=1), source(part=2, part_number="PSU-800", rung="substitute", cost=5, free=1)
    flexible, strict = together([Wanted(quantity=1, sources=[last, other]), Wanted(quantity=1, sources=[last])])

    assert flexible.taken[0].source.part_number == "PSU-800"
    assert strict.taken[0].source.part_number == "PSU-750"


def test_many_lines_over_shared_stock_are_still_answered():
    offered = [source(depot, free=60, part=part) for depot in PLACES for part in range(4)]
    choices = together([Wanted(quantity=9, sources=offered) for _ in range(50)])

    assert MOST_WAYS < 9**12
    assert [choice.missing for choice in choices] == [0] * 50


@st.composite
def orders(draw: st.DrawFn) -> list[Wanted]:
    """Up to three lines over two parts in three depots, with common stock of each."""
    stock = {(part, depot): draw(st.integers(0, 3)) for part in (1, 2) for depot in PLACES}
    keeps = {spot: draw(st.integers(0, 2)) for spot in stock}
    lines: list[Wanted] = []
    for _ in range(draw(st.integers(1, 3))):
        rungs = {(p, d): draw(st.sampled_from(["depot", "other_depot", "substitute"])) for p, d in stock}
        lines.append(
            Wanted(
                quantity=draw(st.integers(1, 2)),
                sources=[
                    source(
                        depot,
                        rungs[part, depot],
                        draw(st.sampled_from([None, 0.5, 1, 3, 9])),
                        draw(st.sampled_from([0, 20, 320])),
                        part=part,
                        free=stock[part, depot],
                        keeps=0 if rungs[part, depot] == "depot" else keeps[part, depot],
                        pieces_each=draw(st.sampled_from([1, 1, 2])),
                    )
                    for part, depot in draw(st.lists(st.sampled_from(sorted(stock)), max_size=3, unique=True))
                ],
            )
        )
    return lines


def value(picked: list[list[Source]], lines: list[Wanted], within: float) -> tuple[float, ...]:
    """What is to be least, counted plainly: pieces without, late ones, seconds late, cost, rungs."""
    pieces = [each for line in picked for each in line]
    late_by = [max(PICK_HOURS + each.travel_hours - within, 0) for each in pieces]
    return (
        sum(line.quantity for line in lines) - len(pieces),
        sum(1 for hours in late_by if hours > 0),
        round(sum(late_by) * 3600),
        sum(each.transport_cost_cny for each in pieces),
        sum(RUNGS.index(each.rung) for each in pieces),
    )


def allowed(picked: list[list[Source]], *, may_empty: bool) -> bool:
    """Whether every store has what is taken; whoever must leave something to the store leaves it, in line order."""
    left: dict[object, int] = {}
    for line in picked:
        for each in line:
            free = left.get(each.stock, each.free)
            kept = 0 if may_empty else each.keeps
            if each.travel_hours is None or free - each.pieces_each < kept:
                return False
            left[each.stock] = free - each.pieces_each
    return True


@given(orders(), st.sampled_from([0.5, 1.3, 4]), st.booleans())
def test_no_assignment_of_pieces_is_better(lines, within, may_empty):
    choices = together(lines, within, may_empty=may_empty)
    ours = [[each.source for each in choice.taken for _ in range(each.quantity)] for choice in choices]
    options = [
        [[each for each in picks if each is not None] for picks in product([*line.sources, None], repeat=line.quantity)]
        for line in lines
    ]
    best = min(
        value(list(picked), lines, within) for picked in product(*options) if allowed(list(picked), may_empty=may_empty)
    )

    assert allowed(ours, may_empty=may_empty)
    assert value(ours, lines, within) == best


@given(orders(), st.sampled_from([0.5, 1.3, 4]), st.data())
def test_more_stock_never_worsens_a_promise(lines, within, data):
    line = data.draw(st.integers(0, len(lines) - 1))
    extra = source("SY", hours=data.draw(st.sampled_from([0.1, 2, 20])), part=9, free=data.draw(st.integers(1, 3)))
    more = [
        Wanted(quantity=each.quantity, sources=[*each.sources, extra]) if index == line else each
        for index, each in enumerate(lines)
    ]

    def worth(asked: list[Wanted]) -> tuple[float, ...]:
        taken = [
            [each.source for each in choice.taken for _ in range(each.quantity)] for choice in together(asked, within)
        ]
        return value(taken, asked, within)

    assert worth(more) <= worth(lines)
