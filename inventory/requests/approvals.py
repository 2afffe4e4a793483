"""Approvals: which requests a rule holds back, and asking somebody on duty for a yes (D92). Deciding is in `approving.py`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.installed_base import severities
from inventory.installed_base.devices import Charged
from inventory.people import delegations, duty, messages
from inventory.people.roles import ROLES
from inventory.requests import policy, quotations
from inventory.requests.gates import Rule
from inventory.requests.policy import RequestPolicy

RIGHT = "requests.approve"
APPROVER = "project_manager"
"""Whose duty an approval is; whoever else has the right may decide as well."""

PEOPLE_AT_MOST = 200

ApprovalState = Literal["asked", "approved", "refused", "withdrawn"]


class ApprovalView(Struct, frozen=True, kw_only=True):
    """An approval that was asked for, by which rules, and how it was decided."""

    id: UUID
    state: ApprovalState
    reasons: list[Rule]
    asked_at: datetime
    asked_by: str
    due_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decided_for: str | None
    decision_reason: str


class Wanted(Struct, frozen=True, kw_only=True):
    """What an approver is told: the request, and why it waits."""

    request: UUID
    number: str
    device: str
    customer_zh: str
    customer_en: str
    parts: str
    severity_zh: str | None
    severity_en: str | None
    planned_at: datetime | None
    reasons: list[Rule]
    value_cny: Decimal
    due_at: datetime
    asked_by: str


_WORDS = severities.words("part_request.severity", "contract.id")

OF_REQUEST = """SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', asked.id, 'state', asked.state, 'reasons', asked.reasons, 'asked_at', asked_at, 'asked_by', asked_by,
        'due_at', due_at, 'decided_at', decided_at, 'decided_by', decided_by, 'decided_for', decided_for,
        'decision_reason', decision_reason) ORDER BY asked.id DESC), '[]')
    FROM request_approval AS asked WHERE asked.request = part_request.id"""
"""A request's approvals, the latest first, as part of a question about `part_request`."""


def rules_for(ruled: RequestPolicy, charged: Charged | None, value_cny: Decimal) -> list[Rule]:
    """The rules by which a request needs an approval. What its customer pays for needs none for its value.

    >>> from msgspec import structs
    >>> ruled = structs.replace(policy.BUILT_IN, approve_above_cny=Decimal(20000))
    >>> rules_for(ruled, None, Decimal(20000)), rules_for(ruled, None, Decimal(20001))
    ([], ['value'])
    >>> rules_for(ruled, "out_of_warranty", Decimal(50000)), rules_for(ruled, "out_of_contract", Decimal(1))
    ([], ['out_of_contract'])
    """
    found: list[Rule] = []
    if charged is None and ruled.approve_above_cny is not None and value_cny > ruled.approve_above_cny:
        found.append("value")
    if charged == "out_of_contract" and ruled.approve_out_of_contract:
        found.append("out_of_contract")
    return found


async def rules(charged: Charged | None, wanted: Sequence[tuple[int, int]]) -> list[Rule]:
    """The rules in force by which parts, each with its quantity, need an approval."""
    ruled = (await policy.in_force()).policy
    if ruled.approve_above_cny is None and charged is None:
        return []
    return rules_for(ruled, charged, await worth(wanted))


async def worth(wanted: Sequence[tuple[int, int]]) -> Decimal:
    """What parts, each with its quantity, cost us; CNY with tax."""
    prices = await quotations.prices_of([part for part, _ in wanted])
    return sum((prices[part] * quantity for part, quantity in wanted), Decimal(0))


