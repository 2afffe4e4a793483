"""The chooser against full enumeration of small situations.

Everything here works on the plain JSON document: its own list of all plans, its own arithmetic
of costs, arrivals and shortage. The product only reads the file and chooses.
"""

import itertools
import random

import msgspec
import pytest

from optimizer import emergency
from optimizer.emergency import choose
from optimizer.situation import Move, Purchase, read

SEEDS = range(72)
MOST_PLANS = 6_000


def random_document(seed: int) -> dict:
    """A small situation with round prices, so that ties are common."""
    draw = random.Random(seed)  # noqa: S311
    while True:
        document = _draw(draw)
        if 8 <= number_of_plans(document) <= MOST_PLANS:
            return document


def _draw(draw: random.Random) -> dict:
    parts = ["FAN", "PSU"][: draw.choice([1, 1, 2])]
    depots = ["BJ", "GZ", "SH"][: draw.choice([2, 2, 3])]
    needs = [
        {
            "part": part,
            "depot": depot,
            "on_hand": draw.randint(0, 3),
            "hold_point": draw.randint(0, 3),
            "needed_by_hours": draw.choice([24, 48, 72, 72, 96]),
            "inbound": [
                {"qty": draw.randint(1, 2), "eta_hours": draw.choice([6, 24, 30, 60, 96])}
                for _ in range(draw.choice([0, 0, 0, 1]))
            ],
        }
        for part in parts
        for depot in depots
        if draw.random() < 0.9
    ]
    here = sorted({need["depot"] for need in needs})
    options = []
    for number in range(draw.randint(0, 4)):
        if not needs:
            break
        lot = draw.choice([1, 1, 2, 3])
        moq = draw.randint(0, 3)
        hours, price = draw.choice([(12, 400), (24, 150), (40, 100), (60, 99.9), (72, 100), (90, 0)])
        options.append(
            {
                "option": f"V{number}",
                "part": draw.choice([need["part"] for need in needs]),
                "unit_price_cny": price,
                "lead_hours": hours,
                "moq": moq,
                "max_qty": moq + draw.randint(0, 3),
                "lot": lot,
                "order_fee_cny": draw.choice([0, 50, 200]),
                "depots": [depot for depot in here if draw.random() < 0.7],
            }
        )
    lanes = [
        {
            "from": start,
            "to": end,
            "hours": draw.choice([10, 26, 50]),
            "fixed_cost_cny": draw.choice([0, 50, 300]),
            "unit_cost_cny": draw.choice([0, 10, 50]),
        }
        for start, end in itertools.permutations(here, 2)
        if draw.random() < 0.5
    ]
    return {
        "needs": needs,
        "vendor_options": options,
        "lanes": lanes,
        "budget_cny": draw.choice([None, None, 250, 800]),
        "shortage_cost_cny_per_unit_hour": draw.choice([0, 1, 5, 15]),
        "horizon_hours": draw.choice([48, 100]),
    }


def shared_trucks(seed: int, *, budget: bool) -> dict:
    """Two parts in all depots, every truck dear enough to be worth sharing, a budget near what is needed."""
    draw = random.Random(seed)  # noqa: S311
    while True:
        document = _draw(draw)
        parts = {(need["part"], need["depot"]) for need in document["needs"]}
        for lane in document["lanes"]:
            lane["fixed_cost_cny"] = draw.choice([120, 300, 450])
        shared = [
            lane
            for lane in document["lanes"]
            if all({(part, lane["from"]), (part, lane["to"])} <= parts for part in ("FAN", "PSU"))
        ]
        document["budget_cny"] = None
        if shared and 50 <= number_of_plans(document) <= MOST_PLANS:
            feasible = [found["cost"] for _, found in all_plans(document) if found["missing"] == 0]
            if feasible and min(feasible) > 0:
                tight = draw.choice([-30, 0, 0, 40, 250])
                return document | ({"budget_cny": max(1, min(feasible) + tight)} if budget else {})


