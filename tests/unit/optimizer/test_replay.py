"""Failures of the past played against a plan."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from optimizer import shelves_compiled
from optimizer.errors import InvalidInput
from optimizer.network import read
from optimizer.observations import Failure, read_failures, read_lead_times
from optimizer.replay import replay
from optimizer.shelves import Shelves

EXAMPLE = Path(__file__).parents[2] / "examples" / "network-small.json"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HEADING = b"occurred_at,part,depot,sla_class,travel_hours\n"


def failure(day, part="MB-R740", depot="GZ", sla="2h", travel=1.2):
    return Failure(BEGIN + timedelta(days=day), part, depot, sla, travel)


def test_the_past_is_told_failure_by_failure():
    network = read(EXAMPLE.read_bytes())
    # one board, thirty days: in time, 20 days late, in time again (it comes on day 40), at another depot, too far
    past = [failure(0), failure(10), failure(70), failure(71, depot="SH", travel=0.8), failure(200, sla="8h", travel=9)]

    found = replay({"MB-R740": {"GZ": 1, "SH": 1}}, network, past)

    assert [(miss.failure, miss.hours) for miss in found.misses] == [(1, pytest.approx(20 * 24 + 1.2)), (4, 9)]
    assert (found.classes["2h"].calls, found.classes["2h"].on_time, found.classes["2h"].share) == (4, 3, 0.75)
    assert found.classes["8h"].share == 0
    assert found.classes["2h"].target == 0.93


def test_the_order_of_the_list_does_not_matter():
    network = read(EXAMPLE.read_bytes())

    found = replay({"MB-R740": {"GZ": 1}}, network, [failure(10), failure(0)])

    assert [miss.failure for miss in found.misses] == [0]


def test_what_nobody_stocks_there_is_missed_without_hours():
    found = replay({}, read(EXAMPLE.read_bytes()), [failure(1, part="FAN"), failure(0, depot="BJ")])

    assert [(miss.failure, miss.hours) for miss in found.misses] == [(1, None), (0, None)]


def test_the_emergency_channel_serves_what_finds_nothing():
    document = json.loads(EXAMPLE.read_bytes())
    document["policy"] = {"stockout": "emergency", "emergency_hours": 6, "emergency_cost_cny": 1}
    past = [failure(0), failure(1, sla="8h", travel=5)]

    found = replay({}, read(json.dumps(document).encode()), past)

    assert [(miss.failure, miss.hours) for miss in found.misses] == [(0, 6)]


def test_no_failures_are_no_share():
    found = replay({}, read(EXAMPLE.read_bytes()), [])

    assert (found.classes["2h"].share, found.misses) == (None, ())


def test_a_class_that_is_unknown_is_refused():
    with pytest.raises(InvalidInput, match="failure 2: no such class: 4h"):
        replay({}, read(EXAMPLE.read_bytes()), [failure(0), failure(0, sla="4h")])


def test_failures_are_read_with_their_zone():
    found = read_failures(HEADING + b"2026-01-01T08:00:00+08:00,A,GZ,2h,1.5\n2026-01-01,B,GZ,2h,0\n")

    assert [each.occurred_at for each in found] == [BEGIN, BEGIN]
    assert found[0] == Failure(BEGIN, "A", "GZ", "2h", 1.5)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "line 1"),
        (b"part,depot\n", "line 1"),
        (b"\xff\xfe", "line 1"),
        (HEADING + b"yesterday,A,GZ,2h,1\n", "line 2"),
        (HEADING + b"2026-01-01,A,GZ,2h,1\n2026-01-01,A,GZ,2h,-1\n", "line 3"),
        (HEADING + b"2026-01-01,A,GZ,2h,nan\n", "line 2"),
        (HEADING + b"2026-01-01,A,GZ\n", "line 2"),
        (HEADING + b"2026-01-01,A,GZ,2h,1,2\n", "line 2"),
    ],
)
def test_a_table_that_is_wrong_names_its_line(content, place):
    with pytest.raises(InvalidInput) as refusal:
        read_failures(content)
    assert refusal.value.path == place


def test_a_lead_time_that_is_none_is_refused():
    with pytest.raises(InvalidInput, match="line 2: lead_time_days must be a number"):
        read_lead_times(b"part,depot,lead_time_days\nA,GZ,soon\n")


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("exponential", [False, True])
def test_the_rules_are_the_same_compiled(waits, exponential):
    rng = np.random.default_rng(20261122)
    shelves = Shelves(
        on_hand=np.array([2, 1, 0]),
        ways=np.array([[0, 1, -1], [1, -1, -1], [2, 0, 1]]),
        way_hours=np.array([[0.0, 26.0, 0.0], [0.0, 0.0, 0.0], [0.0, 5.0, 30.0]]),
        lead_times=np.array([20.0, 35.0, 9.0, 14.0, 30.0]),
        first_lead_time=np.array([0, 1, 4, 5]),
        lot=np.array([1, 3, 2]),
        exponential=exponential,
        waits=waits,
    )
    day, shelf, luck = np.sort(rng.random(3_000)) * 9_000, rng.integers(0, 3, 3_000), rng.random(3_000)
    begins, phase = np.array([0, 1_200]), rng.random((2, 3))

    plain = shelves.serve(day, shelf, luck, begins, phase)
    compiled = shelves.serve(day, shelf, luck, begins, phase, play=shelves_compiled.serve)

    assert plain[1].tolist() == compiled[1].tolist()
    assert plain[0] == pytest.approx(compiled[0], rel=1e-12)
    assert len(set(plain[1].tolist())) > 2
