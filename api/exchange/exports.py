"""Exports: every list of the API also as CSV, at its own address with `.csv` behind it.

The export of a list is made from the list itself: the same guards, the same filters, the same question with the same scope
and costs, asked page by page while the answer is being sent. So no list lacks it, and none can show more than its list does.
"""

import inspect
from collections.abc import AsyncGenerator, Sequence
from typing import Any, get_args, get_origin

import msgspec
from litestar import Controller, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Stream
from msgspec import UNSET

from api.answers import ApiRequest, Page
from api.exchange.headings import LEFT_OUT, heading
from api.exchange.writing import MARK, MEDIA_TYPE, lines, saved_as, words
from api.languages import COOKIE, Language, preferred
from inventory.ground import clock

AT_ONCE = 500
"""How many items are asked for at once while an export is sent."""


def language_of(request: ApiRequest) -> Language:
    """The language of an export: the switch on the pages, else Accept-Language, else English."""
    chosen = request.cookies.get(COOKIE)
    if chosen == "zh" or chosen == "en":  # noqa: PLR1714  a type checker follows the comparison, not the membership
        return chosen
    return preferred(request.headers.get("accept-language"), default="en")


def item_of(handler: HTTPRouteHandler) -> type | None:
    """What a list consists of; None for a route that answers no list."""
    returned = inspect.signature(handler.fn).return_annotation
    answered = get_args(returned)[0] if get_origin(returned) is Response else returned
    return get_args(answered)[0] if get_origin(answered) is Page else None


def lists_of(controller: type[Controller]) -> list[HTTPRouteHandler]:
    """The routes of a controller that answer lists; of rows of many kinds, each kind has an export of its own."""
    return [
        handler
        for handler in vars(controller).values()
        if isinstance(handler, HTTPRouteHandler)
        and item_of(handler) is not None
        and not _path(controller, handler).endswith("}")
    ]


def exports_of(controllers: Sequence[type[Controller]]) -> list[HTTPRouteHandler]:
    """The exports of every list of some controllers."""
    return [export_of(controller, listing) for controller in controllers for listing in lists_of(controller)]


def export_of(controller: type[Controller], listing: HTTPRouteHandler) -> HTTPRouteHandler:
    """The export of one list: a route of the same filters, with neither cursor nor limit."""
    parameters = inspect.signature(listing.fn).parameters
    asked = {name: p for name, p in parameters.items() if name not in ("self", "request", "cursor", "limit")}
    request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=ApiRequest)
    passes_request = "request" in parameters
    path = f"{_path(controller, listing)}.csv"
    name = path.rpartition("/")[2].removesuffix(".csv")
    item = item_of(listing) or object

    async def export(request: ApiRequest, **filters: Any) -> Stream:
        async def page(cursor: str | None) -> Page[Any]:
            known = {"request": request} if passes_request else {}
            # a list is a function of its request and its filters: it needs no controller
            answer = await listing.fn(None, **known, **filters, cursor=cursor, limit=AT_ONCE)
            return answer.content

        first = await page(None)  # whatever it refuses, it refuses before anything is sent
        return Stream(
            _written(first, page, item, language_of(request)),
            media_type=MEDIA_TYPE,
            headers=saved_as(f"{name}-{clock.now():%Y-%m-%d}.csv"),
        )

    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in asked.values()]
    export.__signature__ = inspect.Signature([request, *keyword_only], return_annotation=Stream)  # pyright: ignore[reportFunctionMemberAccess]
    export.__annotations__ = {
        "request": ApiRequest,
        **{name: p.annotation for name, p in asked.items()},
        "return": Stream,
    }
    operation = (listing.operation_id or "").removeprefix("List").removeprefix("Get")
    export.__doc__ = f"{(listing.fn.__doc__ or '').strip().rstrip('.')}; all of it, as CSV."
    return get(
        path,
        operation_id=f"Export{operation}",
        guards=listing.guards,
        tags=list(controller.tags or ()),
        responses=listing.responses,
        media_type=MEDIA_TYPE,
    )(export)


def _path(controller: type[Controller], listing: HTTPRouteHandler) -> str:
    own = controller.__dict__.get("path", "")
    inner = next(iter(listing.paths))
    return f"{own}{inner}".rstrip("/")


async def _written(first: Page[Any], page: Any, item: type, language: Language) -> AsyncGenerator[str]:
    """An export's text, page by page."""
    fields = [f.name for f in msgspec.structs.fields(item) if f.encode_name not in LEFT_OUT]
    hidden = {name for name in fields if first.items and all(getattr(row, name) is UNSET for row in first.items)}
    shown = [name for name in fields if name not in hidden]
    yield MARK + lines([[heading(name, language) for name in shown]])
    current = first
    while True:
        yield lines([[words(getattr(row, name), language) for name in shown] for row in current.items])
        if current.next_cursor is None:
            return
        current = await page(current.next_cursor)
