"""Policies: the rules of the house that people set, with who set them when."""

from decimal import Decimal
from typing import Annotated

from litestar import get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.pages.forms import Short, number, whole
from api.pages.rendering import Page, PageRequest
from inventory.ground.errors import Invalid
from inventory.procurement import policy as purchase_policy
from inventory.procurement import replenishment_policy
from inventory.procurement.policy import PurchasePolicy
from inventory.procurement.replenishment_policy import ReplenishmentPolicy
from inventory.requests import policy as request_policy
from inventory.requests.policy import RequestPolicy
from inventory.returns import policy as return_policy
from inventory.returns import swap_policy
from inventory.returns.policy import BroughtBack, ReturnPolicy
from inventory.returns.swap_policy import SwapPolicy
from inventory.returns.terms import Counts as Counting
from inventory.stock import paper_policy
from inventory.stock.counting import policy as count_policy
from inventory.stock.paper_policy import PaperPolicy

SHOWN = 20
"""How many versions of a policy the page shows."""


class TermUnclear(Invalid):
    """“{line}” is no term: name a depot, an amount, and hours, calendar_days or business_days."""

    zh = "“{line}”不是有效期限：请填写备件库编码、数量和计法（hours、calendar_days 或 business_days）。"
    help_en = "One a line, like “GZ 48 hours”."
    help_zh = "每行一个，例如“GZ 48 hours”。"


class Papers(Struct, kw_only=True):
    """Until when papers are due."""

    within_hours: Short
    resume_hour: Short
    on_working_days: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def policy(self) -> PaperPolicy:
        """The policy that the form asks for."""
        return PaperPolicy(
            within_hours=whole(self.within_hours, least=1, most=720),
            on_working_days=bool(self.on_working_days),
            resume_hour=whole(self.resume_hour, least=0, most=23),
        )


class Counts(Struct, kw_only=True):
    """How often what is counted; shares in percent."""

    a_share: Short
    b_share: Short
    a_days: Short
    b_days: Short
    c_days: Short
    parts_per_sheet: Short
    hours_to_count: Short
    four_eyes_above_cny: Short
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def policy(self) -> count_policy.CountPolicy:
        """The policy that the form asks for."""
        return count_policy.CountPolicy(
            a_share=_share(self.a_share),
            b_share=_share(self.b_share),
            a_days=whole(self.a_days, least=1, most=3660),
            b_days=whole(self.b_days, least=1, most=3660),
            c_days=whole(self.c_days, least=1, most=3660),
            parts_per_sheet=whole(self.parts_per_sheet, least=1, most=500),
            hours_to_count=whole(self.hours_to_count, least=1, most=720),
            four_eyes_above_cny=number(self.four_eyes_above_cny, least=0, most=count_policy.MOST_CNY),
        )


def _share(percent: str) -> float:
    """A share that somebody typed as a percentage.

    >>> _share("82.5")
    0.825
    """
    return float(number(percent, least=1, most=100) / Decimal(100))


class Requests(Struct, kw_only=True):
    """What paid parts cost, and which requests need an approval; without a limit none does for its value."""

    margin_percent: Short
    labour_cny: Short
    freight_cny: Short
    valid_hours: Short
    decide_within_minutes: Short
    approve_above_cny: Short = ""
    approve_out_of_contract: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def policy(self) -> RequestPolicy:
        """The policy that the form asks for."""
        limit = self.approve_above_cny.strip()
        return RequestPolicy(
            margin_percent=number(self.margin_percent, least=0, most=1000),
            labour_cny=number(self.labour_cny, least=0, most=request_policy.MOST_CNY),
            freight_cny=number(self.freight_cny, least=0, most=request_policy.MOST_CNY),
            valid_hours=whole(self.valid_hours, least=1, most=2160),
            decide_within_minutes=whole(self.decide_within_minutes, least=1, most=1440),
            approve_above_cny=number(limit, least=0, most=request_policy.MOST_CNY) if limit else None,
            approve_out_of_contract=bool(self.approve_out_of_contract),
        )


