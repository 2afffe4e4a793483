"""The activation policy: when plan 2 opens and what it may buy by itself. Versioned; a case keeps its version."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import InventoryError


class NoPolicy(InventoryError):
    """No activation policy is in force."""

    zh = "没有生效的启动策略。"
    help_en = "Have a project manager put an activation policy in force."
    help_zh = "请由项目经理启用一版启动策略。"


class Policy(Struct, frozen=True, kw_only=True):
    """One version of the policy.

    `level`: available stock below the critical point opens a case. `burst_and_level`: only together with a burst
    (D76 to the letter). `burst_ratio` is how many times the expected rate counts as a burst; `false_alarms_per_year`
    holds over the whole radar.
    """

    version: int
    activation: Literal["level", "burst_and_level"]
    burst_ratio: float
    false_alarms_per_year: float
    standing_authority_cny: Decimal
    restore_within_hours: float
    shortage_cost_cny_per_unit_hour: Decimal
    valid_from: datetime
    approved_by: str
    remark: str


class NewPolicy(Struct, frozen=True, kw_only=True):
    """A version to put in force."""

    activation: Literal["level", "burst_and_level"] = "level"
    burst_ratio: float = 3.0
    false_alarms_per_year: float = 4.0
    standing_authority_cny: Decimal = Decimal(50_000)
    restore_within_hours: float = 72.0
    shortage_cost_cny_per_unit_hour: Decimal = Decimal(15)
    remark: str = ""


COLUMNS = """activation_policy.version, activation, burst_ratio, false_alarms_per_year, standing_authority_cny,
    restore_within_hours, shortage_cost_cny_per_unit_hour, valid_from, activation_policy.approved_by, remark"""


async def policy_at(instant: datetime) -> Policy:
    """The version in force at an instant.

    Raises:
        NoPolicy: none was yet.

    """
    found = await db.read_one(
        Policy,
        f"SELECT {COLUMNS} FROM activation_policy WHERE valid_from <= $1 ORDER BY version DESC LIMIT 1",
        instant,
    )
    if found is None:
        raise NoPolicy
    return found


@db.atomic
async def put_in_force(new: NewPolicy, *, by: Actor) -> Policy:
    """Put a new version in force, from now on."""
    by.require("emergency.close")
    now = clock.now()
    version = await db.fetch_value(
        """INSERT INTO activation_policy (version, activation, burst_ratio, false_alarms_per_year,
                                          standing_authority_cny, restore_within_hours,
                                          shortage_cost_cny_per_unit_hour, valid_from, approved_by, remark)
           SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM activation_policy
           RETURNING version""",
        new.activation,
        new.burst_ratio,
        new.false_alarms_per_year,
        new.standing_authority_cny,
        new.restore_within_hours,
        new.shortage_cost_cny_per_unit_hour,
        now,
        by.name,
        new.remark,
    )
    await audit.record("policy.in_force", "activation_policy", str(version), by=by, reason=new.remark)
    return await policy_at(now)