def choices(document: dict) -> list[list[tuple]]:
    """For each thing that can be done, the ways to do it; the first is not at all."""
    shelf = {(need["part"], need["depot"]): need["on_hand"] for need in document["needs"]}
    ways = [
        [None]
        + [
            ("buy", option, depot, qty)
            for qty in range(max(1, option["moq"]), option["max_qty"] + 1)
            if qty % option["lot"] == 0
        ]
        for option in document["vendor_options"]
        for depot in option["depots"]
        if (option["part"], depot) in shelf
    ]
    ways += [
        [None] + [("move", lane, part, qty) for qty in range(1, units + 1)]
        for lane in document["lanes"]
        for (part, depot), units in shelf.items()
        if depot == lane["from"] and (part, lane["to"]) in shelf
    ]
    return ways


def number_of_plans(document: dict) -> int:
    number = 1
    for ways in choices(document):
        number *= len(ways)
    return number


def all_plans(document: dict):
    """Every plan the rules allow, needs and budget aside, with all that is said of it."""
    shelf = {(need["part"], need["depot"]): need["on_hand"] for need in document["needs"]}
    for picked in itertools.product(*choices(document)):
        plan = [each for each in picked if each is not None]
        left = dict(shelf)
        for kind, what, which, qty in plan:
            if kind == "move":
                left[which, what["from"]] -= qty
        if all(units >= 0 for units in left.values()):
            yield plan, judged(document, plan)


def judged(document: dict, plan: list[tuple]) -> dict:
    cost, used = 0.0, set()
    events = {(need["part"], need["depot"]): [] for need in document["needs"]}
    for kind, what, which, qty in plan:
        if kind == "buy":
            cost += what["order_fee_cny"] + qty * what["unit_price_cny"]
            events[what["part"], which].append((what["lead_hours"], qty))
        else:
            used.add((what["from"], what["to"]))
            cost += qty * what["unit_cost_cny"]
            events[which, what["from"]].append((0, -qty))
            events[which, what["to"]].append((what["hours"], qty))
    for lane in document["lanes"]:
        if (lane["from"], lane["to"]) in used:
            cost += lane["fixed_cost_cny"]
    missing, last, short = 0, 0.0, 0.0
    for need in document["needs"]:
        coming = events[need["part"], need["depot"]]
        coming = coming + [(each["eta_hours"], each["qty"]) for each in need["inbound"]]

        def stock(hour, need=need, coming=coming):
            return need["on_hand"] + sum(qty for at, qty in coming if at <= hour)

        missing += max(0, need["hold_point"] - stock(need["needed_by_hours"]))
        hours = sorted({0.0, *(at for at, _ in coming)})
        met = [hour for hour in hours if stock(hour) >= need["hold_point"]]
        last = max(last, met[0] if met else float("inf"))
        horizon = document["horizon_hours"]
        marks = [hour for hour in hours if hour < horizon] + [horizon]
        for start, end in itertools.pairwise(marks):
            short += (end - start) * max(0, need["hold_point"] - stock(start))
    return {"cost": cost, "missing": missing, "last": last, "short": short}


def as_tuples(document: dict, plan) -> list[tuple]:
    """The product's plan in the form of this file."""
    options = {option["option"]: option for option in document["vendor_options"]}
    lanes = {f"{lane['from']}->{lane['to']}": lane for lane in document["lanes"]}
    found = []
    for action in msgspec.to_builtins(plan):
        if "buy" in action:
            option = options[action["buy"]]
            assert action["part"] == option["part"]
            way = ("buy", option, action["depot"], action["qty"])
        else:
            way = ("move", lanes[action["move"]], action["part"], action["qty"])
        assert any(way in ways for ways in choices(document)), action
        found.append(way)
    return found


def front_of(judgements: list[dict]) -> list[tuple[float, float]]:
    best: list[tuple[float, float]] = []
    for cost, last in sorted({(round(j["cost"], 6), j["last"]) for j in judgements}):
        if not best or last < best[-1][1]:
            best.append((cost, last))
    return best