class Replenishing(Struct, kw_only=True):
    """What is drafted without a person, and how long proposals wait and may go unanswered."""

    daily_hour: Short
    bundling_days: Short
    answer_hours: Short
    urgent_hours: Short
    draft_routine: Short = ""
    draft_urgent: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def policy(self) -> ReplenishmentPolicy:
        """The policy that the form asks for."""
        return ReplenishmentPolicy(
            draft_routine=bool(self.draft_routine),
            draft_urgent=bool(self.draft_urgent),
            daily_hour=whole(self.daily_hour, least=0, most=23),
            bundling_days=whole(self.bundling_days, least=0, most=90),
            answer_hours=whole(self.answer_hours, least=1, most=720),
            urgent_hours=whole(self.urgent_hours, least=1, most=720),
        )


class Purchases(Struct, kw_only=True):
    """From what value on two people look at an order, how long a vendor may keep silent, and how an invoice may differ."""

    two_people_above_cny: Short
    acknowledge_within_hours: Short
    emergency_within_hours: Short
    rate_days: Short
    match_tolerance_percent: Short
    match_tolerance_cny: Short
    invoice_within_days: Short
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def policy(self) -> PurchasePolicy:
        """The policy that the form asks for."""
        return PurchasePolicy(
            four_eyes_above_cny=number(self.two_people_above_cny, least=0, most=purchase_policy.MOST_CNY),
            acknowledge_within_hours=whole(self.acknowledge_within_hours, least=1, most=720),
            emergency_within_hours=whole(self.emergency_within_hours, least=1, most=720),
            rate_days=whole(self.rate_days, least=1, most=366),
            match_tolerance_percent=float(number(self.match_tolerance_percent, least=0, most=100)),
            match_tolerance_cny=whole(self.match_tolerance_cny, least=0, most=100_000),
            invoice_within_days=whole(self.invoice_within_days, least=1, most=366),
        )


class BringingBack(Struct, kw_only=True):
    """By when removed parts are brought back; depots with a term of their own stand one a line: code, amount, how counted."""

    amount: Short
    counts: Short
    warn_hours: Short
    repeat_days: Short
    quiet_days: Short
    depots: Annotated[str, Meta(max_length=20_000)] = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def policy(self) -> ReturnPolicy:
        """The policy that the form asks for."""
        return ReturnPolicy(
            amount=whole(self.amount, least=1, most=720),
            counts=_counted(self.counts),
            warn_hours=whole(self.warn_hours, least=0, most=720),
            repeat_days=whole(self.repeat_days, least=1, most=1095),
            quiet_days=whole(self.quiet_days, least=1, most=1095),
            depots=dict(_own_term(line) for line in self.depots.splitlines() if line.strip()),
        )


def _own_term(line: str) -> tuple[str, BroughtBack]:
    """A depot's own term, as somebody typed it.

    >>> _own_term("GZ 48 hours")[1]
    BroughtBack(amount=48, counts='hours')

    Raises:
        TermUnclear: it does not name a depot, an amount and how that is counted.

    """
    match line.split():
        case [depot, amount, counts]:
            return depot, BroughtBack(amount=whole(amount, least=1, most=720), counts=_counted(counts))
        case _:
            raise TermUnclear(line=line.strip())


def _counted(text: str) -> Counting:
    if text == "hours" or text == "calendar_days" or text == "business_days":  # noqa: PLR1714  as the type checker reads it
        return text
    raise TermUnclear(line=text)


class Swaps(Struct, kw_only=True):
    """When a swap is prepared, and when a loan is asked back."""

    reserve_before_minutes: Short
    answer_within_minutes: Short
    prepare_minutes: Short
    loan_days: Short
    remind_hours: Short
    remark: Annotated[str, Meta(max_length=2000)] = ""

    def policy(self) -> SwapPolicy:
        """The policy that the form asks for."""
        return SwapPolicy(
            reserve_before_minutes=whole(self.reserve_before_minutes, least=15, most=2880),
            answer_within_minutes=whole(self.answer_within_minutes, least=1, most=240),
            prepare_minutes=whole(self.prepare_minutes, least=0, most=480),
            loan_days=whole(self.loan_days, least=1, most=366),
            remind_hours=whole(self.remind_hours, least=1, most=720),
        )


