"""Refusals as problem+json (RFC 9457): the only place where HTTP status meets the domain."""

import re
import traceback
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import ClientException, HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from api.languages import Language, in_language, preferred
from inventory.assurance.shared_links import OpenedTooOften
from inventory.ground import context
from inventory.ground.errors import Busy, DoesNotFit, Forbidden, Invalid, InventoryError, Refused, Unknown
from inventory.master_data.refusals import Outdated
from inventory.people.persons import TooManyAttempts

MEDIA_TYPE = "application/problem+json"

STATUS_OF: dict[type[InventoryError], int] = {
    Unknown: HTTPStatus.NOT_FOUND,
    Refused: HTTPStatus.CONFLICT,
    Outdated: HTTPStatus.PRECONDITION_FAILED,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Forbidden: HTTPStatus.FORBIDDEN,
    TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    OpenedTooOften: HTTPStatus.TOO_MANY_REQUESTS,
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


class _Words(Struct, frozen=True):
    """A refusal of the framework: its code, the sentence and the advice, in English and Chinese."""

    code: str
    sentence: dict[Language, str]
    advice: dict[Language, str]


def _words(code: str, en: str, zh: str, help_en: str, help_zh: str) -> _Words:
    return _Words(code, {"en": en, "zh": zh}, {"en": help_en, "zh": help_zh})


_INVALID = _words(
    "invalid_input",
    "The input is not valid: {}.",
    "输入无效：{}。",
    "Correct the fields named under `errors`; /docs describes every field.",
    "请更正 errors 中所列字段；字段说明见 /docs。",
)

_HTTP_CODES: dict[int, _Words] = {
    400: _words(
        "unparsable",
        "The request cannot be parsed.",
        "无法解析该请求。",
        "Send one JSON document in UTF-8, in the form that /docs describes.",
        "请按 /docs 的说明提交 UTF-8 编码的 JSON。",
    ),
    401: _words(
        "not_authenticated",
        "Nobody is signed in, or the API key is not valid.",
        "尚未登录，或接口密钥无效。",
        "Sign in, or send a valid key as `Authorization: Bearer …`; an administrator makes keys.",
        "请登录，或以 Authorization: Bearer … 提供有效密钥；密钥由管理员生成。",
    ),
    403: _words(
        "forbidden",
        "You may not do this.",
        "您无权执行此操作。",
        "Ask an administrator for the role this needs.",
        "请联系管理员分配所需角色。",
    ),
    404: _words(
        "not_found",
        "There is nothing at this address.",
        "该地址不存在。",
        "/docs lists every address.",
        "所有地址见 /docs。",
    ),
    405: _words(
        "method_not_allowed",
        "This address does not take that method.",
        "该地址不支持此方法。",
        "/docs lists the methods of every address.",
        "各地址支持的方法见 /docs。",
    ),
    406: _words(
        "not_acceptable",
        "The answer has no form that you accept.",
        "无法按要求的格式应答。",
        "Accept application/json.",
        "请接受 application/json 格式。",
    ),
    413: _words(
        "too_large",
        "The request is too large.",
        "请求内容过大。",
        "Send it in several smaller requests.",
        "请拆分为多个较小的请求。",
    ),
    415: _words(
        "unsupported_media_type",
        "The body has a form that is not understood here.",
        "不支持该内容格式。",
        "Send it as application/json.",
        "请以 application/json 格式提交。",
    ),
    429: _words("too_many_requests", "Too many requests.", "请求过于频繁。", "Try again in a moment.", "请稍后重试。"),
}


def http_response(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """Answer what the framework refused: routes, methods, bodies, parameters, authentication."""
    language = language_of(request)
    if isinstance(error, ValidationException):
        errors = _field_errors(error, language)
        between, colon = ("；", "：") if language == "zh" else ("; ", ": ")
        named = between.join(f"{e.pointer}{colon}{e.message}" if e.pointer else e.message for e in errors)
        sentence = _INVALID.sentence[language].format(named)
        return _response(_problem(422, _INVALID.code, sentence, errors=errors, advice=_INVALID.advice[language]))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return crash_response(request, error)
    words = _HTTP_CODES.get(error.status_code) or _words("refused", str(error.detail), "请求被拒绝。", "", "")
    headers = (
        {"WWW-Authenticate": "Bearer"} if error.status_code == HTTPStatus.UNAUTHORIZED else dict(error.headers or {})
    )
    detail = words.sentence[language]
    if error.status_code == HTTPStatus.BAD_REQUEST and error.detail:
        told = in_language(str(error.detail), language)
        if language == "en":
            detail = f"{detail} ({told})"
        elif told != error.detail:
            detail = f"{detail.removesuffix('。')}：{told}。"
    return _response(_problem(error.status_code, words.code, detail, advice=words.advice[language]), headers)


_NO_BODY = "'data'"
"""What the framework says of a route's body where none was sent."""


def _field_errors(error: ValidationException, language: Language) -> list[FieldError]:
    """What is wrong, field by field; a parameter that is missing the framework tells in its detail only."""
    if not isinstance(error.extra, list):
        complaint, _, _ = str(error.detail).partition(" for path ")
        named = _MISSING_PARAMETER.fullmatch(complaint)
        return [FieldError(named[1] if named else "", "invalid", in_language(complaint, language))]
    return [
        FieldError(
            pointer=_pointer(str(item.get("key", "")), str(item.get("source", "")), str(item.get("message", ""))),
            code="invalid",
            message=in_language(_complaint(str(item.get("message", ""))), language),
        )
        for item in error.extra
        if isinstance(item, dict)
    ]


def _complaint(message: str) -> str:
    return "The body is missing" if message == _NO_BODY else message


_MISSING_PARAMETER = re.compile(r"Missing required \w+ parameter '(.+)'")

_NAMED_FIELD = re.compile(r"(?:unknown|required|in) field `([^`]+)`")


def _pointer(key: str, source: str, message: str) -> str:
    """A field of a body as a JSON pointer; a parameter by its name.

    >>> _pointer("lines[0].quantity", "body", "Expected `int` >= 1")
    '/lines/0/quantity'
    >>> _pointer("targets[...]", "body", "Expected `float` <= 1.0")  # which of a map's values is not told
    '/targets'
    >>> _pointer("data", "body", "Object contains unknown field `surprise`")
    '/surprise'
    >>> _pointer("lines[0]", "body", "Object missing required field `quantity`")
    '/lines/0/quantity'
    >>> _pointer("data", "body", "Expected `decimal` from 0 to 9 in field `limit_cny`")
    '/limit_cny'
    >>> _pointer("limit", "query", "Expected `int` <= 200")
    'limit'
    """
    if source != "body":
        return key
    steps = [] if key == "data" else key.replace("[...]", "").replace("[", ".").replace("]", "").split(".")
    named = _NAMED_FIELD.search(message)
    return "".join(f"/{step}" for step in [*steps, *(named.groups() if named else ())])


def undecodable_response(request: Request[Any, Any, Any], _: UnicodeDecodeError) -> Response[Problem]:
    """Answer a body that is no UTF-8; everything else that reads bytes looks after their encoding itself."""
    return http_response(request, ClientException())


def overflow_response(request: Request[Any, Any, Any], _: OverflowError) -> Response[Problem]:
    """Answer a time or number with which nothing can be reckoned: no calendar goes beyond the year 9999."""
    return refusal_response(request, DoesNotFit())


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
