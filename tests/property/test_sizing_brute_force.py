"""Sizing against full enumeration on more than a hundred small random networks.

The enumeration has its own evaluation, written from the formulas over the plain JSON document:
sums of Poisson probabilities, Erlang's formula as a quotient, and for lateral supply a chain that
is built state by state and solved as it stands.
"""

import itertools
import json
import math
import random

import numpy as np
import pytest

from optimizer.certificate import check
from optimizer.network import read
from optimizer.sizing import size

TOLERANCE = 1e-9


# ---------------------------------------------------------------- an evaluation of its own


def poisson_cdf(count, mean):
    return math.fsum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count + 1))


def erlang_b(servers, load):
    terms = [load**k / math.factorial(k) for k in range(servers + 1)]
    return terms[-1] / math.fsum(terms)


def chain_shares(stock, rates, lead_times, orders):
    """Share of each depot's demand by source (-1: emergency), from the chain's balance."""
    states = list(itertools.product(*(range(s + 1) for s in stock)))  # units on hand
    place = {state: i for i, state in enumerate(states)}
    balance = np.zeros((len(states), len(states)))
    supplier = {}
    for state in states:
        moves = []
        for depot, rate in enumerate(rates):
            source = next((s for s in orders[depot] if state[s] > 0), -1)
            supplier[state, depot] = source
            if source >= 0:
                moves.append((rate, source, -1))
        for depot, lead_time in enumerate(lead_times):
            moves.append(((stock[depot] - state[depot]) / lead_time, depot, 1))
        for rate, depot, step in moves:
            if rate > 0:
                after = tuple(n + step * (d == depot) for d, n in enumerate(state))
                balance[place[after], place[state]] += rate
                balance[place[state], place[state]] -= rate
    balance[0] = 1.0  # the balance of one state follows from the others; all states add up to one
    stationary = np.linalg.solve(balance, np.eye(len(states))[0])
    return [
        {
            source: math.fsum(stationary[place[state]] for state in states if supplier[state, depot] == source)
            for source in (*orders[depot], -1)
        }
        for depot in range(len(stock))
    ]


