"""Tickets over HTTP: what another system's ticket needs to know of its parts, and whether it may close."""

from litestar import Controller, get
from litestar.params import FromPath

from api.access import requires
from api.answers import ApiRequest
from api.problems import refusals
from inventory.requests import tickets


class TicketController(Controller):
    """Tickets of other systems, by `source` and their own reference."""

    path = "/tickets"
    tags = ("part requests",)

    @get(
        "/{source:str}/{ticket:str}",
        operation_id="GetTicket",
        guards=[requires("requests.read")],
        responses=refusals(404),
    )
    async def get_ticket(self, request: ApiRequest, source: FromPath[str], ticket: FromPath[str]) -> tickets.TicketView:
        """Show everything about a ticket: its requests, a sentence each to paste, and the parts for its fault report."""
        return await tickets.ticket_view(source, ticket, seen_by=request.user)

    @get(
        "/{source:str}/{ticket:str}/reconciliation",
        operation_id="GetReconciliation",
        guards=[requires("requests.read")],
        responses=refusals(),
    )
    async def get_reconciliation(
        self, request: ApiRequest, source: FromPath[str], ticket: FromPath[str]
    ) -> tickets.Reconciliation:
        """Say whether a ticket's parts are all accounted for, and what keeps it open."""
        return await tickets.reconciliation(source, ticket, seen_by=request.user)
