"""Which vendor gets what of what a store lacks: the cheapest orders that vendors' terms allow, and what had better wait.

All of it is for one store and pool: an order goes to one vendor and ships to one place. A vendor may have a least order
value, freight for each order, and per part a minimum, a lot, a maximum, a fee and prices that fall with the quantity.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Annotated

import msgspec
import pulp

from optimizer.errors import OptimizerError
from optimizer.files import Amount, Name
from optimizer.solver import highs

Pieces = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]

A_FEN = 0.01
"""What waiting costs more than an order of one's own: where both cost the same, it is ordered."""


MOST_SETS_OF = 8
"""Of so many vendors every set is tried before a program is written."""


class Price(msgspec.Struct, frozen=True):
    """What a piece costs in an order of so many or more."""

    from_quantity: Pieces
    unit_price_cny: Amount


class Option(msgspec.Struct, frozen=True):
    """A vendor's offer: `prices` by rising quantity, the first of them from one piece on.

    Prices and the fee are what is payable; `cost_share` of each is what it costs in the end (less, where tax comes back).
    """

    vendor: Name
    prices: tuple[Price, ...]
    minimum: Pieces = 1
    lot: Pieces = 1
    maximum: Pieces = 1_000_000_000
    order_fee_cny: Amount = 0.0
    cost_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0


class Need(msgspec.Struct, frozen=True):
    """So many pieces that a store lacks, and who offers them; one that `may_wait` need not be ordered today."""

    key: Name
    quantity: Pieces
    options: tuple[Option, ...]
    may_wait: bool = False


class Terms(msgspec.Struct, frozen=True):
    """A vendor's terms for an order: under `minimum_order_cny` it asks a fee, or (None) takes none."""

    vendor: Name
    minimum_order_cny: Amount = 0.0
    small_order_fee_cny: Amount | None = None
    freight_cny: Amount = 0.0


class Line(msgspec.Struct, frozen=True):
    """So many pieces for a need, from a vendor, without fees: `goods_cny` are payable, and cost `cost_cny` in the end."""

    key: str
    vendor: str
    quantity: int
    goods_cny: float
    cost_cny: float


class Order(msgspec.Struct, frozen=True):
    """An order with all that is payable for it; `cost_cny` is what it costs in the end."""

    vendor: str
    goods_cny: float
    order_fee_cny: float
    freight_cny: float
    small_order_fee_cny: float
    cost_cny: float

    @property
    def payable_cny(self) -> float:
        """All of it."""
        return self.goods_cny + self.order_fee_cny + self.freight_cny + self.small_order_fee_cny


class Bundling(msgspec.Struct, frozen=True):
    """Which lines to order now, what waits, and what no vendor sends on terms that can be met.

    `worth_cny` is what is minimised: the orders, and for each need that waits what it would cost on its own. No answer
    is worth less than `bound_cny`; `proven` says that this one is the best.
    """

    lines: tuple[Line, ...]
    orders: tuple[Order, ...]
    waiting: tuple[str, ...]
    unserved: tuple[str, ...]
    worth_cny: float
    bound_cny: float
    proven: bool

    @property
    def cost_cny(self) -> float:
        """What the orders that are made now cost in the end."""
        return sum(order.cost_cny for order in self.orders)


