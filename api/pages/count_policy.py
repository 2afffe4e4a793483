"""The policy of counting: what is counted how often, and from which value on two people are needed."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec
from litestar import get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from api.access import requires
from api.pages.rendering import Page, PageRequest
from inventory.stock.counting import policy
from inventory.stock.counting.refusals import CountPolicyOutOfRange

Said = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]


def _policy(said: dict[str, str]) -> policy.CountPolicy:
    """What the form says; the two shares are written in per cent.

    Raises:
        CountPolicyOutOfRange: a field is empty, no number, or outside its limits.

    """
    try:
        named = {field: said[field] for field in policy.CountPolicy.__struct_fields__}
        shares = {share: float(Decimal(named[share]) / 100) for share in ("a_share", "b_share")}
        return msgspec.convert({**named, **shares}, policy.CountPolicy, strict=False)
    except (KeyError, TypeError, ValueError, InvalidOperation, OverflowError):
        raise CountPolicyOutOfRange(most=policy.MOST_CNY) from None


@get("/counts/policy", guards=[requires("stock.read")])
async def show_policy() -> Page:
    """Show the policy in force."""
    return Page("counts/policy.html", held=await policy.in_force())


@post("/counts/policy", guards=[requires("stock.adjust")], status_code=303)
async def set_policy(request: PageRequest, data: Said) -> Redirect:
    """Let another policy hold from now on."""
    await policy.put_in_force(_policy(data), by=request.user)
    return Redirect("/counts/policy", status_code=303)


handlers = [show_policy, set_policy]