async def ask(request: UUID, reasons: Sequence[Rule], *, by: Actor) -> None:
    """Ask whoever is on duty with the right, by message; a duty is open until somebody decides, and climbs when late."""
    ruled = await policy.in_force()
    lines = await db.fetch("SELECT part, quantity FROM request_line WHERE request = $1", request)
    value = await worth([(line["part"], line["quantity"]) for line in lines])
    now = clock.now()
    due_at = now + timedelta(minutes=ruled.policy.decide_within_minutes)
    approval = await db.fetch_value(
        """INSERT INTO request_approval (request, state, reasons, value_cny, policy, asked_at, asked_by, due_at)
           VALUES ($1, 'asked', $2, $3, $4, $5, $6, $7) RETURNING id""",
        request,
        list(reasons),
        value,
        ruled.version,
        now,
        by.name,
        due_at,
    )
    wanted = await db.read_one(
        Wanted,
        f"""SELECT part_request.id AS request, part_request.number, device.serial AS device, customer.name_zh AS customer_zh,
                  customer.name_en AS customer_en, {_WORDS}, planned_at, reasons, value_cny, due_at, asked_by,
                  (SELECT string_agg(quantity || ' × ' || part_number, ', ' ORDER BY position)
                   FROM request_line JOIN part ON part.id = request_line.part
                   WHERE request_line.request = part_request.id) AS parts
           FROM request_approval AS asked
           JOIN part_request ON part_request.id = asked.request
           JOIN device ON device.id = part_request.device
           JOIN contract ON contract.id = device.contract
           JOIN party AS customer ON customer.id = contract.customer
           WHERE asked.id = $1""",
        approval,
    )
    if wanted is None:
        raise AssertionError("an approval that was just asked for is there")
    await steps.begin("approve_request", "part_request", wanted.number, owner_role=APPROVER, due_at=due_at)
    step = await db.fetch_value(
        "SELECT id FROM step WHERE kind = 'approve_request' AND subject = $1 AND done_at IS NULL", wanted.number
    )
    told = await _approvers(request)
    await messages.tell(told, "approval_asked", wanted, occasion=f"approval:{approval}", step=step)
    await audit.record(
        "request.approval_asked",
        "part_request",
        wanted.number,
        by=by,
        change={"reasons": list(reasons), "value_cny": str(value), "told": told},
    )


async def _approvers(request: UUID) -> list[str]:
    """Who is told: those on duty who may decide on its contract, else all of their role, and delegates; never who asked."""
    own = await requesters(request)
    contract = await contract_of(request)
    allowed = [role for role, rights in ROLES.items() if RIGHT in rights]
    able = await db.fetch(
        """SELECT DISTINCT username, role FROM role_grant
           JOIN person ON person.id = role_grant.person AND person.active
           WHERE role = ANY($2) AND (contract_code IS NULL OR contract_code = $1)
           ORDER BY username LIMIT $3""",
        contract,
        allowed,
        PEOPLE_AT_MOST,
    )
    shifts = {(shift.username, shift.role) for shift in await duty.on_duty(limit=PEOPLE_AT_MOST)}
    on_duty = {each["username"] for each in able if (each["username"], each["role"]) in shifts} - own
    told = on_duty or {each["username"] for each in able if each["role"] == APPROVER} - own
    standing_in = {each.username for each in await delegations.delegates([RIGHT], told) if each.serves(None, contract)}
    return sorted(told | standing_in - own)


async def contract_of(request: UUID) -> str | None:
    """The code of the contract that a request's device is under."""
    return await db.fetch_value(
        """SELECT contract.code FROM part_request
           JOIN device ON device.id = part_request.device JOIN contract ON contract.id = device.contract
           WHERE part_request.id = $1""",
        request,
    )


async def requesters(request: UUID) -> set[str]:
    """Who asked for the parts or for their approval, and the engineer they are for: none of them approves."""
    row = await db.fetch_one(
        """SELECT opened_by, engineer, asked_by FROM part_request
           LEFT JOIN request_approval AS asked ON asked.request = part_request.id AND asked.state = 'asked'
           WHERE part_request.id = $1""",
        request,
    )
    return set() if row is None else set(row.values()) - {None}


async def value_of(request: UUID, *, seen_by: Actor) -> Decimal | None:
    """What the parts are worth that wait for an approval, CNY with tax; for those who decide or may see prices."""
    if not (seen_by.may(RIGHT) or seen_by.may("costs.read")):
        return None
    return await db.fetch_value(
        "SELECT value_cny FROM request_approval WHERE request = $1 ORDER BY id DESC LIMIT 1", request
    )


async def withdraw(request: UUID, *, by: Actor) -> None:
    """The request ends otherwise: nobody need decide any more."""
    await db.execute(
        """UPDATE request_approval SET state = 'withdrawn', decided_at = $2, decided_by = $3
           WHERE request = $1 AND state = 'asked'""",
        request,
        clock.now(),
        by.name,
    )