class Document:
    """A network document, understood anew."""

    def __init__(self, document):
        self.document = document
        self.policy = document["policy"]
        self.classes = {c["id"]: c for c in document["sla_classes"]}
        self.depots = [d["id"] for d in document["depots"]]
        self.lead = {(r["part"], r["depot"]): r for r in document["replenishment"]}
        self.price = {p["id"]: p["unit_cost_cny"] for p in document["parts"]}
        self.stock_cost = {
            p["id"]: p["unit_cost_cny"] * (1 if document["objective"] == "investment" else p["holding_rate_per_year"])
            for p in document["parts"]
        }
        self.calls = self.calls_by_part_and_depot()
        self.class_rate = dict.fromkeys(self.classes, 0.0)
        for calls in self.calls.values():
            for sla, _, rate in calls:
                self.class_rate[sla] += rate

    def calls_by_part_and_depot(self):
        """{(part, depot): [(class, travel, daily rate)]}."""
        calls = {}
        customers = {c["id"]: c for c in self.document["customers"]}
        for installed in self.document["installed_base"]:
            customer = customers[installed["customer"]]
            travel = customer["travel_hours"]
            for line in self.document["bom"]:
                if line["model"] != installed["model"]:
                    continue
                failures = installed["device_count"] * line["per_device"]
                rate = failures * line["annual_failure_rate"] / 365
                if rate > 0:
                    depot = min(travel, key=lambda d: (travel[d], self.depots.index(d)))
                    call = (customer["sla_class"], travel[depot], rate)
                    calls.setdefault((line["part"], depot), []).append(call)
        return calls

    def rate(self, part, depot):
        return math.fsum(rate for *_, rate in self.calls.get((part, depot), []))

    def groups(self):
        """Which rows are chosen together: [(part, [depots])]."""
        lanes = self.policy.get("lateral_lanes") or [] if self.policy["lateral"] else []
        groups = []
        for part in self.price:
            asked = [d for d in self.depots if (part, d) in self.calls]
            help_ = {lane["from"] for lane in lanes if lane["to"] in asked}
            floors = {d for d in self.depots if self.floor(part, d)}
            held = {d for d in help_ | floors if (part, d) in self.lead} | set(asked)
            held = [d for d in self.depots if d in held]
            if self.policy["lateral"]:
                groups += [(part, held)] if held else []
            else:
                groups += [(part, [depot]) for depot in held]
        return groups

    def floor(self, part, depot):
        return self.lead.get((part, depot), {}).get("min_stock", 0)

    def highest(self, part, depots):
        """No more than this in one depot can matter: its demands find stock but for 1e-8."""
        load = math.fsum(self.rate(part, depot) * self.lead[part, depot]["lead_time_days"] for depot in depots)
        units = next(n for n in itertools.count() if 1 - poisson_cdf(n, load) < 1e-8) + 1
        return units if load else 0

    def outcome(self, part, depots, stock):
        """[(class, weight, on-time share, mean hours)] and shipping cost a year."""
        if self.policy["stockout"] == "backorder":
            return self.waiting(part, depots[0], stock[0]), 0.0
        lanes = {(x["to"], x["from"]): x for x in self.policy.get("lateral_lanes") or []}
        orders = []
        for asked, depot in enumerate(depots):
            others = [s for s, d in enumerate(depots) if (depot, d) in lanes and s != asked]
            if not self.policy["lateral"]:
                others = []
            others.sort(key=lambda s, d=depot: lanes[d, depots[s]]["hours"])
            orders.append((asked, *others))
        rates = [self.rate(part, depot) for depot in depots]
        lead_times = [self.lead[part, depot]["lead_time_days"] for depot in depots]
        if len(depots) == 1:
            lost = erlang_b(stock[0], rates[0] * lead_times[0])
            shares = [{0: 1 - lost, -1: lost}]
        else:
            shares = chain_shares(stock, rates, lead_times, orders)
        return self.supplied(part, depots, shares, lanes)

    def waiting(self, part, depot, stock):
        lead, rate = self.lead[part, depot]["lead_time_days"], self.rate(part, depot)
        found = []
        for sla, travel, own in self.calls.get((part, depot), []):
            left = (self.classes[sla]["time_to_site_hours"] - travel) / 24
            if left < 0:
                share = 0.0
            elif left >= lead:
                share = 1.0
            else:
                share = poisson_cdf(stock - 1, rate * (lead - left))
            load = rate * lead
            short = (
                load
                - math.fsum(min(k, stock) * math.exp(-load) * load**k / math.factorial(k) for k in range(60))
                - stock * (1 - poisson_cdf(59, load))
            )
            found.append((sla, own, share, travel + 24 * max(short, 0.0) / rate))
        return found

    def supplied(self, part, depots, shares, lanes):
        found, shipping = [], 0.0
        for asked, depot in enumerate(depots):
            for sla, travel, own in self.calls.get((part, depot), []):
                on_time = hours = 0.0
                for source, share in shares[asked].items():
                    if source == -1:
                        time, cost = self.policy["emergency_hours"], self.policy["emergency_cost_cny"]
                    elif source == asked:
                        time, cost = travel, 0.0
                    else:
                        lane = lanes[depot, depots[source]]
                        time, cost = travel + lane["hours"], lane["cost_cny"]
                    on_time += share * (time <= self.classes[sla]["time_to_site_hours"] + 1e-9)
                    hours += share * time
                    shipping += 365 * own * share * cost
                found.append((sla, own, on_time, hours))
        return found, shipping

    def rows(self):
        """The limits as (name, limit), all "at most"."""
        limits = []
        for sla, record in self.classes.items():
            if self.class_rate[sla]:
                limits.append((f"service:{sla}", _negated(record.get("target_fraction"))))
                limits.append((f"mean_time:{sla}", record.get("mean_time_target_hours")))
        for depot in self.document["depots"]:
            limits.append((f"capacity:{depot['id']}", depot["capacity_units"]))
            limits.append((f"budget:{depot['id']}", depot["budget_cny"]))
        limits.append(("total_budget", self.document["limits"]["total_budget_cny"]))
        return [(name, limit) for name, limit in limits if limit is not None]

    def table(self, part, depots, rows):
        """Cost and use of the limits of every stock of a group."""
        highest = self.highest(part, depots)
        floors = [self.floor(part, depot) for depot in depots]
        stocks = list(itertools.product(*(range(f, max(highest, f) + 1) for f in floors)))
        cost, use = np.zeros(len(stocks)), np.zeros((len(stocks), len(rows)))
        for i, stock in enumerate(stocks):
            found, shipping = self.outcome(part, depots, stock)
            cost[i] = self.stock_cost[part] * sum(stock)
            if self.document["objective"] == "annual_cost":
                cost[i] += shipping
            for r, (name, _) in enumerate(rows):
                use[i, r] = self.used(name, part, depots, stock, found)
        return stocks, cost, use

    def used(self, name, part, depots, stock, found):
        kind, _, of = name.partition(":")
        if kind == "service":
            return -sum(w * share for c, w, share, _ in found if c == of) / self.class_rate[of]
        if kind == "mean_time":
            return sum(w * hours for c, w, _, hours in found if c == of) / self.class_rate[of]
        units = sum(n for n, d in zip(stock, depots, strict=True) if kind == "total_budget" or d == of)
        return units if kind == "capacity" else units * self.price[part]


