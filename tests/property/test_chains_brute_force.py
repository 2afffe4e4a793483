"""Chains of substitutes against brute force: every simple path, counted plainly."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from inventory.catalogue.firmware import is_at_least
from inventory.catalogue.substitutes import Fit, Link, chains

PARTS = range(6)
FIT = Fit(1, "2.20")

LINKS = st.lists(
    st.builds(
        lambda ends, pieces, model, min_firmware: Link(
            part=ends[0],
            part_number=f"P{ends[0]}",
            substitute=ends[1],
            substitute_number=f"P{ends[1]}",
            pieces=pieces,
            model=model,
            model_code=None if model is None else f"M{model}",
            min_firmware=min_firmware,
        ),
        st.tuples(st.sampled_from(PARTS), st.sampled_from(PARTS)).filter(lambda ends: ends[0] != ends[1]),
        st.integers(1, 3),
        st.sampled_from([None, None, None, 1, 2]),
        st.sampled_from([None, None, None, "2.9", "3.0"]),
    ),
    max_size=12,
)


def paths(links: list[Link], part: int, gone: tuple[Link, ...] = ()) -> Iterator[tuple[Link, ...]]:
    """Every way from a part along links that visits no part twice."""
    yield gone
    passed = {link.part for link in gone} | {part}
    for link in links:
        if link.part == part and link.substitute not in passed:
            yield from paths(links, link.substitute, (*gone, link))


@given(LINKS, st.sampled_from([FIT, None]))
def test_no_chain_is_better_and_every_part_that_is_reached_is_told(links, fit):
    best: dict[int, tuple[int, int, int]] = {}
    for path in paths(links, 0):
        if fit is not None and any(link.model not in (None, fit.model) for link in path):
            continue
        pieces, unmet = 1, 0
        for link in path:
            pieces *= link.pieces
            if fit is None:
                unmet += (link.model is not None) + (link.min_firmware is not None)
            else:
                unmet += link.min_firmware is not None and not is_at_least(fit.firmware, link.min_firmware)
        end = path[-1].substitute if path else 0
        best[end] = min(best.get(end, (unmet, pieces, len(path))), (unmet, pieces, len(path)))

    found = chains(links, 0, fit)

    assert {part: (len(each.unmet), each.pieces, max(len(each.path) - 1, 0)) for part, each in found.items()} == best


@given(st.integers(1, 400))
def test_a_chain_may_be_of_any_length(length):
    row = [
        Link(part=n, part_number=f"P{n}", substitute=n + 1, substitute_number=f"P{n + 1}", pieces=1 + (n == 0))
        for n in range(length)
    ]
    end = chains(row, 0, None)[length]

    assert (end.pieces, end.path[0], end.path[-1], len(end.path)) == (2, "P0", f"P{length}", length + 1)
