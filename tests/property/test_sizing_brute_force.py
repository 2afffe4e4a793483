"""Sizing against full enumeration on six hundred small random networks, two hundred for each policy.

The enumeration has its own evaluation, written from the formulas over the plain JSON document:
sums of probabilities of counts, Erlang's formula as a quotient (over uncertain rates by
Gauss-Laguerre), what a measured promise needs as a sum over all numbers of calls, and for lateral
supply a chain that is built state by state and solved as it stands.
"""

import itertools
import json
import math
import random

import numpy as np
import pytest
from scipy import special

from optimizer.certificate import check
from optimizer.network import read
from optimizer.sizing import size

TOLERANCE = 1e-9


# ---------------------------------------------------------------- an evaluation of its own


def pmf(count, mean, shape=None):
    """P(X = count): Poisson, or of a rate that is Gamma with this shape the mixture of Poissons."""
    if shape is None:
        return math.exp(-mean) * mean**count / math.factorial(count)
    ways = math.lgamma(shape + count) - math.lgamma(shape) - math.lgamma(count + 1)
    return math.exp(ways + shape * math.log(shape / (shape + mean))) * (mean / (shape + mean)) ** count


def fewer_than(count, mean, shape=None):
    """Share of demands with fewer than `count` others in a time: rates weighted by their demands."""
    if shape is None or mean == 0:
        return math.fsum(pmf(k, mean) for k in range(count))
    return math.fsum((k + 1) * pmf(k + 1, mean, shape) / mean for k in range(count))


def needed(record, calls):
    """The share that a class needs on average: judged call by call over all numbers of calls."""
    target, assurance = record.get("target_fraction"), record.get("assurance")
    if not target or assurance is None:
        return target
    number = np.arange(int(calls + 12 * calls**0.5 + 30))
    thousandths = round(1000 * target)  # targets are drawn with three decimals
    kept = 1000 * number[:, None] >= thousandths * (number[:, None] + number)
    factorial = special.gammaln(number + 1)

    def likely(share):
        on_time, late = (np.exp(special.xlogy(number, m) - m - factorial) for m in (calls * share, calls * (1 - share)))
        return on_time @ kept @ late >= assurance

    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (low, middle) if likely(middle) else (middle, high)
    return high


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
        self.shape = {p["id"]: p.get("rate_shape") for p in document["parts"]}
        self.weight = {p["id"]: p.get("criticality", 1) for p in document["parts"]}
        self.stock_cost = {
            p["id"]: p["unit_cost_cny"] * (1 if document["objective"] == "investment" else p["holding_rate_per_year"])
            for p in document["parts"]
        }
        self.calls = self.calls_by_part_and_depot()
        self.class_rate, self.class_weight = (dict.fromkeys(self.classes, 0.0) for _ in range(2))
        for (part, _), calls in self.calls.items():
            for sla, _, rate in calls:
                self.class_rate[sla] += rate
                self.class_weight[sla] += rate * self.weight[part]

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

    def surplus(self, part, depot):
        """By how many pieces at most the stock position exceeds its base stock."""
        return self.lead[part, depot].get("order_quantity", 1) - 1

    def highest(self, part, depots):
        """No more than this in one depot can matter: its demands find stock but for 1e-8."""
        load = math.fsum(self.rate(part, depot) * self.lead[part, depot]["lead_time_days"] for depot in depots)
        if not load:
            return 0
        return next(n for n in itertools.count() if 1 - fewer_than(n + 1, load, self.shape[part]) < 1e-8) + 1

    @property
    def plans(self):
        """How many base stocks there are to look at, of the largest group and of all groups together."""
        sizes = [(self.highest(part, depots) + 1) ** len(depots) for part, depots in self.groups()]
        return max(sizes, default=1), math.prod(sizes)

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
            lost = self.lost(part, stock[0], rates[0] * lead_times[0])
            shares = [{0: 1 - lost, -1: lost}]
        else:
            shares = chain_shares(stock, rates, lead_times, orders)
        return self.supplied(part, depots, shares, lanes)

    def lost(self, part, stock, load):
        if self.shape[part] is None:
            return erlang_b(stock, load)
        theta, weight = ROOTS[self.shape[part]]
        return math.fsum(w * erlang_b(stock, load * t) for t, w in zip(theta, weight, strict=True))

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
                positions = [stock + j for j in range(self.surplus(part, depot) + 1)]
                before = [fewer_than(y, rate * (lead - left), self.shape[part]) for y in positions]
                share = math.fsum(before) / len(positions)
            found.append((sla, own, share, travel + 24 * self.short(part, depot, stock) / rate))
        return found

    def short(self, part, depot, stock):
        """Demands that wait on average: all but those that stock meets, E(X) - E(min(X, y))."""
        load, shape = self.lead[part, depot]["lead_time_days"] * self.rate(part, depot), self.shape[part]
        positions = [stock + j for j in range(self.surplus(part, depot) + 1)]
        met = [y - math.fsum((y - k) * pmf(k, load, shape) for k in range(y)) for y in positions]
        return max(load - math.fsum(met) / len(positions), 0.0)

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
                calls = self.class_rate[sla] * (record.get("measuring_days") or 0)
                limits.append((f"service:{sla}", _negated(needed(record, calls))))
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
            cost[i] = self.stock_cost[part] * self.held("total_budget", part, depots, stock, None)
            if self.document["objective"] == "annual_cost":
                cost[i] += shipping
            for r, (name, _) in enumerate(rows):
                use[i, r] = self.used(name, part, depots, stock, found)
        return stocks, cost, use

    def used(self, name, part, depots, stock, found):
        kind, _, of = name.partition(":")
        if kind == "service":
            weight = self.weight[part] / self.class_weight[of]
            return -sum(w * share * weight for c, w, share, _ in found if c == of)
        if kind == "mean_time":
            return sum(w * hours for c, w, _, hours in found if c == of) / self.class_rate[of]
        units = self.held(kind, part, depots, stock, of)
        return units if kind == "capacity" else units * self.price[part]

    def held(self, kind, part, depots, stock, of):
        """Room for the highest position, money for the mean one."""
        most = 1 if kind == "capacity" else 2
        here = [(n, d) for n, d in zip(stock, depots, strict=True) if kind == "total_budget" or d == of]
        return sum(n + self.surplus(part, d) / most for n, d in here)


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


