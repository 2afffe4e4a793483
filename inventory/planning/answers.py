"""What the optimizer is asked and answers: the plan, and what follows from it for the levels and the classes."""

from msgspec import Struct

from optimizer.cover import ClassDemand
from optimizer.plan import Plan
from optimizer.rebalancing import Holding, Lane


class AnsweredRow(Struct, frozen=True, kw_only=True):
    """A part in a store: its base stock, the demand behind it, and the on-time share that gives."""

    part: str
    store: str
    base_stock: int
    rate_per_day: float
    resupply_days: float
    planned_share: float
    demands: tuple[ClassDemand, ...]


class AnsweredClass(Struct, frozen=True, kw_only=True):
    """A class: its target, what the plan gives, and the floor that normal life stays above."""

    service_class: str
    target_fraction: float
    planned_service: float
    normal_dip: float
    on_time_rate: float
    total_rate: float


class Answered(Struct, frozen=True, kw_only=True):
    """The optimizer's plan and what follows from it for the levels and the classes; `optimizer` names its formulas."""

    plan: Plan
    optimizer: str
    rows: list[AnsweredRow]
    classes: list[AnsweredClass]


class Balance(Struct, frozen=True, kw_only=True):
    """What the optimizer is asked: what every store lacks or can spare, and the ways between them."""

    holdings: list[Holding]
    lanes: list[Lane]
