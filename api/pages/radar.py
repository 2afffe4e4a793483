"""The burst radar (故障突发监测) on pages: series, one of them, a batch and what to do with it, quality claims."""

from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages import charts
from api.pages.attachments import attached
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest, gettext_of
from inventory.emergency import claiming, radar_views
from inventory.emergency.series import Dimension
from inventory.procurement import claims
from inventory.stock import batches

ALARMS = 20
"""How many alarms stand beside the series."""

Named = Annotated[str, Meta(min_length=1, max_length=200)]
Said = Annotated[str, Meta(max_length=2000)]


class BatchForm(Struct, kw_only=True):
    """A batch, and why something is done about it."""

    receipt: Named
    part_number: Named
    reason: Said = ""


class Words(Struct, kw_only=True):
    """What a vendor answered, or how a claim ended."""

    words: Said = ""


class Sent(Struct, kw_only=True):
    """The number that the vendor gave a claim, if it did."""

    vendor_number: Annotated[str, Meta(max_length=200)] = ""


class AnswerForm(Words, kw_only=True):
    """What a vendor answered, and its number of the claim."""

    vendor_number: Annotated[str, Meta(max_length=200)] = ""


@get("/radar", guards=[requires("emergency.read")])
async def list_series(
    request: PageRequest,
    dimension: FromQuery[Dimension | None] = None,
    *,
    every: FromQuery[bool] = False,
    cursor: Cursor = None,
) -> Page:
    """List what alarms and what is rising, the strongest first, and the alarms of late."""
    actor = request.user
    found = await radar_views.series_views(
        limit=LENGTH + 1,
        seen_by=actor,
        after=decode_cursor(cursor, radar_views.SeriesKey),
        dimension=dimension,
        all_of_them=every,
    )
    shown, following = cut(found, radar_views.key_of)
    return Page(
        "radar/list.html",
        head=await radar_views.head(seen_by=actor),
        series=shown,
        alarms=await radar_views.alarms(limit=ALARMS, seen_by=actor, dimension=dimension),
        dimension=dimension,
        every=every,
        cursor=following,
        first=not cursor,
    )


@get("/radar/{series_id:uuid}", guards=[requires("emergency.read")])
async def show_series(request: PageRequest, series_id: FromPath[UUID]) -> Page:
    """Show one series: its windows, its days, what holds more than its share."""
    actor = request.user
    view = await radar_views.series_view(series_id, seen_by=actor)
    days = await radar_views.days_of(series_id, seen_by=actor)
    return Page(
        "radar/detail.html",
        view=view,
        alarms=await radar_views.alarms(limit=ALARMS, seen_by=actor, of_series=series_id),
        chart=charts.failures_by_day(days, view.rate_per_day, gettext_of(request)),
    )


@get("/batches", guards=[requires("stock.read")])
async def show_batch(request: PageRequest, receipt: FromQuery[str], part: FromQuery[str]) -> Page:
    """Show where the pieces of a batch lie, and what can be done about them."""
    await batches.find(receipt)
    return Page(
        "radar/batch.html",
        receipt=receipt,
        part=part,
        lying=await batches.whereabouts(receipt, part, seen_by=request.user),
    )


@post("/batches/quarantine", guards=[requires("stock.judge")], status_code=303)
async def quarantine(request: PageRequest, data: URLEncodedBody[BatchForm]) -> Redirect:
    """Block every good piece of a batch that lies on a shelf."""
    await batches.quarantine(data.receipt, data.part_number, by=request.user, reason=data.reason)
    return Redirect(f"/batches?{urlencode({'receipt': data.receipt, 'part': data.part_number})}", status_code=303)


@get("/quality-claims", guards=[requires("claims.read")])
async def list_claims(
    request: PageRequest,
    in_state: Annotated[claims.State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List quality claims, newest first."""
    found = await claims.claims(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda claim: claim.id)
    return Page("radar/claims.html", claims=shown, in_state=in_state, cursor=following, first=not cursor)


@get("/quality-claims/{claim_id:uuid}", guards=[requires("claims.read")])
async def show_claim(request: PageRequest, claim_id: FromPath[UUID]) -> Page:
    """Show a claim with its evidence."""
    claim = await claims.claim_view(claim_id, seen_by=request.user)
    return Page("radar/claim.html", claim=claim, files=await attached(request, "quality_claim", claim_id))


@post("/quality-claims", guards=[requires("claims.open")], status_code=303)
async def open_claim(request: PageRequest, data: URLEncodedBody[BatchForm]) -> Redirect:
    """Claim a batch at its vendor."""
    claim = await claiming.claim(data.receipt, data.part_number, by=request.user, reason=data.reason)
    return Redirect(f"/quality-claims/{claim.id}", status_code=303)


@post("/quality-claims/{claim_id:uuid}/send", guards=[requires("claims.settle")], status_code=303)
async def send(request: PageRequest, claim_id: FromPath[UUID], data: URLEncodedBody[Sent]) -> Redirect:
    """Note that a claim was put to its vendor."""
    await claims.send(claim_id, by=request.user, vendor_number=data.vendor_number)
    return Redirect(f"/quality-claims/{claim_id}", status_code=303)


@post("/quality-claims/{claim_id:uuid}/answer", guards=[requires("claims.settle")], status_code=303)
async def answer(request: PageRequest, claim_id: FromPath[UUID], data: URLEncodedBody[AnswerForm]) -> Redirect:
    """Write down what the vendor answered."""
    await claims.answer(claim_id, data.words, by=request.user, vendor_number=data.vendor_number)
    return Redirect(f"/quality-claims/{claim_id}", status_code=303)


@post("/quality-claims/{claim_id:uuid}/close", guards=[requires("claims.settle")], status_code=303)
async def close(request: PageRequest, claim_id: FromPath[UUID], data: URLEncodedBody[Words]) -> Redirect:
    """Close a claim."""
    await claims.close(claim_id, data.words, by=request.user)
    return Redirect(f"/quality-claims/{claim_id}", status_code=303)


handlers = [
    list_series,
    show_series,
    show_batch,
    quarantine,
    list_claims,
    show_claim,
    open_claim,
    send,
    answer,
    close,
]
