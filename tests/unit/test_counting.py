"""Counting's pure functions: classes, drawing by lot, and what differs."""

from decimal import Decimal
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inventory.stock.counting.abc import classify
from inventory.stock.counting.comparing import Line, Seen, compare_pieces, compare_units, without_relocated
from inventory.stock.counting.drawing import draw

CODES = st.lists(st.text("AB01-", min_size=1, max_size=5), unique=True, max_size=30)
VALUES = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(0, 10_000).map(Decimal), max_size=30)


def a_line(bin_code: str | None = "A-01") -> Line:
    return Line(
        id=UUID(int=1),
        bin_id=1,
        bin=bin_code,
        part=7,
        part_number="P",
        name_zh="件",
        name_en="part",
        serialised=True,
        unit_cost_cny=Decimal(10),
        condition="good",
        owner=1,
        owner_code="OWN",
        pool=1,
        pool_code="common",
        place=1,
        depot="GZ",
        listed=True,
        reason="",
        reason_for=None,
        reasoned_by=None,
        began_at=None,
        counted_at=None,
        counted_by=None,
        quantity=None,
        serials=[],
        pieces_then=0,
        superseded_by=None,
    )


def seen(serial: str, *, begin: bool = True, end: bool = True, moved: bool = False, place: str = "GZ", **more) -> Seen:
    told = {
        "tag": None,
        "part_number": "P",
        "bin": "A-01",
        "condition": "good",
        "owner": "OWN",
        "pool": "common",
    } | more
    return Seen(
        unit=uuid4(), serial=serial, there_at_begin=begin, there_at_end=end, moved_since=moved, place=place, **told
    )


@given(VALUES)
def test_the_classes_share_out_the_value_as_promised(values):
    classes = classify(values, a_share=0.8, b_share=0.95)
    total = sum(values.values())
    of = {name: sum(v for part, v in values.items() if classes[part] == name) for name in "ABC"}

    assert classes.keys() == values.keys()
    assert of["A"] >= Decimal("0.8") * total
    assert of["C"] <= Decimal("0.05") * total
    assert all(classes[part] == "C" for part, value in values.items() if value == 0)


@given(VALUES)
def test_what_is_used_more_is_in_no_lower_class(values):
    classes = classify(values, a_share=0.8, b_share=0.95)
    ranked = sorted(values, key=lambda part: (-values[part], part))

    assert [classes[part] for part in ranked] == sorted(classes.values())


@given(st.text(max_size=10), CODES, st.integers(0, 40))
def test_a_sample_is_the_same_however_the_bins_are_listed(seed, codes, count):
    drawn = draw(seed, codes, count)

    assert drawn == draw(seed, codes[::-1], count)
    assert len(drawn) == min(count, len(codes))
    assert set(drawn) <= set(codes)


@given(CODES, st.integers(0, 20))
def test_a_bin_that_is_new_takes_no_more_than_its_own_place(codes, count):
    before, after = draw("s", codes, count), draw("s", [*codes, "NEW"], count)

    assert set(before) - set(after) == set() or len(set(before) - set(after)) == 1


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_missing_and_unknown_are_the_two_sides_of_a_difference(there, found):
    difference = compare_units(sorted(found), [seen(serial) for serial in sorted(there)], a_line())

    assert difference.missing == sorted(there - found)
    assert {strange.serial for strange in difference.strange} == found - there
    assert (difference.expected, difference.counted) == (len(there), len(found))
    assert difference.corrected == len(found) - len(there)


@given(st.integers(0, 99), st.integers(0, 99))
def test_pieces_differ_by_what_was_counted_less_what_was_there(expected, counted):
    difference = compare_pieces(expected, counted)

    assert difference.pieces == difference.corrected == counted - expected
    assert difference.differing == difference.at_stake == abs(counted - expected)


def test_what_came_or_went_while_it_was_counted_is_rightly_there_and_rightly_not():
    came, went = seen("came", begin=False), seen("went", end=False)

    for scanned in ([], ["came"], ["went"], ["came", "went"]):
        assert compare_units(scanned, [came, went], a_line()).differing == 0


def test_a_later_movement_knows_better():
    gone, arrived = seen("gone", moved=True), seen("arrived", begin=False, end=False, moved=True, place="SH")

    assert compare_units(["arrived"], [gone, arrived], a_line()).differing == 0


def test_a_tag_means_its_unit():
    assert compare_units(["T-1"], [seen("S-1", tag="T-1")], a_line()).differing == 0


def test_another_condition_in_the_same_bin_is_a_conflict_and_another_bin_a_relocation():
    quarantined = seen("q", begin=False, end=False, condition="quarantine")
    elsewhere = seen("e", begin=False, end=False, bin="A-02")
    other_part = seen("o", begin=False, end=False, part_number="Q", bin="A-02")
    difference = compare_units(["q", "e", "o"], [quarantined, elsewhere, other_part], a_line())

    assert {found.serial: found.kind for found in difference.strange} == {
        "q": "conflict",
        "e": "other_bin",
        "o": "conflict",
    }
    assert difference.corrected == 0


def test_a_unit_found_in_another_bin_of_the_count_is_not_missing_in_its_own():
    found = replace(
        a_line(), difference=compare_units(["e"], [seen("e", begin=False, end=False, bin="A-02")], a_line())
    )
    lacking = replace(a_line("A-02"), difference=compare_units([], [seen("e", bin="A-02")], a_line("A-02")))
    assert lacking.differs

    assert [line.differs for line in without_relocated([found, lacking])] == [True, False]