def _negated(target):
    return None if target is None else -target


def enumerate_all(document):
    """Least cost over all stocks, None if no stock keeps all limits."""
    network = Document(document)
    rows = network.rows()
    limit = np.array([value for _, value in rows])
    slack = np.array([max(TOLERANCE, 1e-15 * abs(value)) for value in limit])
    cost, use = np.zeros(1), np.zeros((1, len(rows)))
    for part, depots in network.groups():
        _, group_cost, group_use = network.table(part, depots, rows)
        cost = (cost[:, None] + group_cost).ravel()
        use = (use[:, None, :] + group_use).reshape(-1, len(rows))
    within = (use <= limit + slack).all(axis=1)
    return float(cost[within].min()) if within.any() else None


# ---------------------------------------------------------------- random small networks


def random_network(seed, policy, parts=2, depots=2):
    """A small network whose loads stay below about one, so that enumeration stays possible."""
    draw = random.Random(f"{policy}-{seed}")  # noqa: S311 - no secret is drawn
    lateral = policy == "lateral"
    depot_ids = [f"D{j}" for j in range(depots)]
    classes = [
        {"id": "fast", "time_to_site_hours": 4, "target_fraction": round(draw.uniform(0.3, 0.98), 3)},
        {"id": "slow", "time_to_site_hours": 48, "target_fraction": round(draw.uniform(0.1, 0.95), 3)},
    ]
    if draw.random() < 0.3:
        classes[1]["mean_time_target_hours"] = round(draw.uniform(20, 300), 1)
    if draw.random() < 0.15:
        del classes[0]["target_fraction"]
        classes[0]["mean_time_target_hours"] = round(draw.uniform(10, 200), 1)
    customers = []
    for i in range(4):
        home = draw.choice(depot_ids)
        travel = {d: round(draw.uniform(6, 30), 1) for d in depot_ids}
        travel[home] = round(draw.uniform(0.5, 3.9), 1)
        customers.append({"id": f"C{i}", "sla_class": classes[i % 2]["id"], "travel_hours": travel})
    document = {
        "depots": [{"id": d, "name": d, "capacity_units": None, "budget_cny": None} for d in depot_ids],
        "parts": [
            {
                "id": f"P{i}",
                "unit_cost_cny": float(draw.choice([100, 250, 900, 1800, 4000, 14500])),
                "holding_rate_per_year": 0.25,
            }
            for i in range(parts)
        ],
        "replenishment": [
            {"part": f"P{i}", "depot": d, "lead_time_days": draw.choice([7, 14, 21, 30])}
            for i in range(parts)
            for d in depot_ids
        ],
        "sla_classes": classes,
        "customers": customers,
        "installed_base": [
            {"customer": c["id"], "model": "M", "device_count": draw.choice([0, 20, 60, 120])} for c in customers
        ],
        "bom": [
            {
                "model": "M",
                "part": f"P{i}",
                "per_device": draw.choice([1, 2]),
                "annual_failure_rate": round(draw.uniform(0.005, 0.06), 4),
            }
            for i in range(parts)
        ],
        "policy": {"stockout": "backorder", "lateral": False},
        "limits": {"total_budget_cny": None},
        "objective": "investment",
    }
    if policy != "backorder":
        document["policy"] = {
            "stockout": "emergency",
            "lateral": lateral,
            "emergency_hours": draw.choice([3, 24, 60]),
            "emergency_cost_cny": draw.choice([200, 3000]),
        }
        document["objective"] = draw.choice(["investment", "annual_cost"])
    if lateral:
        document["policy"]["lateral_lanes"] = [
            {"from": a, "to": b, "hours": draw.choice([2, 8, 20]), "cost_cny": draw.choice([50, 400])}
            for a in depot_ids
            for b in depot_ids
            if a != b
        ]
    kind = draw.choice(["free", "capacity", "depot budget", "total budget", "floor"])
    SPECIAL[kind](document, draw)
    return document


def _free(document, draw):
    """No limit of stock binds."""


def _capacity(document, draw):
    draw.choice(document["depots"])["capacity_units"] = draw.randint(0, 6)


