"""Network files that are broken or extreme: each gives a refusal with its place, or an answer that can be verified.

Never another exception, a warning (which is an error here), or work without end. The files are drawn from fixed seeds.
"""

import collections
import copy
import json
import os
import random
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli import main
from optimizer.certificate import check
from optimizer.errors import InvalidInput, OptimizerError
from optimizer.network import read
from optimizer.plan import read_plan, write_plan
from optimizer.sizing import size
from tests.property.test_sizing_brute_force import random_network

EXAMPLE = Path(__file__).parents[1] / "examples" / "network-small.json"

MUTANTS = 1_000 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 250
TORN = 300
BATCH = 50

EMERGENCY = {"stockout": "emergency", "lateral": False, "emergency_hours": 6, "emergency_cost_cny": 800}
LANES = [
    {"from": "GZ", "to": "SH", "hours": 26, "cost_cny": 300},
    {"from": "SH", "to": "GZ", "hours": 26, "cost_cny": 300},
]
LATERAL = EMERGENCY | {"lateral": True, "lateral_lanes": LANES}
POLICIES = {"backorder": {"stockout": "backorder", "lateral": False}, "emergency": EMERGENCY, "lateral": LATERAL}


ORDERLY = {"refused", "beyond", "optimal", "feasible", "infeasible", "timed_out"}


def outcome(content):
    """What became of a file; anything that is no orderly answer is raised."""
    try:
        network = read(content)
    except InvalidInput as refusal:
        return "refused" if refusal.path.startswith("$") and refusal.problem else "refused without a place"
    try:
        plan = size(network, time_limit_s=0.3)
    except OptimizerError as refusal:
        return "beyond" if str(refusal) else "refused without a word"
    assert check(plan, network) == []
    if plan.status == "infeasible":
        assert all(plan.reasons)
        assert plan.reasons
    elif plan.status == "timed_out":
        assert plan.reasons or plan.stock
    return plan.status


# ---------------------------------------------------------------- one place of a good file changed

JUNK = [
    None,
    True,
    "",
    "GZ",
    "x" * 201,
    "x" * 100_000,
    "\u0000",
    "备件\U0001f4a5",
    -1,
    -0.0,
    0,
    1,
    0.5,
    1e-300,
    5e-324,
    1e6,
    1e12,
    1.0000001e12,
    1e308,
    10**30,
    -(10**30),
    float("nan"),
    float("inf"),
    [],
    {},
    [[]],
    {"id": "GZ"},
    [None],
]


