"""Answers: doing what a write asks once, and cutting lists into pages."""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Struct

from api.problems import MEDIA_TYPE, Unparsable, language_of, problem_of
from inventory.ground import idempotency
from inventory.ground.actor import Actor
from inventory.ground.errors import Busy, InventoryError
from inventory.ground.idempotency import Answer, IdempotencyInProgress, IdempotencyKeyReused

T = TypeVar("T")

ApiRequest = Request[Actor, Any, Any]
"""A request whose guard made sure somebody is signed in."""

Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Your own key for this act: repeating the request with it gives the first answer again",
    ),
]
"""The Idempotency-Key header (IETF draft-ietf-httpapi-idempotency-key-header)."""

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many items a page holds")]
Cursor = Annotated[str | None, QueryParameter(max_length=1000, description="`next_cursor` of the page before")]


class Page[T](Struct, frozen=True):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = None


async def once[T](
    request: ApiRequest,
    key: str | None,
    act: Callable[[], Awaitable[T]],
    *,
    status: int = 200,
    required: bool = False,
    said: bytes | None = None,
) -> Response[T]:
    """Do what a write asks; with an Idempotency-Key only once, and the first answer again afterwards.

    `said` is what makes two requests the same where their bodies do not: a form parts its fields differently each time.

    Raises:
        Unparsable: the key is required and missing.
        IdempotencyKeyReused, IdempotencyInProgress: as `idempotency.once`.

    """
    if key is None:
        if required:
            raise Unparsable(
                "idempotency_key_missing",
                "This act needs an Idempotency-Key header: repeating it by mistake would do harm.",
                "此操作需要 Idempotency-Key 请求头：误重复会造成损害。",
            )
        return Response(await act(), status_code=status)
    caller, fingerprint = f"{request.user.kind}:{request.user.name}", await _fingerprint(request, said)

    async def kept() -> Answer:
        return Answer(status, msgspec.json.encode(await act()), "application/json")

    try:
        answer = await idempotency.once(caller, key, fingerprint, kept)
    except (Busy, IdempotencyKeyReused, IdempotencyInProgress):
        raise  # says nothing about the act itself: it may be tried again
    except InventoryError as refusal:
        problem = problem_of(refusal, language_of(request))
        refused = Answer(problem.status, msgspec.json.encode(problem), MEDIA_TYPE)
        answer = await idempotency.keep_refusal(caller, key, fingerprint, refused)
    return cast("Response[T]", _as_response(answer))


def _as_response(answer: Answer) -> Response[bytes]:
    headers = {"Idempotent-Replayed": "true"} if answer.replayed else {}
    return Response(answer.body, status_code=answer.status, media_type=answer.media_type, headers=headers)


async def _fingerprint(request: ApiRequest, said: bytes | None) -> bytes:
    """What makes two requests the same: method, address and body."""
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body() if said is None else said)
    return digest.digest()


def page[T](request: ApiRequest, items: Sequence[T], limit: int, cursor_of: Callable[[T], object]) -> Response[Page[T]]:
    """One page of items fetched with `limit + 1`; the one too many tells that there is more."""
    shown = list(items[:limit])
    cursor = encode_cursor(cursor_of(shown[-1])) if len(items) > limit else None
    query = urlencode({**request.query_params.dict(), "cursor": cursor}, doseq=True)
    headers = {"Link": f'<{request.url.path}?{query}>; rel="next"'} if cursor else {}
    return Response(Page(shown, cursor), headers=headers)


def encode_cursor(place: object) -> str:
    """A place in a list as an opaque cursor.

    >>> decode_cursor(encode_cursor(["PSU-750", "GZ"]), list[str])
    ['PSU-750', 'GZ']
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def told[T](body: object, into: type[T]) -> T:
    """What a request's body says, as the domain takes it: field by field of the same name, all the way down."""
    return msgspec.convert(body, into, from_attributes=True)


def decode_cursor[T](cursor: str | None, into: type[T]) -> T | None:
    """A cursor as the place it stands for; None where the list starts.

    Raises:
        Unparsable: it is not one of our cursors.

    """
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=into)
    except (ValueError, msgspec.MsgspecError):
        raise Unparsable(
            "cursor_invalid", "This cursor is not one of ours; start from the first page.", "游标无效，请从第一页开始。"
        ) from None