def _depot_budget(document, draw):
    budget = draw.choice([0.0, 2000.0, 10000.0, 30000.0])
    draw.choice(document["depots"])["budget_cny"] = budget


def _total_budget(document, draw):
    document["limits"]["total_budget_cny"] = draw.choice([3000.0, 15000.0, 60000.0])


def _floor(document, draw):
    draw.choice(document["replenishment"])["min_stock"] = 2


def _zero_demand(document, draw):
    """Some parts never fail, or nobody has the devices."""
    document["bom"][0]["annual_failure_rate"] = 0
    for installed in document["installed_base"][:2] if draw.random() < 0.5 else []:
        installed["device_count"] = 0


def _tied(document, draw):
    """All parts are alike, so that many plans cost the same."""
    for part in document["parts"]:
        part["unit_cost_cny"] = 1800.0
    for row in document["replenishment"]:
        row["lead_time_days"] = 21
    for line in document["bom"]:
        line |= {"per_device": 1, "annual_failure_rate": 0.03}


def _low_targets(document, draw):
    """Targets below the mode, where the share on time is convex in the stock."""
    for row in document["replenishment"]:
        row["lead_time_days"] = 60
    for sla in document["sla_classes"]:
        sla.pop("mean_time_target_hours", None)
        sla["target_fraction"] = round(draw.uniform(0.02, 0.4), 3)


def _too_far(document, draw):
    """One class promises what travel breaks, where the emergency channel is no help either."""
    document["sla_classes"][0] |= {"time_to_site_hours": 0.4, "target_fraction": 0.5}
    for installed in document["installed_base"]:
        installed["device_count"] = 40


SPECIAL = {
    "free": _free,
    "capacity": _capacity,
    "depot budget": _depot_budget,
    "total budget": _total_budget,
    "floor": _floor,
    "zero demand": _zero_demand,
    "tied": _tied,
    "low targets": _low_targets,
    "too far": _too_far,
}


def assert_sized_like_enumeration(document):
    network = read(json.dumps(document).encode())
    expected = enumerate_all(document)
    plan = size(network)

    if expected is None:
        assert plan.status == "infeasible"
        assert plan.reasons
    else:
        assert plan.status == "optimal"
        assert plan.cost_cny == pytest.approx(expected, abs=1e-6)
        assert plan.lagrangian_bound_cny <= expected * (1 + 1e-9) + 1e-6
    assert check(plan, network) == []


@pytest.mark.parametrize("seed", range(30))
def test_backorder_networks_are_sized_like_enumeration(seed):
    assert_sized_like_enumeration(random_network(seed, "backorder"))


@pytest.mark.parametrize("seed", range(15))
def test_networks_with_three_parts_are_sized_like_enumeration(seed):
    document = random_network(100 + seed, "backorder", parts=3)
    for installed in document["installed_base"]:
        installed["device_count"] //= 3

    assert_sized_like_enumeration(document)


@pytest.mark.parametrize("seed", range(20))
def test_emergency_networks_are_sized_like_enumeration(seed):
    assert_sized_like_enumeration(random_network(seed, "emergency"))


@pytest.mark.parametrize("seed", range(20))
def test_lateral_networks_are_sized_like_enumeration(seed):
    assert_sized_like_enumeration(random_network(seed, "lateral", parts=1 + seed % 2))


@pytest.mark.parametrize("seed", range(6))
def test_three_depots_that_help_each_other_are_sized_like_enumeration(seed):
    document = random_network(200 + seed, "lateral", parts=1, depots=3)
    for installed in document["installed_base"]:
        installed["device_count"] //= 10

    assert_sized_like_enumeration(document)


@pytest.mark.parametrize("policy", ["backorder", "emergency"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", SPECIAL)
def test_special_networks_are_sized_like_enumeration(kind, seed, policy):
    document = random_network(300 + seed, policy)
    SPECIAL[kind](document, random.Random(seed))  # noqa: S311 - no secret is drawn

    assert_sized_like_enumeration(document)


def test_the_special_networks_contain_what_they_are_meant_to():
    """Enumeration finds some of each kind feasible, some not, and none of those too far."""
    found = {}
    for kind, seed in itertools.product(SPECIAL, range(4)):
        document = random_network(300 + seed, "backorder")
        SPECIAL[kind](document, random.Random(seed))  # noqa: S311 - no secret is drawn
        found.setdefault(kind, []).append(enumerate_all(document) is not None)

    assert not any(found["too far"])
    assert all(found["low targets"])
    assert False in found["capacity"] + found["depot budget"] + found["total budget"]
    assert True in found["capacity"]