def places(value, way=()):
    """Every place in a document, as the keys that lead there."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*way, key)
        yield from places(inner, (*way, key))


def holder(document, way):
    for key in way[:-1]:
        document = document[key]
    return document


def _replaced(document, way, draw):
    holder(document, way)[way[-1]] = copy.deepcopy(draw.choice(JUNK))


def _scaled(document, way, draw):
    old = holder(document, way)[way[-1]]
    if isinstance(old, int | float):
        holder(document, way)[way[-1]] = old * draw.choice([-1, 0, 1e-9, 0.1, 10, 1000, 1e6, 1e9])


def _removed(document, way, draw):
    del holder(document, way)[way[-1]]


def _doubled(document, way, draw):
    inside = holder(document, way)
    if isinstance(inside, list):
        inside.append(copy.deepcopy(inside[way[-1]]))
    else:
        inside[f"{way[-1]}2"] = copy.deepcopy(inside[way[-1]])


def _emptied(document, way, draw):
    old = holder(document, way)[way[-1]]
    holder(document, way)[way[-1]] = type(old)() if isinstance(old, list | dict | str) else 0


def _exchanged(document, way, draw):
    other = draw.choice(
        [other for other in places(document) if other[: len(way)] != way and way[: len(other)] != other]
    )
    one, two = holder(document, way), holder(document, other)
    one[way[-1]], two[other[-1]] = two[other[-1]], one[way[-1]]


CHANGES = [_replaced, _replaced, _scaled, _scaled, _removed, _doubled, _emptied, _exchanged]


def good(draw):
    """A network that is in order."""
    if draw.random() < 0.5:
        policy = draw.choice(["backorder", "emergency", "lateral"])
        return random_network(draw.randrange(50), policy)
    document = json.loads(EXAMPLE.read_bytes())
    policy = draw.choice([document["policy"], EMERGENCY, LATERAL])
    return document | {"policy": copy.deepcopy(policy), "objective": draw.choice(["investment", "annual_cost"])}


def mutant(seed):
    draw = random.Random(f"mutant-{seed}")  # noqa: S311 - no secret is drawn
    document = good(draw)
    for _ in range(draw.choice([1, 1, 2, 3])):
        draw.choice(CHANGES)(document, draw.choice([*places(document)]), draw)
    return json.dumps(document, ensure_ascii=draw.random() < 0.5).encode(errors="replace")


# ---------------------------------------------------------------- bytes that are hardly JSON


def torn(seed):
    draw = random.Random(f"torn-{seed}")  # noqa: S311 - no secret is drawn
    content = bytearray(json.dumps(good(draw)).encode())
    kind = seed % 6
    if kind == 0:
        return bytes(content[: draw.randrange(len(content))])
    if kind == 1:
        for _ in range(draw.choice([1, 1, 3, 20])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        return bytes(content)
    if kind == 2:
        at = draw.randrange(len(content))
        return bytes(
            content[:at] + draw.choice([b"\xff", b"\xed\xa0\x80", b"\x00", b"\xc0\x80", b"}", b"]"]) + content[at:]
        )
    if kind == 3:
        return (
            draw.choice([b"\xef\xbb\xbf", b" \n", b"[", b"//"])
            + bytes(content)
            + draw.choice([b"", b"\n ", b"{}", b"]"])
        )
    if kind == 4:
        deep = draw.choice([10, 500, 1_000, 100_000])
        opening, closing = draw.choice([(b"[", b"]"), (b'{"a":', b"}")])
        nested = opening * deep + b"1" + closing * deep * draw.choice([0, 1])
        return bytes(content).replace(draw.choice([b"1.2", b'"SH"', b"null", b"["]), nested, 1)
    number = draw.choice(
        [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"0x10", b"1_000", b"01", b"+1", b".5", b"1e"]
    )
    return re.sub(rb": \d[\d.]*", b": " + number, bytes(content), count=draw.choice([1, 0]))


# ---------------------------------------------------------------- good files at the ends of what may stand there


def setting(**changes):
    """Set a field of every record of a table: `parts__unit_cost_cny=0`."""

    def change(document):
        for name, value in changes.items():
            table, _, field = name.partition("__")
            records = document[table] if isinstance(document[table], list) else [document[table]]
            for record in records:
                record[field] = copy.deepcopy(value)

    return change


def _multiplied(table, field, factor):
    def change(document):
        for record in document[table]:
            record[field] = record[field] * factor

    return change


def _first(table, field, value):
    def change(document):
        document[table][0][field] = value

    return change


def _no_depot(document):
    document["depots"], document["replenishment"] = [], []
    setting(customers__travel_hours={})(document)
    document["policy"].pop("lateral_lanes", None)
    document["policy"]["lateral"] = False


def _no_demand_and_no_depot(document):
    _no_depot(document)
    document["installed_base"] = []


def _one_depot(document):
    document["depots"] = document["depots"][:1]
    name = document["depots"][0]["id"]
    document["replenishment"] = [row for row in document["replenishment"] if row["depot"] == name]
    for customer in document["customers"]:
        customer["travel_hours"] = {name: 1.5}
    if "lateral_lanes" in document["policy"]:
        document["policy"]["lateral_lanes"] = []


def _no_parts(document):
    document["parts"], document["replenishment"], document["bom"] = [], [], []


def _nothing(document):
    for table in ("depots", "parts", "replenishment", "sla_classes", "customers", "installed_base", "bom"):
        document[table] = []
    document["policy"] = {"stockout": "backorder"}


def _renamed(name):
    """Give a depot, a part, a class and a customer another id, everywhere."""

    def change(document):
        content = json.dumps(document)
        for old in ("GZ", "PSU-750", "2h", "C1", "R740"):
            content = content.replace(f'"{old}"', json.dumps(f"{name}{old}"))
        document.update(json.loads(content))

    return change


def _more_depots(count):
    """Depots that all hold everything, joined by lanes in a ring and back."""

    def change(document):
        names = [f"D{n}" for n in range(count)]
        document["depots"] = [{"id": name, "capacity_units": None} for name in names]
        document["replenishment"] = [
            {"part": part["id"], "depot": name, "lead_time_days": 20} for part in document["parts"] for name in names
        ]
        for number, customer in enumerate(document["customers"]):
            customer["travel_hours"] = {
                name: 1.0 if place == number % count else 28.0 for place, name in enumerate(names)
            }
        if "lateral_lanes" in document["policy"]:
            ring = [(one, other) for n in range(count) for one, other in [(n, (n + 1) % count), ((n + 1) % count, n)]]
            document["policy"]["lateral_lanes"] = [
                {"from": names[one], "to": names[other], "hours": 5, "cost_cny": 10}
                for one, other in dict.fromkeys(ring)
                if one != other
            ]

    return change


EXTREMES = {
    "nothing at all": _nothing,
    "no depot": _no_depot,
    "no depot and no demand": _no_demand_and_no_depot,
    "one depot": _one_depot,
    "three depots in a ring": _more_depots(3),
    "five depots in a ring": _more_depots(5),
    "no parts": _no_parts,
    "no customers": lambda d: d.update(customers=[], installed_base=[]),
    "no devices": setting(installed_base__device_count=0),
    "one device": setting(installed_base__device_count=1),
    "never fails": setting(bom__annual_failure_rate=0),
    "hardly ever fails": setting(bom__annual_failure_rate=1e-300),
    "fails less than a number can say": setting(bom__annual_failure_rate=5e-324),
    "fails once in a million years": setting(bom__annual_failure_rate=1e-6),
    "one part hardly ever fails": _first("bom", "annual_failure_rate", 1e-300),
    "a million devices each": setting(installed_base__device_count=1_000_000),
    "a milliard devices each": setting(installed_base__device_count=1_000_000_000),
    "heavy load": _multiplied("installed_base", "device_count", 4_000),
    "much too heavy load": setting(installed_base__device_count=1_000_000_000, bom__annual_failure_rate=1e12),
    "quick failures, quick supply": setting(
        bom__annual_failure_rate=1e6, replenishment__lead_time_days=1e-3, installed_base__device_count=3
    ),
    "instant supply": setting(replenishment__lead_time_days=0),
    "nearly instant supply": setting(replenishment__lead_time_days=1e-300),
    "supply in three thousand years": setting(replenishment__lead_time_days=1e6),
    "supply never": setting(replenishment__lead_time_days=1e12),
    "slow supply of what never fails": setting(replenishment__lead_time_days=1e12, bom__annual_failure_rate=1e-12),
    "always on time": setting(sla_classes__target_fraction=1.0),
    "nearly always on time": setting(sla_classes__target_fraction=1 - 1e-15),
    "nine nines": setting(sla_classes__target_fraction=1 - 1e-9),
    "never on time": setting(sla_classes__target_fraction=0),
    "never on time within no time": setting(sla_classes__target_fraction=0, sla_classes__time_to_site_hours=0),
    "within no time": setting(sla_classes__time_to_site_hours=0),
    "within an age": setting(sla_classes__time_to_site_hours=1e12),
    "no mean time": setting(sla_classes__mean_time_target_hours=0),
    "next to no mean time": setting(sla_classes__mean_time_target_hours=1e-300),
    "any mean time": setting(sla_classes__mean_time_target_hours=1e12),
    "only a mean time": setting(sla_classes__mean_time_target_hours=9, sla_classes__target_fraction=None),
    "a mean time just above the travel": setting(sla_classes__mean_time_target_hours=5.0 + 1e-9),
    "too far away": setting(customers__travel_hours={"GZ": 1e6, "SH": 1e6}),
    "an age away": setting(customers__travel_hours={"GZ": 1e12, "SH": 1e12}),
    "at the door": setting(customers__travel_hours={"GZ": 0, "SH": 0}),
    "no room": setting(depots__capacity_units=0),
    "all the room there is": setting(depots__capacity_units=1_000_000_000),
    "no money": lambda d: d.update(limits={"total_budget_cny": 0}),
    "no money in the depots": setting(depots__budget_cny=0),
    "all the money there is": lambda d: d.update(limits={"total_budget_cny": 1e12}),
    "costs nothing": setting(parts__unit_cost_cny=0),
    "costs next to nothing": setting(parts__unit_cost_cny=1e-300),
    "costs all the money there is": setting(parts__unit_cost_cny=1e12),
    "costs nothing to keep": setting(parts__holding_rate_per_year=0),
    "one part costs nothing": _first("parts", "unit_cost_cny", 0),
    "a cent and a fortune": _first("parts", "unit_cost_cny", 0.01),
    "a high floor": setting(replenishment__min_stock=100_000, depots__capacity_units=None),
    "floors above the room": setting(replenishment__min_stock=100),
    "too high a floor": setting(replenishment__min_stock=1_000_000_000),
    "no parts in a device": setting(bom__per_device=0),
    "a million parts in a device": setting(bom__per_device=1e6),
    "half a part in a device": setting(bom__per_device=0.5),
    "unicode": _renamed("备件\U0001f4a5\u202e:"),
    "marks of its own": _renamed('"\\\n$.[0]'),
    "long ids": _renamed("长" * 190),
    "ids that are too long": _renamed("x" * 300),
    "emergency at once, for nothing": lambda d: d["policy"].update(emergency_hours=0, emergency_cost_cny=0),
    "emergency an age away": lambda d: d["policy"].update(emergency_hours=1e12, emergency_cost_cny=1e12),
    "lanes that take no time": lambda d: [x.update(hours=0, cost_cny=0) for x in d["policy"].get("lateral_lanes", [])],
    "lanes that take an age": lambda d: [
        x.update(hours=1e12, cost_cny=1e12) for x in d["policy"].get("lateral_lanes", [])
    ],
    "one lane, one way": lambda d: d["policy"].get("lateral_lanes", [0])[1:].clear(),
    "a lane to itself": lambda d: [x.update(to=x["from"]) for x in d["policy"].get("lateral_lanes", [])],
}


def extreme(name, policy, objective):
    document = json.loads(EXAMPLE.read_bytes())
    document |= {"policy": copy.deepcopy(POLICIES[policy]), "objective": objective}
    EXTREMES[name](document)
    return json.dumps(document).encode()


@pytest.mark.parametrize("first", range(0, MUTANTS, BATCH))
def test_a_changed_file_is_refused_or_answered(first):
    found = {outcome(mutant(seed)) for seed in range(first, first + BATCH)}

    assert {"refused", "optimal"} <= found <= ORDERLY


@pytest.mark.parametrize("first", range(0, TORN, BATCH))
def test_a_torn_file_is_refused_or_answered(first):
    found = {outcome(torn(seed)) for seed in range(first, first + BATCH)}

    assert "refused" in found
    assert found <= ORDERLY


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", EXTREMES)
def test_an_extreme_file_is_refused_or_answered(name, policy):
    both = ["investment", "annual_cost"]
    number = [*EXTREMES].index(name) + [*POLICIES].index(policy)

    assert outcome(extreme(name, policy, both[number % 2])) in ORDERLY


def test_the_extreme_files_contain_what_they_are_meant_to():
    """What must be refused, with its place, and what must not."""
    places = {
        "much too heavy load": "$.replenishment[0].lead_time_days",
        "supply never": "$.replenishment[0].lead_time_days",
        "too high a floor": "$.replenishment[0].min_stock",
        "ids that are too long": "$.depots[0].id",
        "no depot": "$.customers[0].travel_hours",
    }
    for name, path in places.items():
        with pytest.raises(InvalidInput) as refusal:
            read(extreme(name, "backorder", "investment"))
        assert refusal.value.path == path
    assert outcome(extreme("one depot", "backorder", "investment")) == "optimal"
    assert outcome(extreme("always on time", "backorder", "investment")) == "infeasible"
    assert outcome(extreme("five depots in a ring", "lateral", "investment")) in {"optimal", "feasible", "timed_out"}


# ---------------------------------------------------------------- plans that are not what was answered


def test_a_changed_plan_is_refused_or_told_apart():
    network = read(EXAMPLE.read_bytes())
    good_plan = write_plan(size(network))
    assert check(read_plan(good_plan), network) == []
    told = collections.Counter()
    for seed in range(300):
        draw = random.Random(f"plan-{seed}")  # noqa: S311 - no secret is drawn
        document = json.loads(good_plan)
        draw.choice(CHANGES)(document, draw.choice([*places(document)]), draw)
        try:
            differences = check(read_plan(json.dumps(document).encode()), network)
        except OptimizerError:
            told["refused"] += 1
        else:
            told["differs" if differences else "same"] += 1

    assert min(told["refused"], told["differs"]) > 30


# ---------------------------------------------------------------- the same by the command


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["mutant", "torn", "extreme"])
def test_the_command_says_in_its_exit_code_what_became_of_a_file(tmp_path, kind, seed):
    policy = [*POLICIES][seed % 3]
    content = {
        "mutant": lambda: mutant(seed),
        "torn": lambda: torn(seed),
        "extreme": lambda: extreme([*EXTREMES][5 * seed], policy, "investment"),
    }[kind]()
    network, plan = tmp_path / "network.json", tmp_path / "plan.json"
    network.write_bytes(content)

    done = CliRunner().invoke(main, ["plan", str(network), "--output", str(plan), "--time-limit", "0.5"])

    assert isinstance(done.exception, SystemExit | None), done.exception
    assert done.exit_code in {0, 2, 3, 4}
    assert plan.exists() == (done.exit_code != 2)
    if done.exit_code == 2:
        assert done.stderr.startswith("beijian: ")
        assert len(done.stderr.splitlines()) == 1
    else:
        assert (
            read_plan(plan.read_bytes()).status
            in {0: {"optimal", "feasible"}, 3: {"infeasible"}, 4: {"timed_out"}}[done.exit_code]
        )
        assert CliRunner().invoke(main, ["plan", str(network), "--check", str(plan)]).exit_code == 0
