"""Label sheets: choosing labels, seeing them, printing them."""

import asyncio
import base64
from typing import Annotated
from urllib.parse import urlencode

from litestar import get
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from api.access import requires
from api.pages.forms import quantity, words
from api.pages.rendering import Page, PageRequest, language_of
from api.papers import choosing, labels
from inventory.ground.errors import InventoryError
from inventory.places import places

Typed = Annotated[str, QueryParameter(max_length=10_000)]


class Preview(Struct, frozen=True, kw_only=True):
    """The first sheet as a picture, how many labels there are, and where the PDF is."""

    picture: str
    count: int
    address: str


@get("/labels", guards=[requires("stock.receive")])
async def choose_labels(
    request: PageRequest,
    kind: FromQuery[choosing.Kind] = "unit",
    codes: Typed = "",
    depot: FromQuery[str] = "",
    size: FromQuery[labels.Size] = "a4_3x8",
    start: Annotated[str, QueryParameter(max_length=9)] = "1",
    copies: Annotated[str, QueryParameter(max_length=9)] = "1",
) -> Page:
    """Choose labels and see them; what cannot be printed is said on the page."""
    preview, refusal = None, None
    if codes.strip() or (kind == "bin" and depot):
        choice = choosing.Choice(kind=kind, codes=_each(kind, codes), depot=depot or None)
        try:
            preview = await _preview(request, choice, size, quantity(start), quantity(copies))
        except InventoryError as refused:
            refusal = refused
    language = language_of(request)
    return Page(
        "labels/choose.html",
        kind=kind,
        codes=codes,
        depot=depot,
        size=size,
        start=start,
        copies=copies,
        stores=await places.stores(limit=200, seen_by=request.user),
        preview=preview,
        refusal=refusal.sentence(language) if refusal else None,
        advice=refusal.advice(language) if refusal else "",
    )


def _each(kind: choosing.Kind, typed: str) -> list[str]:
    r"""What was typed or scanned: serials and tags hold no blanks, part numbers and bins may.

    >>> _each("unit", "A1, A2"), _each("part", "00 AR\n")
    (['A1', 'A2'], ['00 AR'])
    """
    if kind == "unit":
        return words(typed)
    return [line.strip() for line in typed.splitlines() if line.strip()]


async def _preview(
    request: PageRequest, choice: choosing.Choice, size: labels.Size, start: int, copies: int
) -> Preview:
    sheet = await choosing.sheet(choice, size=size, start=start, copies=copies, by=request.user)
    one_page = labels.Sheet(
        size=size,
        labels=sheet.labels[: labels.SIZES[size].on_a_sheet],
        printed_at=sheet.printed_at,
        start=start,
    )
    resolution = 80 if labels.SIZES[size].on_a_sheet > 1 else 200
    picture = await asyncio.to_thread(labels.picture, one_page, dots_per_inch=resolution)
    field = {"unit": "serial", "part": "part", "bin": "bin"}[choice.kind]
    query = {"kind": choice.kind, field: choice.codes, "size": size, "start": start, "copies": copies}
    if choice.depot and choice.kind == "bin":
        query["depot"] = choice.depot
    return Preview(
        picture=f"data:image/png;base64,{base64.b64encode(picture).decode()}",
        count=len(sheet.labels),
        address=f"/api/v1/labels?{urlencode(query, doseq=True)}",
    )


handlers = [choose_labels]
