"""Approving: somebody with the right says yes or no to a request that a rule held back; never who asked for the parts."""

from uuid import UUID

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, ReasonMissing, WrongState
from inventory.people import messages
from inventory.people.delegations import acting
from inventory.requests import approvals, releasing, requests
from inventory.requests.lines import lock_head
from inventory.requests.requests import RequestView


class ApproverAsked(Forbidden):
    """{name} asked for the parts of {number}, or is their engineer: somebody else approves them."""

    zh = "{name} 是 {number} 的申请人或其工程师，须由他人审批。"
    help_en = "Ask another approver on duty; the duty climbs by itself when it is late."
    help_zh = "请由其他值班审批人办理；逾期将自动升级。"


@db.atomic
async def approve(request: UUID, *, by: Actor, remark: str = "") -> RequestView:
    """Say yes: the request goes on with its promise, its arrival counted from now.

    Raises:
        NotGranted, NoPerson: the actor may not approve, or is a system's key.
        Unknown: no such request in the actor's scope.
        ApproverAsked: the parts are for the actor.
        WrongState: nothing of it waits for an approval.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: the actor stands in for an approver, and may not approve this.

    """
    number, by = await _decide(request, "approved", by, remark)
    view = await releasing.let_through(request, by=by)
    await _tell(view, "approved", remark, by)
    await audit.record("request.approved", "part_request", number, by=by, reason=remark.strip())
    return view


@db.atomic
async def refuse(request: UUID, *, by: Actor, reason: str) -> RequestView:
    """Say no, with the reason that those who asked will read: what is held becomes free and the request is closed.

    Raises:
        NotGranted, NoPerson, Unknown, ApproverAsked, WrongState: as `approve`.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: as `approve`.
        ReasonMissing: no reason was given.

    """
    if not reason.strip():
        raise ReasonMissing
    number, by = await _decide(request, "refused", by, reason)
    view = await requests.withdraw(request, number, by=by, reason=reason.strip())
    await _tell(view, "refused", reason, by)
    await events.emit(
        "part_request.approval_refused", "part_request", number, view, contract=view.contract, depot=view.site
    )
    return view


async def _decide(request: UUID, state: approvals.ApprovalState, by: Actor, reason: str) -> tuple[str, Actor]:
    """Write the decision down, once, and by somebody else than who asked; the request's number, and for whom they act."""
    by.require(approvals.RIGHT)
    by.require_eyes()
    head = await lock_head(request, by=by)
    drafters = await approvals.requesters(request)
    if by.name in drafters:
        raise ApproverAsked(name=by.name, number=head["number"])
    by = acting(
        approvals.RIGHT,
        by=by,
        amount_cny=await db.fetch_value(
            "SELECT value_cny FROM request_approval WHERE request = $1 AND state = 'asked'", request
        ),
        contract=await approvals.contract_of(request),
        drafted_by=drafters,
    )
    decided = await db.execute(
        """UPDATE request_approval SET state = $2, decided_at = $3, decided_by = $4, decision_reason = $5,
                  decided_for = $6
           WHERE request = $1 AND state = 'asked'""",
        request,
        state,
        clock.now(),
        by.name,
        reason.strip(),
        by.acts_for,
    )
    if not decided:
        raise WrongState(
            what="Part request",
            what_zh="备件申请",
            key=head["number"],
            state=head["state"],
            needed="awaiting_approval",
        )
    await steps.finish("part_request", head["number"], "approve_request", by=by)
    return head["number"], by


async def _tell(view: RequestView, decision: str, reason: str, by: Actor) -> None:
    facts = {
        "request": view.id,
        "number": view.number,
        "decision": decision,
        "decided_by": by.name,
        "reason": reason.strip(),
    }
    asked = view.approvals[0].id
    told = {view.opened_by, view.engineer or view.opened_by}
    await messages.tell(told, "approval_decided", facts, occasion=f"approval:{asked}:{decision}")
