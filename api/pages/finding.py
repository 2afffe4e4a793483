"""Finding anything by its number, from every page."""

from typing import Annotated
from urllib.parse import quote

from litestar import get
from litestar.params import QueryParameter
from litestar.response import Redirect

from api.access import signed_in
from api.pages.rendering import PageRequest
from inventory.assurance import finding

ADDRESSES: dict[finding.Kind, str] = {
    "part": "/parts",
    "unit": "/units",
    "part_request": "/requests",
    "purchase_order": "/orders",
    "replenishment_proposal": "/replenishment",
    "transfer": "/transfers",
    "count": "/counts",
    "receipt": "/receipts",
    "advance_notice": "/advance-shipping-notices",
    "plan": "/plans",
    "shipment": "/shipments",
    "provisional_issue": "/provisional-issues",
    "pick_list": "/picks",
    "pool_crossing": "/pool-crossings",
    "handover": "/handovers",
    "emergency_case": "/emergencies",
    "force_majeure": "/force-majeure",
    "maker_case": "/maker-cases",
    "swap": "/swaps",
    "loan": "/loans",
    "data_erasure": "/data-erasures",
    "return_debt": "/returns",
    "rma": "/rmas",
    "repair_order": "/repairs",
    "collection": "/collections",
    "quality_claim": "/quality-claims",
    "invoice": "/invoices",
    "inquiry": "/inquiries",
    "suspicion": "/suspected-counterfeits",
    "radar_alarm": "/radar",
}
"""Where each kind has its pages."""


@get("/find", guards=[signed_in], status_code=303)
async def find(request: PageRequest, q: Annotated[str, QueryParameter(max_length=1000)] = "") -> Redirect:
    """Go to what carries a number; what is no number is looked for among the parts."""
    found = await finding.find(q.strip(), seen_by=request.user)
    to = f"{ADDRESSES[found.kind]}/{quote(found.key, safe='')}" if found else f"/parts?search={quote(q.strip())}"
    return Redirect(to, status_code=303)


handlers = [find]
