"""Lost loaners (借出设备丢失): what never comes back is told lost by one person, and written off and charged by another."""

from decimal import Decimal
from uuid import UUID

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, ReasonMissing, WrongState
from inventory.places import places
from inventory.returns import policy
from inventory.returns.loaners import LoanView, leave_site, loan_view


class OwnLossOfLoan(Forbidden):
    """Somebody else than {told_by} confirms that {number} is lost."""

    zh = "{number} 报失须由 {told_by} 以外的人确认。"
    help_en = "Ask a colleague who may adjust stock."
    help_zh = "请由有库存调整权限的其他人员确认。"


@db.atomic
async def tell_lost(loan: UUID, *, by: Actor, reason: str, charge_cny: Decimal | None = None) -> LoanView:
    """Say that a loaner will not come back, how, and what its customer is charged; it stays lent until that is confirmed.

    Extending the loan, or taking the loaner back, says that it is there after all.

    Raises:
        Unknown: no such loan in the actor's scope.
        NotYourDepot: the actor does not serve the store that lent it.
        ReasonMissing: it was not said how.
        WrongState: it is back, or was told lost before.

    """
    by.require("loans.make")
    view = await loan_view(loan, seen_by=by)
    by.require_depot(view.depot)
    if not reason.strip():
        raise ReasonMissing
    told = await db.execute(
        """UPDATE loan SET loss_told_at = $2, loss_told_by = $3, loss_reason = $4, charge_cny = $5
           WHERE id = $1 AND state = 'lent' AND loss_told_at IS NULL""",
        loan,
        clock.now(),
        by.name,
        reason.strip(),
        charge_cny,
    )
    if not told:
        state = "told lost" if view.state == "lent" else view.state
        raise WrongState(what="Loan", what_zh="借用单", key=view.number, state=state, needed="lent")
    await steps.begin(
        "confirm_loss",
        "loan",
        view.number,
        owner_role="quality_supervisor",
        depot=view.depot,
        due_at=clock.now() + policy.LOSS_CONFIRMED_WITHIN,
    )
    await audit.record("loan.loss_told", "loan", view.number, by=by, reason=reason.strip())
    return await loan_view(loan, seen_by=by)


@db.atomic
async def confirm_lost(loan: UUID, *, by: Actor) -> LoanView:
    """Write a loaner off that was told lost, as a second person: it leaves the books, and its loan is over.

    Raises:
        Unknown: no such loan in the actor's scope.
        NotYourDepot: the actor does not serve the store that lent it.
        NoPerson: a key that belongs to nobody is no second person.
        OwnLossOfLoan: the actor told it lost.
        WrongState: it was not told lost, is back, or written off already.

    """
    by.require("stock.adjust")
    by.require_eyes()
    view = await loan_view(loan, seen_by=by)
    by.require_depot(view.depot)
    if view.loss_told_by == by.name and view.state == "lent":
        raise OwnLossOfLoan(number=view.number, told_by=by.name)
    row = await db.fetch_one(
        """UPDATE loan SET state = 'lost', written_off_at = $2, written_off_by = $3
           WHERE id = $1 AND state = 'lent' AND loss_told_by <> $3 RETURNING unit""",
        loan,
        clock.now(),
        by.name,
    )
    if row is None:
        raise WrongState(what="Loan", what_zh="借用单", key=view.number, state=view.state, needed="told lost")
    gone = await places.find(places.ADJUSTMENT)
    await leave_site(row["unit"], view.number, "loss", gone.id, "unknown", by=by, reason=view.loss_reason)
    # should it turn up again, its customer's data comes with it
    await db.execute("UPDATE unit SET holds_data = true WHERE id = $1", row["unit"])
    await steps.finish("loan", view.number, by=by)
    await audit.record("loan.lost", "loan", view.number, by=by, reason=view.loss_reason)
    # whoever is told may be a system that may not see costs
    await events.emit("loan.lost", "loan", view.number, await loan_view(loan), contract=view.contract, depot=view.site)
    return await loan_view(loan, seen_by=by)
