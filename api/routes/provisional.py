"""Issue first, record after, over HTTP: what was taken without paper, and what became of it."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct, convert

from api.access import requires, requires_any
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code, Quantity, Reason, Text
from inventory.requests import papering
from inventory.stock import paper_policy, provisional


class NewProvisionalIssue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was taken; `client_id` is your own name for it, `code` a serial, a tag, or a part number with its quantity."""

    client_id: Code
    depot: Code
    code: Code
    quantity: Quantity = 1
    taken_at: Instant | None = None
    taken_by: Code | None = None
    reason: Text = ""
    purpose: Text = ""


class Paper(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it was taken for: the number of a part request, or a device with its ticket."""

    request: Code | None = None
    device: Code | None = None
    ticket: Code | None = None


class Resolution(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a conflict is resolved: as taken, unless dismissed."""

    dismiss: bool = False
    reservation: UUID | None = None
    part_number: Code | None = None
    reason: Text = ""


class Remark(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What there is to say about it."""

    remark: Text = ""


class NewPaperPolicy(paper_policy.PaperPolicy, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy to put in force, and why."""

    remark: Text = ""

    def policy(self) -> paper_policy.PaperPolicy:
        """The policy alone."""
        return convert(self, paper_policy.PaperPolicy, from_attributes=True)


class ProvisionalIssueController(Controller):
    """Pieces taken first and recorded after."""

    path = "/provisional-issues"
    tags = ("provisional issues",)

    @get(operation_id="ListProvisionalIssues", guards=[requires("requests.read")], responses=refusals(404))
    async def list_issues(
        self,
        request: ApiRequest,
        in_state: Annotated[provisional.State | None, QueryParameter(name="state")] = None,
        depot: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[provisional.ProvisionalIssueView]]:
        """List what was taken without paper, newest first."""
        found = await provisional.provisional_issues(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state, depot=depot
        )
        return page(request, found, limit, lambda found: found.id)

    @get("/policy", operation_id="GetPaperPolicy", guards=[requires("requests.read")], responses=refusals())
    async def get_policy(self) -> paper_policy.PaperPolicyVersion:
        """Show until when a paper has to be there, and who answers for a late one when."""
        return await paper_policy.in_force()

    @post("/policy", operation_id="SetPaperPolicy", guards=[requires("stock.adjust")], responses=refusals(409))
    async def set_policy(
        self, request: ApiRequest, data: JSONBody[NewPaperPolicy], idempotency_key: Key = None
    ) -> Response[paper_policy.PaperPolicyVersion]:
        """Let another policy hold from now on; records keep the due time they have."""
        return await once(
            request,
            idempotency_key,
            lambda: paper_policy.put_in_force(data.policy(), by=request.user, remark=data.remark),
            status=201,
        )

    @get(
        "/policy/versions",
        operation_id="ListPaperPolicies",
        guards=[requires("requests.read")],
        responses=refusals(),
    )
    async def list_policies(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[paper_policy.PaperPolicyVersion]]:
        """List the policies that were ever set, the one that holds first."""
        found = await paper_policy.versions(limit=limit + 1, after=decode_cursor(cursor, int))
        return page(request, found, limit, lambda each: each.version)

    @get(
        "/{issue_id:uuid}",
        operation_id="GetProvisionalIssue",
        guards=[requires("requests.read")],
        responses=refusals(404),
    )
    async def get_issue(self, request: ApiRequest, issue_id: FromPath[UUID]) -> provisional.ProvisionalIssueView:
        """Show one record."""
        return await provisional.provisional_issue_view(issue_id, seen_by=request.user)

    @post(operation_id="TakeWithoutPaper", guards=[requires("stock.take")], responses=refusals(404, 409))
    async def take(
        self, request: ApiRequest, data: JSONBody[NewProvisionalIssue], idempotency_key: Key = None
    ) -> Response[provisional.ProvisionalIssueView]:
        """Record what was taken; where the ledger cannot follow, the answer is a conflict for a keeper to resolve."""
        new = provisional.NewProvisionalIssue(
            client_id=data.client_id,
            depot=data.depot,
            code=data.code,
            quantity=data.quantity,
            taken_at=data.taken_at,
            taken_by=data.taken_by,
            reason=data.reason,
            purpose=data.purpose,
        )
        return await once(request, idempotency_key, lambda: provisional.take(new, by=request.user), status=201)

    @post(
        "/{issue_id:uuid}/paper",
        operation_id="PaperProvisionalIssue",
        status_code=200,
        guards=[requires("parts.request")],
        responses=refusals(404, 409),
    )
    async def paper(
        self, request: ApiRequest, issue_id: FromPath[UUID], data: JSONBody[Paper], idempotency_key: Key = None
    ) -> Response[provisional.ProvisionalIssueView]:
        """Bind it to its part request, whose line then counts as shipped, or to a device."""
        return await once(
            request,
            idempotency_key,
            lambda: papering.paper(
                issue_id, by=request.user, request=data.request, device=data.device, ticket=data.ticket
            ),
        )

    @post(
        "/{issue_id:uuid}/resolve",
        operation_id="ResolveProvisionalIssue",
        status_code=200,
        guards=[requires_any("stock.issue", "stock.adjust")],
        responses=refusals(404, 409),
    )
    async def resolve(
        self, request: ApiRequest, issue_id: FromPath[UUID], data: JSONBody[Resolution], idempotency_key: Key = None
    ) -> Response[provisional.ProvisionalIssueView]:
        """Let the ledger follow what was taken, or dismiss the record."""
        how = papering.Resolution(
            dismiss=data.dismiss, reservation=data.reservation, part_number=data.part_number, reason=data.reason
        )
        return await once(request, idempotency_key, lambda: papering.resolve(issue_id, how, by=request.user))

    @post(
        "/{issue_id:uuid}/bring-back",
        operation_id="BringBackProvisionalIssue",
        status_code=200,
        guards=[requires("stock.take")],
        responses=refusals(404, 409),
    )
    async def bring_back(
        self, request: ApiRequest, issue_id: FromPath[UUID], data: JSONBody[Remark], idempotency_key: Key = None
    ) -> Response[provisional.ProvisionalIssueView]:
        """Return it to its store."""
        return await once(
            request, idempotency_key, lambda: provisional.bring_back(issue_id, by=request.user, remark=data.remark)
        )

    @post(
        "/{issue_id:uuid}/report-lost",
        operation_id="ReportProvisionalIssueLost",
        status_code=200,
        guards=[requires("stock.take")],
        responses=refusals(404, 409),
    )
    async def report_lost(
        self, request: ApiRequest, issue_id: FromPath[UUID], data: JSONBody[Reason], idempotency_key: Key = None
    ) -> Response[provisional.ProvisionalIssueView]:
        """Say that it is lost; a second person confirms it."""
        return await once(
            request, idempotency_key, lambda: provisional.report_lost(issue_id, by=request.user, reason=data.reason)
        )

    @post(
        "/{issue_id:uuid}/confirm-lost",
        operation_id="ConfirmProvisionalIssueLost",
        status_code=200,
        guards=[requires("stock.adjust")],
        responses=refusals(404, 409),
    )
    async def confirm_lost(
        self, request: ApiRequest, issue_id: FromPath[UUID], data: JSONBody[Remark], idempotency_key: Key = None
    ) -> Response[provisional.ProvisionalIssueView]:
        """Write it off, as a second person."""
        return await once(
            request, idempotency_key, lambda: provisional.confirm_lost(issue_id, by=request.user, remark=data.remark)
        )