def preference(plan: list[tuple], judgement: dict) -> tuple:
    """What decides between plans of equal cost."""
    return (
        round(judgement["cost"], 6),
        judgement["last"],
        len(plan),
        sum(qty for _, _, _, qty in plan),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_chooser_equals_full_enumeration(seed):
    check_against_full_enumeration(random_document(seed))


@pytest.mark.parametrize("budget", [False, True])
@pytest.mark.parametrize("seed", range(16))
def test_with_shared_trucks_the_chooser_equals_full_enumeration(seed, budget):
    check_against_full_enumeration(shared_trucks(seed, budget=budget))


def check_against_full_enumeration(document):
    answer = choose(read(msgspec.json.encode(document)))
    budget = float("inf") if document["budget_cny"] is None else document["budget_cny"] + 1e-9
    affordable = [(p, j) for p, j in all_plans(document) if j["cost"] <= budget]
    feasible = [(p, j) for p, j in affordable if j["missing"] == 0]
    price = document["shortage_cost_cny_per_unit_hour"]

    weighted = judged(document, as_tuples(document, answer.weighted.plan))
    least_total = min(j["cost"] + price * j["short"] for _, j in affordable)
    assert answer.weighted.total_cny == pytest.approx(least_total, abs=1e-6)
    assert weighted["cost"] + price * weighted["short"] == pytest.approx(least_total, abs=1e-6)
    assert answer.weighted.shortage_unit_hours == pytest.approx(weighted["short"])

    if not feasible:
        assert answer.status == "infeasible"
        assert answer.reasons
        least = min((j["missing"], round(j["cost"], 6)) for _, j in affordable)
        found = judged(document, as_tuples(document, answer.least_shortage.plan))
        assert (answer.least_shortage.units, round(answer.least_shortage.cost_cny, 6)) == least
        assert (found["missing"], round(found["cost"], 6)) == least
        return

    assert answer.status == "optimal"
    assert answer.least_shortage is None
    best = min(preference(p, j) for p, j in feasible)
    chosen = as_tuples(document, answer.plan)
    assert preference(chosen, judged(document, chosen)) == best
    assert answer.cost_cny == pytest.approx(best[0], abs=1e-6)
    points = [(round(p.cost_cny, 6), p.last_needed_arrival_hours) for p in answer.front]
    assert points == front_of([j for _, j in feasible])
    for point in answer.front:
        found = judged(document, as_tuples(document, point.plan))
        assert found["missing"] == 0
        assert (round(found["cost"], 6), found["last"]) == (
            round(point.cost_cny, 6),
            point.last_needed_arrival_hours,
        )


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("trucks", ["any", "shared"])
def test_lane_prices_alone_bound_every_plan_and_find_a_good_one(seed, trucks, monkeypatch):
    """The way of great groups, walked by small ones whose best plan is known."""
    monkeypatch.setattr(emergency, "MANY_PARTS", 0)
    monkeypatch.setattr(emergency, "TOO_MANY_PARTS", 0)
    document = shared_trucks(seed, budget=False) if trucks == "shared" else random_document(1000 + seed)
    document["budget_cny"] = None
    answer = choose(read(msgspec.json.encode(document)))
    feasible = [judgement["cost"] for _, judgement in all_plans(document) if judgement["missing"] == 0]
    assert (answer.status == "infeasible") == (not feasible)
    if feasible:
        best = min(feasible)
        assert answer.lower_bound_cny <= best + 1e-6
        assert best - 1e-6 <= answer.cost_cny <= 1.2 * best + 1e-6
        assert judged(document, as_tuples(document, answer.plan))["missing"] == 0
        if answer.status == "optimal":
            assert answer.cost_cny == pytest.approx(best, abs=0.005)


def test_the_drawn_situations_cover_what_is_hard():
    documents = [random_document(seed) for seed in SEEDS]
    answers = [choose(read(msgspec.json.encode(document))) for document in documents]
    options = [option for document in documents for option in document["vendor_options"]]
    assert sum(answer.status == "infeasible" for answer in answers) >= 10
    assert sum(len(answer.front) > 1 for answer in answers) >= 5
    assert sum(len({need["part"] for need in document["needs"]}) > 1 for document in documents) >= 10
    assert sum(document["budget_cny"] is not None for document in documents) >= 10
    assert sum(any(lane["fixed_cost_cny"] for lane in document["lanes"]) for document in documents) >= 10
    assert sum(option["moq"] > 1 for option in options) >= 10
    assert sum(option["lot"] > 1 for option in options) >= 10
    assert sum(option["order_fee_cny"] > 0 for option in options) >= 10
    assert any(isinstance(action, Move) for answer in answers for action in answer.plan)
    assert any(isinstance(action, Purchase) for answer in answers for action in answer.plan)
