"""Adjustments: correcting the books by hand, with a reason."""

from typing import Annotated, Literal, get_args
from urllib.parse import urlencode

from litestar import get, post
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta

from api.access import requires
from api.pages.forms import Long, Reason, Short, quantity, words
from api.pages.rendering import Page, PageRequest
from inventory.places import places
from inventory.stock import pools, receipts


class Adjusting(Reason, kw_only=True):
    """What was found or is missing."""

    depot: Short
    part_number: Annotated[str, Meta(min_length=1, max_length=200)]
    direction: Literal["found", "missing"]
    quantity: Short = ""
    serials: Long = ""
    pool: Short = pools.COMMON
    condition: receipts.Condition = "good"

    def change(self) -> int:
        """How many more there are; where serials are given and no count, as many as there are serials."""
        count = quantity(self.quantity or str(len(set(words(self.serials)))))
        return count if self.direction == "found" else -count


@get("/adjustments/new", guards=[requires("stock.adjust")])
async def new_adjustment(request: PageRequest, depot: FromQuery[str] = "", part: FromQuery[str] = "") -> Page:
    """Ask what was found or is missing, and why."""
    return Page(
        "ledger/adjust.html",
        depot=depot,
        part=part[:200],
        stores=await places.stores(limit=200, seen_by=request.user),
        pools=await pools.pool_codes(limit=200),
        conditions=get_args(receipts.Condition),
    )


@post("/adjustments/new", guards=[requires("stock.adjust")], status_code=303)
async def adjust(request: PageRequest, data: URLEncodedBody[Adjusting]) -> Redirect:
    """Correct the books; the movements it made are shown."""
    part_number = data.part_number.strip()
    await receipts.adjust(
        data.depot,
        part_number,
        data.change(),
        by=request.user,
        reason=data.reason,
        pool=data.pool,
        condition=data.condition,
        serials=words(data.serials),
    )
    shown = urlencode({"kind": "adjustment", "depot": data.depot})
    return Redirect(f"/movements?{shown}", status_code=303)


handlers = [new_adjustment, adjust]
