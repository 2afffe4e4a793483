"""Asking the optimizer: size the network, and say of every row and class what the plan expects. Pure.

It runs in a process of its own: bytes go in, bytes come out, and `tell` hears how far it is: the step, the gap proven
so far, and the share of the whole that is behind it.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import msgspec

import optimizer
from inventory.planning.answers import Answered, AnsweredClass, AnsweredRow, Balance
from optimizer import frontier as optimizer_frontier
from optimizer import network as optimizer_network
from optimizer.cover import ClassDemand
from optimizer.demand_counts import fewer_than
from optimizer.network import Network, primary_depot
from optimizer.plan import Plan
from optimizer.rebalancing import rebalance
from optimizer.simulation import StockedRow, normal_dips
from optimizer.sizing import size
from optimizer.watch import Progress
from optimizer.whatif import Changes, changed

DIP_YEARS = 40
DIP_SEED = 20_261_121
DIPS_PER_YEAR = 1.0
"""How often a class may fall below its floor in normal life: once a year."""


Tell = Callable[[str, float, float], None]

SHARE_BEHIND = {"alternatives": 0.0, "bound": 0.1, "core": 0.3, "search": 0.5, "reasons": 0.8, "dips": 0.9}
"""How much of the work lies behind a plan at the start of each step, about."""


def _untold(step: str, gap: float, share: float) -> None:
    """Tell nobody."""


def answer(
    network: bytes, start: Mapping[str, float] | None = None, tell: Tell = _untold, *, time_limit_s: float = 120.0
) -> bytes:
    """Size a network and work out its rows and classes; JSON in, JSON out.

    `start` are the multipliers of a plan for a network like it, from which its own are found sooner.
    """
    return _answered(optimizer_network.read(network), start, tell, time_limit_s)


def answer_what_if(
    network: bytes,
    changes: bytes,
    start: Mapping[str, float] | None = None,
    tell: Tell = _untold,
    *,
    time_limit_s: float = 120.0,
) -> bytes:
    """Size a network under changed assumptions; the changed network, and what `answer` says of it."""
    other = changed(optimizer_network.read(network), msgspec.json.decode(changes, type=Changes))
    answered = msgspec.Raw(_answered(other, start, tell, time_limit_s))
    return msgspec.json.encode({"network": other, "answered": answered})


def answer_frontier(
    network: bytes, start: Mapping[str, float] | None = None, tell: Tell = _untold, *, time_limit_s: float = 240.0
) -> bytes:
    """What other targets would cost: the points of the frontier."""
    count = len(optimizer_frontier.SHIFTS)

    def progress(point: int) -> Progress:
        return lambda step, gap: tell(step, gap, (point + SHARE_BEHIND[step]) / count)

    read = optimizer_network.read(network)
    with ThreadPoolExecutor() as threads:
        points = optimizer_frontier.frontier(
            read, time_limit_s=time_limit_s, start=start, executor=threads, progress=progress
        )
    return msgspec.json.encode(points)


def answer_rebalancing(balance: bytes, tell: Tell = _untold, *, time_limit_s: float = 20.0) -> bytes:
    """What to move between stores, and what to buy."""
    tell("moves", 1.0, 0.1)
    asked = msgspec.json.decode(balance, type=Balance)
    return msgspec.json.encode(rebalance(asked.holdings, asked.lanes, time_limit_s=time_limit_s))


def _answered(network: Network, start: Mapping[str, float] | None, tell: Tell, time_limit_s: float) -> bytes:
    with ThreadPoolExecutor() as threads:
        plan = size(
            network,
            time_limit_s=time_limit_s,
            start=start,
            executor=threads,
            progress=lambda step, gap: tell(step, gap, SHARE_BEHIND[step]),
        )
    rows = planned_rows(network, plan)
    tell("dips", 1.0 if plan.gap is None else plan.gap, SHARE_BEHIND["dips"])
    classes = _classes(network, plan, rows) if plan.stock else []
    return msgspec.json.encode(Answered(plan=plan, optimizer=formulas(), rows=rows, classes=classes))


@cache
def formulas() -> str:
    """Which formulas these are: a digest of the optimizer's source, so that no change of it goes unnamed."""
    digest = hashlib.sha256()
    for folder in optimizer.__path__:
        for source in sorted(Path(folder).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def planned_rows(network: Network, plan: Plan) -> list[AnsweredRow]:
    """Every part and store with demand; the share is that of a demand finding stock, P(X ≤ S − 1) over the resupply time.

    X is Poisson, or negative binomial where the rate is uncertain; of a demand, so weighted by the rate.
    """
    shapes = {part.id: math.inf if part.rate_shape is None else part.rate_shape for part in network.parts}
    lead_times = {(row.part, row.depot): row.lead_time_days for row in network.replenishment}
    rows: list[AnsweredRow] = []
    for (part, store), demands in sorted(_demands(network).items()):
        rate = sum(demand.total_rate for demand in demands)
        if rate <= 0:
            continue
        stock, resupply = plan.stock.get(part, {}).get(store, 0), lead_times[part, store]
        share = float(fewer_than(stock, rate * resupply, shapes[part], size_biased=True))
        rows.append(
            AnsweredRow(
                part=part,
                store=store,
                base_stock=stock,
                rate_per_day=rate,
                resupply_days=resupply,
                planned_share=share,
                demands=demands,
            )
        )
    return rows


def _demands(network: Network) -> dict[tuple[str, str], tuple[ClassDemand, ...]]:
    """What each class asks of each part and store, and how much of it the store can reach in time."""
    hours_of = {sla.id: sla.time_to_site_hours for sla in network.sla_classes}
    customers = {customer.id: customer for customer in network.customers}
    parts_of: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for line in network.bom:
        parts_of[line.model].append((line.part, line.per_device * line.annual_failure_rate / 365))
    asked: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for installed in network.installed_base:
        customer = customers[installed.customer]
        store = primary_depot(customer, network.depots)
        if store is None:
            continue
        in_time = customer.travel_hours[store] <= hours_of[customer.sla_class]
        for part, per_device_rate in parts_of[installed.model]:
            rate = per_device_rate * installed.factors.get(part, 1.0)
            sums = asked[part, store][customer.sla_class]
            sums[0] += rate * installed.device_count if in_time else 0.0
            sums[1] += rate * installed.device_count
    return {
        key: tuple(ClassDemand(name, served, total) for name, (served, total) in sorted(classes.items()))
        for key, classes in asked.items()
    }


def _classes(network: Network, plan: Plan, rows: list[AnsweredRow]) -> list[AnsweredClass]:
    stocked = [
        StockedRow(f"{row.part}@{row.store}", row.base_stock, row.rate_per_day, row.resupply_days, row.demands)
        for row in rows
    ]
    targets = {sla.id: sla.target_fraction or 0.0 for sla in network.sla_classes}
    dips = normal_dips(stocked, targets, years=DIP_YEARS, seed=DIP_SEED, per_year=DIPS_PER_YEAR)
    classes: list[AnsweredClass] = []
    for name, target in targets.items():
        demands = [(row, demand) for row in rows for demand in row.demands if demand.service_class == name]
        total = sum(demand.total_rate for _, demand in demands)
        on_time = sum(demand.served_rate * row.planned_share for row, demand in demands)
        classes.append(
            AnsweredClass(
                service_class=name,
                target_fraction=target,
                planned_service=plan.service.get(name, 1.0),
                normal_dip=dips.get(name, target),
                on_time_rate=on_time,
                total_rate=total,
            )
        )
    return classes