def least_quantity(option: Option, quantity: int) -> int | None:
    """The least that is ordered for so many needed: the minimum, whole lots, at most the maximum; None where none fits.

    >>> offer = Option("DISTI", (Price(1, 10.0),), minimum=4, lot=3, maximum=20)
    >>> least_quantity(offer, 1), least_quantity(offer, 7), least_quantity(offer, 50)
    (6, 9, 18)
    >>> least_quantity(Option("DISTI", (Price(1, 10.0),), lot=12, maximum=10), 1) is None
    True
    """
    most = option.maximum // option.lot * option.lot
    if most < max(option.minimum, 1):
        return None
    wanted = -(-max(option.minimum, quantity) // option.lot) * option.lot
    return min(wanted, most)


def unit_price(option: Option, quantity: int) -> float:
    """What a piece costs in an order of so many.

    >>> unit_price(Option("DISTI", (Price(1, 10.0), Price(50, 9.0))), 49)
    10.0
    >>> unit_price(Option("DISTI", (Price(1, 10.0), Price(50, 9.0))), 50)
    9.0
    """
    return [price.unit_price_cny for price in option.prices if price.from_quantity <= quantity][-1]


def alone(need: Need, terms: Mapping[str, Terms]) -> float:
    """What a need costs at least in an order of its own, whatever the vendors' least order values; infinite if nobody sends it.

    >>> need = Need("FAN", 3, (Option("DISTI", (Price(1, 10.0),), order_fee_cny=5.0),))
    >>> alone(need, {"DISTI": Terms("DISTI", 1000.0, freight_cny=20.0)})
    55.0
    """
    return min(
        (
            (quantity * unit_price(option, quantity) + option.order_fee_cny) * option.cost_share
            + terms.get(option.vendor, Terms(option.vendor)).freight_cny
            for option in need.options
            for quantity in _sensible(option, need.quantity)
        ),
        default=math.inf,
    )


def _sensible(option: Option, needed: int) -> list[int]:
    """The quantities one would order of an offer for its own sake: the least that does, and where a lower price begins."""
    least = least_quantity(option, needed)
    if least is None:
        return []
    most = option.maximum // option.lot * option.lot
    starts = (-(-price.from_quantity // option.lot) * option.lot for price in option.prices)
    return [least, *(start for start in starts if least < start <= most)]


def orders_of(lines: Sequence[Line], needs: Sequence[Need], terms: Mapping[str, Terms]) -> tuple[Order, ...]:
    """The orders that some lines make, with what each costs; the referee of what the solver finds.

    Raises:
        OptimizerError: a line is not what its vendor offers, or an order is smaller than the vendor takes.

    """
    offered = {(need.key, option.vendor): option for need in needs for option in need.options}
    by_vendor: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        option = offered.get((line.key, line.vendor))
        fits = option is not None and (
            option.minimum <= line.quantity <= option.maximum and line.quantity % option.lot == 0
        )
        if option is None or not fits:
            raise OptimizerError(f"{line.vendor} does not offer {line.quantity} of {line.key}")
        due = line_of(line.key, option, line.quantity)
        if abs(line.goods_cny - due.goods_cny) > A_FEN / 2 or abs(line.cost_cny - due.cost_cny) > A_FEN / 2:
            raise OptimizerError(f"{line.quantity} of {line.key} do not cost {line.goods_cny}")
        by_vendor[line.vendor].append(line)
    orders: list[Order] = []
    for vendor, ordered in sorted(by_vendor.items()):
        asked = terms.get(vendor, Terms(vendor))
        goods = sum(line.goods_cny for line in ordered)
        small = goods < asked.minimum_order_cny - A_FEN / 2
        if small and asked.small_order_fee_cny is None:
            raise OptimizerError(f"{vendor} takes no order of {goods:.2f}")
        options = [offered[line.key, vendor] for line in ordered]
        fee = max(option.order_fee_cny for option in options)
        small_fee = (asked.small_order_fee_cny or 0.0) if small else 0.0
        cost = sum(line.cost_cny for line in ordered) + max(each.order_fee_cny * each.cost_share for each in options)
        cost += asked.freight_cny + small_fee
        orders.append(Order(vendor, goods, fee, asked.freight_cny, small_fee, cost))
    return tuple(orders)


def line_of(key: str, option: Option, quantity: int) -> Line:
    """So many pieces of an offer."""
    goods = quantity * unit_price(option, quantity)
    return Line(key, option.vendor, quantity, goods, goods * option.cost_share)


def bundle(needs: Sequence[Need], terms: Sequence[Terms], *, time_limit_s: float = 10.0) -> Bundling:
    """Order what cannot wait, and what is no dearer now than it would be on its own, at least cost.

    For need i, vendor v and price step t, q_ivt pieces are ordered if y_ivt ∈ {0, 1}; u_v says whether v gets an order,
    s_v whether it is a small one, w_i whether a need waits, z_i whether it cannot be served:

    min  Σ c_iv p_ivt q_ivt + Σ_v (f_v u_v + e_v + d_v s_v) + Σ_i a_i w_i + M Σ_i z_i
    s.t. Σ_vt y_ivt + w_i + z_i = 1;  lo_ivt y_ivt ≤ q_ivt ≤ hi_ivt y_ivt, in whole lots;  y_ivt ≤ u_v;
         e_v ≥ c_iv fee_iv y_ivt;  Σ_it p_ivt q_ivt ≥ min_v (u_v − s_v);  w_i = 0 where a need may not wait

    c_iv is the share of what is payable that it costs in the end; least order values are of what is payable.
    a_i, what waiting counts for, is the cost of need i on its own without regard to least order values (`alone`), and a
    fen: so a need waits for nothing but company, with which it brings its vendor's least order value together. More than is
    needed is ordered only where that is cheaper as a whole (a price step), or brings an order that has to go to its
    vendor's least value.

    Args:
        needs: of one store and pool; no key stands twice, and no vendor twice for one need.
        terms: of vendors; one that is not named asks for nothing.
        time_limit_s: when to stop with the best answer so far.

    Raises:
        OptimizerError: a key stands twice, or the solver fails.

    Source: supplier selection with quantity discounts and least order values, Chaudhry, Forst and Zydiak (1993).

    >>> fan = Need("FAN", 3, (Option("A", (Price(1, 10.0),)),), may_wait=True)
    >>> psu = Need("PSU", 1, (Option("A", (Price(1, 80.0),)), Option("B", (Price(1, 70.0),))), may_wait=True)
    >>> terms = [Terms("A", minimum_order_cny=100.0), Terms("B", freight_cny=20.0)]
    >>> bundle([fan], terms).waiting  # 30 CNY of goods are no order for A
    ('FAN',)
    >>> [(line.key, line.vendor, line.quantity) for line in bundle([fan, psu], terms).lines]  # together they are
    [('FAN', 'A', 3), ('PSU', 'A', 1)]
    >>> [(line.key, line.quantity) for line in bundle([msgspec.structs.replace(fan, may_wait=False)], terms).lines]
    [('FAN', 10)]

    """
    if len({need.key for need in needs}) < len(needs):
        raise OptimizerError("a need stands twice")
    by_vendor = {each.vendor: each for each in terms}
    charged = {each.vendor for each in terms if each.minimum_order_cny or each.freight_cny} | {
        option.vendor for need in needs for option in need.options if option.order_fee_cny
    }
    apart = [need for need in needs if not any(option.vendor in charged for option in need.options)]
    together = [need for need in needs if any(option.vendor in charged for option in need.options)]
    lines = [line for need in apart if (line := _cheapest(need)) is not None]
    bound, proven = sum(line.cost_cny for line in lines), True
    waiting: list[str] = []
    if together:
        simple = _without_minimums(together, by_vendor)
        if simple is not None:
            found, waiting = simple
            solved_bound = 0.0
        else:
            found, waiting, solved_bound, proven = _Model(together, by_vendor).solve(time_limit_s)
        lines += found
        bound += solved_bound
    lines.sort(key=lambda line: (line.vendor, line.key))
    orders = orders_of(lines, needs, by_vendor)
    served = {line.key for line in lines} | set(waiting)
    waits = {need.key: alone(need, by_vendor) for need in needs if need.key in waiting}
    worth = sum(order.cost_cny for order in orders) + sum(waits.values())
    return Bundling(
        lines=tuple(lines),
        orders=orders,
        waiting=tuple(sorted(waiting)),
        unserved=tuple(sorted(need.key for need in needs if need.key not in served)),
        worth_cny=worth,
        bound_cny=worth if proven else min(bound, worth),
        proven=proven,
    )


def _cheapest(need: Need) -> Line | None:
    """The cheapest line for a need whose vendors ask for nothing but the price."""
    lines = [
        line_of(need.key, option, quantity) for option in need.options for quantity in _sensible(option, need.quantity)
    ]
    # an offer that covers less of the need goes behind one that covers all of it
    return min(lines, key=lambda line: (-min(line.quantity, need.quantity), line.cost_cny, line.vendor), default=None)


def _without_minimums(needs: Sequence[Need], terms: Mapping[str, Terms]) -> tuple[list[Line], list[str]] | None:
    """The best lines and what waits, where least order values and fees turn out not to matter; None where they may.

    For a set U of vendors that ask for freight or a least value, every answer that orders from exactly these (and from any of
    the others) costs at least their freight and each need's cheapest line among them. Where the set with the smallest such
    bound has lines that cost just that and bring every order to its least value, no answer is better.
    """
    charged = [vendor for vendor, each in sorted(terms.items()) if each.minimum_order_cny or each.freight_cny]
    charged = [
        vendor for vendor in charged if any(option.vendor == vendor for need in needs for option in need.options)
    ]
    if len(charged) > MOST_SETS_OF or any(option.order_fee_cny for need in needs for option in need.options):
        return None
    cheapest = [_cheapest_of_each(need) for need in needs]
    waits = [alone(need, terms) + A_FEN if need.may_wait else math.inf for need in needs]
    best, chosen = math.inf, list[Line | None]()
    for size in range(len(charged) + 1):
        for used in combinations(charged, size):
            left_out = set(charged) - set(used)
            lines = [_cheaper(lines, left_out, waiting) for lines, waiting in zip(cheapest, waits, strict=True)]
            bound = sum(terms[vendor].freight_cny for vendor in used)
            bound += sum(waiting if line is None else line.cost_cny for line, waiting in zip(lines, waits, strict=True))
            if bound < best:
                best, chosen = bound, lines
    if best == math.inf:
        return None
    goods: dict[str, float] = defaultdict(float)
    for line in chosen:
        if line is not None:
            goods[line.vendor] += line.goods_cny
    if any(vendor in terms and worth < terms[vendor].minimum_order_cny for vendor, worth in goods.items()):
        return None
    return (
        [line for line in chosen if line is not None],
        [need.key for need, line in zip(needs, chosen, strict=True) if line is None],
    )


def _cheaper(lines: Sequence[Line], left_out: Collection[str], waiting: float) -> Line | None:
    """The cheapest line of a vendor that is not left out; None where none is, or where waiting is cheaper."""
    line = next((line for line in lines if line.vendor not in left_out), None)
    return None if line is None or line.cost_cny > waiting else line


def _cheapest_of_each(need: Need) -> list[Line]:
    """The cheapest line of every offer that brings the most of a need, the cheapest first."""
    lines = [
        min(
            (line_of(need.key, option, quantity) for quantity in _sensible(option, need.quantity)),
            key=lambda line: line.cost_cny,
        )
        for option in _that_cover_most(need)
    ]
    return sorted(lines, key=lambda line: (line.cost_cny, line.vendor))


class _Step(msgspec.Struct, frozen=True):
    """A price step of an offer for a need: whether it is taken, and how many lots beyond the least (None: none)."""

    need: int
    option: Option
    least: int
    unit_price_cny: float
    taken: pulp.LpVariable
    more: pulp.LpVariable | None


class _Model:
    """The mixed-integer program of `bundle`."""

    def __init__(self, needs: Sequence[Need], terms: Mapping[str, Terms]) -> None:
        self.needs = needs
        self.terms = {
            option.vendor: terms.get(option.vendor, Terms(option.vendor)) for need in needs for option in need.options
        }
        self.program = pulp.LpProblem("orders", pulp.LpMinimize)
        self.steps: list[_Step] = []
        for number, need in enumerate(needs):
            for option in _that_cover_most(need):
                self._offer(number, need, option)
        self.waits = {
            number: self.program.add_variable(f"waits{number}", cat="Binary")
            for number, need in enumerate(needs)
            if need.may_wait and math.isfinite(alone(need, terms))
        }
        self.unserved = [self.program.add_variable(f"unserved{number}", cat="Binary") for number in range(len(needs))]
        self._write(terms)

    def _offer(self, number: int, need: Need, option: Option) -> None:
        least = least_quantity(option, need.quantity)
        if least is None:
            return
        most = option.maximum // option.lot * option.lot
        ends = [later.from_quantity - 1 for _, later in pairwise(option.prices)]
        for price, end in zip(option.prices, [*ends, most], strict=True):
            low = max(least, -(-price.from_quantity // option.lot) * option.lot)
            high = min(most, end // option.lot * option.lot)
            if low > high:
                continue
            # beyond what is needed, more of it only ever helps to reach the vendor's least order value
            asked = self.terms[option.vendor].minimum_order_cny
            missing = math.ceil(asked / price.unit_price_cny / option.lot) if price.unit_price_cny else 0
            lots = min((high - low) // option.lot, missing)
            name = len(self.steps)
            self.steps.append(
                _Step(
                    number,
                    option,
                    low,
                    price.unit_price_cny,
                    self.program.add_variable(f"taken{name}", cat="Binary"),
                    self.program.add_variable(f"more{name}", 0, lots, cat="Integer") if lots else None,
                )
            )

    def _write(self, terms: Mapping[str, Terms]) -> None:
        program = self.program
        goods: dict[str, list[tuple[pulp.LpVariable, float]]] = defaultdict(list)
        cost: list[tuple[pulp.LpVariable, float]] = []
        answers: dict[int, list[pulp.LpVariable]] = defaultdict(list)
        used = {vendor: program.add_variable(f"order{n}", cat="Binary") for n, vendor in enumerate(sorted(self.terms))}
        fee = {vendor: program.add_variable(f"fee{n}", 0) for n, vendor in enumerate(sorted(self.terms))}
        for step in self.steps:
            vendor = step.option.vendor
            of_step = [(step.taken, step.least * step.unit_price_cny)]
            if step.more is not None:
                of_step.append((step.more, step.option.lot * step.unit_price_cny))
                most = float(step.more.upBound or 0)
                program.addConstraint(pulp.lpSum_vars_coefs([(step.more, 1.0), (step.taken, -most)]) <= 0)
            goods[vendor] += of_step
            cost += [(variable, worth * step.option.cost_share) for variable, worth in of_step]
            answers[step.need].append(step.taken)
            program.addConstraint(pulp.lpSum_vars_coefs([(step.taken, 1.0), (used[vendor], -1.0)]) <= 0)
            if step.option.order_fee_cny:
                charge = [(step.taken, step.option.order_fee_cny * step.option.cost_share), (fee[vendor], -1.0)]
                program.addConstraint(pulp.lpSum_vars_coefs(charge) <= 0)
        cost += [(each, 1.0) for each in fee.values()]
        for vendor, asked in self.terms.items():
            cost.append((used[vendor], asked.freight_cny))
            if not asked.minimum_order_cny:
                continue
            enough = [(variable, -worth) for variable, worth in goods[vendor]]
            enough.append((used[vendor], asked.minimum_order_cny))
            if asked.small_order_fee_cny is not None:
                small = program.add_variable(f"small{len(cost)}", cat="Binary")
                cost.append((small, asked.small_order_fee_cny))
                enough.append((small, -asked.minimum_order_cny))
            program.addConstraint(pulp.lpSum_vars_coefs(enough) <= 0)
        for number, need in enumerate(self.needs):
            answered = [*answers[number], self.unserved[number]]
            if number in self.waits:
                answered.append(self.waits[number])
                cost.append((self.waits[number], alone(need, terms) + A_FEN))
            program.addConstraint(pulp.lpSum_vars(answered) == 1)
        # dearer than any answer in which one need more is served
        far = 1.0 + sum(worth for _, worth in cost) + sum(step.option.order_fee_cny for step in self.steps)
        far += sum(each.minimum_order_cny for each in self.terms.values())
        cost += [(variable, far) for variable in self.unserved]
        program.setObjective(pulp.lpSum_vars_coefs(cost))

    def solve(self, time_limit_s: float) -> tuple[list[Line], list[str], float, bool]:
        """The lines, the keys of what waits, what the answer costs at least, and whether it is the best."""
        stats = self.program.solve(highs(timeLimit=time_limit_s, gapRel=0.0, gapAbs=A_FEN / 4))
        if not stats.has_solution:
            raise OptimizerError("no orders were found in time")
        lines: list[Line] = []
        for step in self.steps:
            if round(step.taken.varValue or 0.0):
                more = round(step.more.varValue or 0.0) if step.more is not None else 0
                quantity = step.least + more * step.option.lot
                lines.append(line_of(self.needs[step.need].key, step.option, quantity))
        waiting = [self.needs[number].key for number, variable in self.waits.items() if round(variable.varValue or 0.0)]
        unserved = any(round(variable.varValue or 0.0) for variable in self.unserved)
        bound = 0.0 if unserved or stats.best_bound is None else stats.best_bound - A_FEN * len(self.waits)
        return lines, waiting, bound, stats.status == pulp.LpSolveStatus.Optimal


def _that_cover_most(need: Need) -> list[Option]:
    """The offers that bring the most of a need: all of it, where any does."""
    brought = [min(least_quantity(option, need.quantity) or 0, need.quantity) for option in need.options]
    most = max(brought, default=0)
    return [option for option, quantity in zip(need.options, brought, strict=True) if quantity == most and most]
