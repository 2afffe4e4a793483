"""Refusals as problem+json (RFC 9457): the only place where HTTP status meets the domain."""

import re
import traceback
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from api.languages import Language, preferred
from inventory.ground import context
from inventory.ground.errors import Busy, Forbidden, Invalid, InventoryError, Refused, Unknown
from inventory.people.persons import TooManyAttempts

MEDIA_TYPE = "application/problem+json"

STATUS_OF: dict[type[InventoryError], int] = {
    Unknown: HTTPStatus.NOT_FOUND,
    Refused: HTTPStatus.CONFLICT,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Forbidden: HTTPStatus.FORBIDDEN,
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    Busy: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of a refusal is that of its nearest ancestor here."""

RETRY_AFTER_SECONDS = 2

_log = structlog.get_logger("problems")


class FieldError(Struct, frozen=True):
    """What is wrong with one field; `pointer` is a JSON pointer or the name of a parameter."""

    pointer: str
    code: str
    message: str


class Problem(Struct, frozen=True, kw_only=True):
    """What was refused, why, and what would fix it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] = []
    facts: dict[str, Any] = {}
    help: str = ""
    request_id: str | None = None


class Unparsable(Exception):
    """A request that breaks the protocol before the domain sees it."""

    def __init__(self, code: str, en: str, zh: str) -> None:
        super().__init__(en)
        self.code, self.en, self.zh = code, en, zh


def language_of(request: Request[Any, Any, Any]) -> Language:
    """The language of an answer to a system: Accept-Language, else English."""
    return preferred(request.headers.get("accept-language"), default="en")


def status_of(refusal: InventoryError) -> int:
    """The HTTP status of a refusal."""
    return next((STATUS_OF[kind] for kind in type(refusal).__mro__ if kind in STATUS_OF), HTTPStatus.CONFLICT)


def problem_of(refusal: InventoryError, language: Language) -> Problem:
    """A refusal as a problem, in one language."""
    status = status_of(refusal)
    return _problem(
        status,
        refusal.code,
        refusal.sentence(language),
        facts=refusal.facts,
        advice=refusal.advice(language),
        errors=[FieldError(f.pointer, f.code, f.zh if language == "zh" else f.en) for f in refusal.fields],
    )


def _problem(
    status: int,
    code: str,
    detail: str,
    *,
    facts: dict[str, Any] | None = None,
    advice: str = "",
    errors: Sequence[FieldError] = (),
) -> Problem:
    return Problem(
        type=f"/problems/{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
        errors=list(errors),
        facts=facts or {},
        help=advice,
        request_id=context.request_id.get(),
    )


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response[Problem]:
    more = {"Retry-After": str(RETRY_AFTER_SECONDS)} if problem.status in (429, 503) else {}
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers={**(headers or {}), **more})


def refusal_response(request: Request[Any, Any, Any], refusal: InventoryError) -> Response[Problem]:
    """Answer a refusal of the domain."""
    return _response(problem_of(refusal, language_of(request)))


def unparsable_response(request: Request[Any, Any, Any], error: Unparsable) -> Response[Problem]:
    """Answer a request that breaks the protocol."""
    return _response(_problem(400, error.code, error.zh if language_of(request) == "zh" else error.en))


_HTTP_CODES: dict[int, tuple[str, str, str]] = {
    400: ("unparsable", "The request cannot be parsed.", "无法解析该请求。"),
    401: ("not_authenticated", "Sign in, or send a valid API key.", "请登录，或提供有效的接口密钥。"),
    403: ("forbidden", "You may not do this.", "您无权执行此操作。"),
    404: ("not_found", "There is nothing at this address.", "该地址不存在。"),
    405: ("method_not_allowed", "This address does not take that method.", "该地址不支持此方法。"),
    406: ("not_acceptable", "The answer has no form that you accept.", "无法按要求的格式应答。"),
    413: ("too_large", "The request is too large.", "请求内容过大。"),
    415: ("unsupported_media_type", "Send the body as application/json.", "请以 application/json 格式提交。"),
    429: ("too_many_requests", "Too many requests.", "请求过于频繁。"),
}


def http_response(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answer what the framework refused: routes, methods, bodies, parameters, authentication."""
    zh = language_of(request) == "zh"
    if isinstance(error, ValidationException):
        errors = _field_errors(error)
        code, en, chinese = ("invalid_input", "The input is not valid: {}.", "输入无效：{}。")
        named = "; ".join(f"{e.pointer}: {e.message}" for e in errors) or str(error.detail)
        return _response(_problem(422, code, (chinese if zh else en).format(named), errors=errors))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return crash_response(request, error)
    code, en, chinese = _HTTP_CODES.get(error.status_code, ("refused", str(error.detail), "请求被拒绝。"))
    headers = (
        {"WWW-Authenticate": "Bearer"} if error.status_code == HTTPStatus.UNAUTHORIZED else dict(error.headers or {})
    )
    detail = chinese if zh else en
    if error.status_code == HTTPStatus.BAD_REQUEST and error.detail:
        detail = f"{detail} ({error.detail})"
    return _response(_problem(error.status_code, code, detail), headers)


def _field_errors(error: ValidationException) -> list[FieldError]:
    extra = error.extra if isinstance(error.extra, list) else []
    return [
        FieldError(
            pointer=_pointer(str(item.get("key", "")), str(item.get("source", "")), str(item.get("message", ""))),
            code="invalid",
            message=str(item.get("message", "")),
        )
        for item in extra
        if isinstance(item, dict)
    ]


_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]+)`")


def _pointer(key: str, source: str, message: str) -> str:
    """A field of a body as a JSON pointer; a parameter by its name.

    >>> _pointer("lines[0].quantity", "body", "Expected `int` >= 1")
    '/lines/0/quantity'
    >>> _pointer("data", "body", "Object contains unknown field `surprise`")
    '/surprise'
    >>> _pointer("limit", "query", "Expected `int` <= 200")
    'limit'
    """
    if source != "body":
        return key
    steps = [] if key == "data" else key.replace("[", ".").replace("]", "").split(".")
    unknown = _UNKNOWN_FIELD.search(message)
    return "".join(f"/{step}" for step in [*steps, *(unknown.groups() if unknown else ())])


def crash_response(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer a bug: logged whole, told without its inside."""
    _log.error("crash", path=request.url.path, error="".join(traceback.format_exception(error)))
    zh = language_of(request) == "zh"
    detail = (
        "服务内部错误，未做任何更改；请凭请求编号联系我们。"
        if zh
        else ("The service failed; nothing was changed. Tell us the request id.")
    )
    return _response(_problem(500, "internal_error", detail))


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """The refusals a route can answer with, for its OpenAPI description; 401, 403, 422 and 503 always."""
    return {
        status: ResponseSpec(
            Problem, description=HTTPStatus(status).phrase, media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in sorted({400, 401, 403, 422, 503, *statuses})
    }
