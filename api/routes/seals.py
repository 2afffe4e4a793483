"""The ledger's seals over HTTP: to be read, and to be kept where nobody of the service can write."""

from litestar import Controller, Response, get

from api.access import requires
from api.answers import ApiRequest, Cursor, Limit, Page, decode_cursor, page
from api.problems import refusals
from inventory.assurance import seals


class SealController(Controller):
    """Seals of the ledger and the audit trail."""

    path = "/ledger-seals"
    tags = ("audit",)

    @get(operation_id="ListLedgerSeals", guards=[requires("stock.read")], responses=refusals())
    async def list_seals(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[seals.SealView]]:
        """List the seals, the newest first; a copy of them kept elsewhere proves what the ledger said."""
        found = await seals.seals(limit=limit + 1, seen_by=request.user, before=decode_cursor(cursor, int))
        return page(request, found, limit, lambda seal: seal.id)