SHAPES = (0.8, 3.0, 40.0)


def _demand_weighted(shape):
    """Gauss-Laguerre for Gamma(shape, rate shape) weighted by its own value."""
    value, weight = special.roots_genlaguerre(80, shape)
    return value / shape, weight / weight.sum()


ROOTS = {shape: _demand_weighted(shape) for shape in SHAPES}

PLANS_MAX = 60_000
CHAINS_MAX = 64


def random_network(seed, policy):
    """A network of one to three depots and one to four parts, with anything that its policy allows.

    Devices are taken away until all plans can be looked at.
    """
    draw = random.Random(f"{policy}-{seed}")  # noqa: S311 - no secret is drawn
    depots, parts = SIZES[policy][seed % len(SIZES[policy])]
    document = _drawn(draw, policy, [f"D{j}" for j in range(depots)], [f"P{i}" for i in range(parts)])
    kind = list(SPECIAL)[seed // len(SIZES[policy]) % len(SPECIAL)]
    SPECIAL[kind](document, draw)
    while any(row["device_count"] > 1 for row in document["installed_base"]):
        largest, together = Document(document).plans
        if together <= PLANS_MAX and (policy != "lateral" or largest <= CHAINS_MAX):
            break
        for row in document["installed_base"]:
            row["device_count"] = row["device_count"] * 2 // 3
    return document


SIZES = {
    "backorder": [(1, 1), (1, 4), (2, 1), (2, 2), (3, 1), (1, 3), (2, 2)],
    "emergency": [(1, 1), (1, 4), (2, 1), (2, 2), (3, 1), (1, 3), (2, 2)],
    "lateral": [(2, 1), (2, 1), (1, 2), (2, 1), (2, 2), (2, 1), (3, 1)],
}
"""Depots and parts."""


def _drawn(draw, policy, depots, parts):
    classes = _classes(draw)
    customers = []
    for i in range(4):
        home = draw.choice(depots)
        travel = {d: round(draw.uniform(6, 30), 1) for d in depots}
        travel[home] = round(draw.uniform(0.5, 3.9), 1)
        customers.append({"id": f"C{i}", "sla_class": classes[i % len(classes)]["id"], "travel_hours": travel})
    document = {
        "depots": [{"id": d, "name": d, "capacity_units": None, "budget_cny": None} for d in depots],
        "parts": [
            {
                "id": part,
                "unit_cost_cny": float(draw.choice([100, 250, 900, 1800, 4000, 14500])),
                "holding_rate_per_year": 0.25,
                "criticality": draw.choice([1, 1, 2.5, 20]),
                "rate_shape": None if policy == "lateral" else draw.choice([None, None, *SHAPES]),
            }
            for part in parts
        ],
        "replenishment": [
            {"part": part, "depot": d, "lead_time_days": draw.choice([7, 14, 21, 30])} for part in parts for d in depots
        ],
        "sla_classes": classes,
        "customers": customers,
        "installed_base": [
            {"customer": c["id"], "model": "M", "device_count": draw.choice([0, 20, 60, 120])} for c in customers
        ],
        "bom": [
            {
                "model": "M",
                "part": part,
                "per_device": draw.choice([1, 2]),
                "annual_failure_rate": round(draw.uniform(0.005, 0.06), 4),
            }
            for part in parts
        ],
        "policy": {"stockout": "backorder", "lateral": False},
        "limits": {"total_budget_cny": None},
        "objective": draw.choice(["investment", "investment", "annual_cost"]),
    }
    if policy == "backorder":
        for row in document["replenishment"]:
            row["order_quantity"] = draw.choice([1, 1, 1, 2, 5])
    else:
        document["policy"] = {
            "stockout": "emergency",
            "lateral": policy == "lateral",
            "emergency_hours": draw.choice([3, 24, 60]),
            "emergency_cost_cny": draw.choice([200, 3000]),
        }
    if policy == "lateral":
        document["policy"]["lateral_lanes"] = [
            {"from": a, "to": b, "hours": draw.choice([2, 8, 20]), "cost_cny": draw.choice([50, 400])}
            for a in depots
            for b in depots
            if a != b
        ]
    return document


def _classes(draw):
    """One or two classes; some judged by their mean time, some by the calls of a period."""
    classes = [
        {"id": "fast", "time_to_site_hours": 4, "target_fraction": round(draw.uniform(0.3, 0.98), 3)},
        {"id": "slow", "time_to_site_hours": 48, "target_fraction": round(draw.uniform(0.1, 0.95), 3)},
    ]
    for sla in classes:
        if draw.random() < 0.25:
            sla |= {"measuring_days": draw.choice([30, 91, 365]), "assurance": draw.choice([0.5, 0.8, 0.9])}
    if draw.random() < 0.3:
        classes[1]["mean_time_target_hours"] = round(draw.uniform(20, 300), 1)
    if draw.random() < 0.15:
        classes[0] = {"id": "fast", "time_to_site_hours": 4, "mean_time_target_hours": round(draw.uniform(10, 200), 1)}
    return classes[: draw.choice([1, 2, 2])]


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


@pytest.mark.parametrize("policy", SIZES)
@pytest.mark.parametrize("seed", range(200))
def test_networks_are_sized_like_enumeration(seed, policy):
    assert_sized_like_enumeration(random_network(seed, policy))


def test_the_random_networks_contain_what_they_are_meant_to():
    """All sizes, kinds and further fields, feasible and infeasible; loads that make one think."""
    seen = set()
    for seed in range(200):
        document = random_network(seed, "backorder")
        for part in document["parts"]:
            seen |= {("shape", part["rate_shape"]), ("criticality", part["criticality"])}
        seen |= {("quantity", row["order_quantity"]) for row in document["replenishment"]}
        for sla in document["sla_classes"]:
            seen |= {("days", sla.get("measuring_days")), ("classes", len(document["sla_classes"]))}

    assert {("shape", shape) for shape in (None, *SHAPES)} <= seen
    assert {("criticality", 1), ("criticality", 2.5), ("criticality", 20)} <= seen
    assert {("quantity", 1), ("quantity", 2), ("quantity", 5)} <= seen
    assert {("days", None), ("days", 30), ("days", 91), ("days", 365)} <= seen
    assert {("classes", 1), ("classes", 2)} <= seen


def test_the_special_networks_contain_what_they_are_meant_to():
    """Enumeration finds some of each kind feasible, some not, and none of those too far."""
    found = {}
    for seed in range(2 * 7 * len(SPECIAL)):
        kind = list(SPECIAL)[seed // 7 % len(SPECIAL)]
        found.setdefault(kind, []).append(enumerate_all(random_network(seed, "backorder")) is not None)

    assert not any(found["too far"])
    assert True in found["low targets"]
    assert False in found["capacity"] + found["depot budget"] + found["total budget"]
    assert True in found["capacity"]