@get("/policies", guards=[requires("requests.read")])
async def show_policies(request: PageRequest) -> Page:
    """Show the policies that hold, and those that held."""
    return Page(
        "policies/list.html",
        papers=await paper_policy.in_force(),
        paper_versions=await paper_policy.versions(limit=SHOWN),
        swaps=await swap_policy.in_force(),
        swap_versions=await swap_policy.versions(limit=SHOWN),
        requests=await request_policy.in_force(),
        request_versions=await request_policy.versions(limit=SHOWN),
        replenishment=await replenishment_policy.in_force(),
        replenishment_versions=await replenishment_policy.versions(limit=SHOWN),
        purchases=await purchase_policy.in_force() if request.user.may("orders.read") else None,
        purchase_versions=await purchase_policy.versions(limit=SHOWN) if request.user.may("orders.read") else [],
        returns=await return_policy.in_force() if request.user.may("returns.read") else None,
        return_versions=await return_policy.versions(limit=SHOWN) if request.user.may("returns.read") else [],
        counts=await count_policy.in_force() if request.user.may("stock.read") else None,
        count_versions=await count_policy.versions(limit=SHOWN) if request.user.may("stock.read") else [],
    )


@post("/policies/papers", guards=[requires("stock.adjust")], status_code=303)
async def set_papers(request: PageRequest, data: URLEncodedBody[Papers]) -> Redirect:
    """Let another policy of papers hold."""
    await paper_policy.put_in_force(data.policy(), by=request.user, remark=data.remark.strip())
    return Redirect("/policies", status_code=303)


@post("/policies/counts", guards=[requires("stock.adjust")], status_code=303)
async def set_counts(request: PageRequest, data: URLEncodedBody[Counts]) -> Redirect:
    """Let another policy of counting hold."""
    await count_policy.put_in_force(data.policy(), by=request.user, remark=data.remark.strip())
    return Redirect("/policies", status_code=303)


@post("/policies/requests", guards=[requires("requests.set_policy")], status_code=303)
async def set_requests(request: PageRequest, data: URLEncodedBody[Requests]) -> Redirect:
    """Let another policy of paid parts and approvals hold."""
    await request_policy.put_in_force(data.policy(), by=request.user, remark=data.remark.strip())
    return Redirect("/policies", status_code=303)


@post("/policies/swaps", guards=[requires("swaps.set_policy")], status_code=303)
async def set_swaps(request: PageRequest, data: URLEncodedBody[Swaps]) -> Redirect:
    """Let another policy of swaps and loans hold."""
    await swap_policy.put_in_force(data.policy(), by=request.user, remark=data.remark.strip())
    return Redirect("/policies", status_code=303)


@post("/policies/replenishment", guards=[requires("replenishment.set_policy")], status_code=303)
async def set_replenishment(request: PageRequest, data: URLEncodedBody[Replenishing]) -> Redirect:
    """Let another policy of replenishment hold."""
    await replenishment_policy.put_in_force(data.policy(), by=request.user, remark=data.remark.strip())
    return Redirect("/policies", status_code=303)


@post("/policies/returns", guards=[requires("returns.set_policy")], status_code=303)
async def set_returns(request: PageRequest, data: URLEncodedBody[BringingBack]) -> Redirect:
    """Let another policy of bringing back hold."""
    await return_policy.put_in_force(data.policy(), by=request.user, remark=data.remark.strip())
    return Redirect("/policies", status_code=303)


@post("/policies/purchases", guards=[requires("orders.set_policy")], status_code=303)
async def set_purchases(request: PageRequest, data: URLEncodedBody[Purchases]) -> Redirect:
    """Let another policy of ordering hold."""
    await purchase_policy.put_in_force(data.policy(), by=request.user, remark=data.remark.strip())
    return Redirect("/policies", status_code=303)


handlers = [
    show_policies,
    set_papers,
    set_counts,
    set_requests,
    set_replenishment,
    set_returns,
    set_swaps,
    set_purchases,
]
