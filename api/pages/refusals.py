"""What pages say when something is refused: an alert beside the form that asked, or a page of its own."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException
from litestar.response import Redirect

from api.exchange.headings import heading
from api.languages import Language
from api.pages.forms import local
from api.pages.labels import label
from api.pages.rendering import Page, language_of
from api.problems import FieldError, Unparsable, crash_response, http_response, status_of
from inventory.ground.errors import DoesNotFit, InventoryError, NotGranted, WrongState

Handler = Callable[[Request[Any, Any, Any], Any], Response[Any]]

_STATES_OF = {
    "Part request": "request_state",
    "Line": "request_state",
    "Purchase order": "order_state",
    "Transfer": "transfer_state",
    "Pick list": "pick_list_state",
    "Pick": "pick_state",
    "Shipment": "shipment_state",
    "Provisional issue": "provisional_state",
    "Count": "count_state",
    "Advance shipping notice": "notice_state",
    "Case": "case_state",
    "Plan": "plan_state",
    "Job": "job_state",
    "Import": "import_state",
    "Attachment": "attachment_state",
    "Store": "service_state",
}
"""Which enumeration the states in a refusal belong to."""


def told_by(page: Handler, api: Handler) -> Handler:
    """Answer people by `page` and systems by `api`."""

    def handle(request: Request[Any, Any, Any], error: Any) -> Response[Any]:
        return (page if is_for_people(request) else api)(request, error)

    return handle


def is_for_people(request: Request[Any, Any, Any]) -> bool:
    """Whether a page was asked for: by its route, or where there is none, by what the caller accepts."""
    route = request.scope.get("route_handler")
    wants_page = "text/html" in request.headers.get("accept", "")
    if route is not None:
        return bool(route.opt.get("page")) or (bool(route.opt.get("paper")) and wants_page)
    return not request.url.path.startswith("/api/") and wants_page


def refusal_page(request: Request[Any, Any, Any], refusal: InventoryError) -> Response[Any]:
    """Say what the domain refused and what would help."""
    language = language_of(request)
    return _told(
        request,
        status_of(refusal),
        sentence_of(refusal, language),
        refusal.advice(language),
        elsewhere=refusal.facts.get("elsewhere", []),
        fields=[field.zh if language == "zh" else field.en for field in refusal.fields],
    )


def sentence_of(refusal: InventoryError, language: Language) -> str:
    """A refusal's sentence with the words of the screen in place of the domain's own."""
    facts = dict(refusal.facts)
    if isinstance(refusal, WrongState) and facts.get("what") in _STATES_OF:
        kind = _STATES_OF[str(facts["what"])]
        for fact in ("state", "needed"):
            facts[fact] = " / ".join(label(kind, state, language) for state in str(facts[fact]).split(" / "))
    if isinstance(refusal, NotGranted):
        facts["right"] = label("right", str(facts["right"]), language)
    return type(refusal)(fields=refusal.fields, **facts).sentence(language)


def http_page(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Say what the framework refused; whoever is not signed in is asked to."""
    if isinstance(error, NotAuthorizedException):
        return _to_sign_in(request)
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return crash_page(request, error)
    problem = http_response(request, error).content
    fields = [told_of(field, language_of(request)) for field in problem.errors]
    status = 422 if isinstance(error, ValidationException) else error.status_code
    return _told(request, status, None, "", fields=fields)


_MISSING = re.compile(r"(?:Object missing required field `|缺少必填字段 )(\w+)`?")


def told_of(field: FieldError, language: Language) -> str:
    """What is wrong with a field of a form, by the name that people know it under.

    >>> told_of(FieldError("/", "invalid", "缺少必填字段 quantity"), "zh")
    '请填写“数量”。'
    >>> told_of(FieldError("/due_at", "invalid", "Expected `str` of length <= 200"), "en")
    '“Due at”: Expected `str` of length <= 200'
    """
    missing = _MISSING.fullmatch(field.message)
    if missing is not None:
        name = heading(missing[1], language)
        return f"请填写“{name}”。" if language == "zh" else f"Fill in “{name}”."
    named = [step for step in field.pointer.split("/") if step and not step.isdigit()]
    if not named:
        return field.message
    name = heading(named[-1], language)
    return f"“{name}”：{field.message}" if language == "zh" else f"“{name}”: {field.message}"


def unparsable_page(request: Request[Any, Any, Any], error: Unparsable) -> Response[Any]:
    """Say that an address or a form cannot be read."""
    return _told(request, 400, error.zh if language_of(request) == "zh" else error.en, "")


def undecodable_page(request: Request[Any, Any, Any], _: UnicodeDecodeError) -> Response[Any]:
    """Say that a form is no text."""
    return _told(request, 400, None, "")


def overflow_page(request: Request[Any, Any, Any], _: OverflowError) -> Response[Any]:
    """Say that a time or number is beyond all reckoning."""
    return refusal_page(request, DoesNotFit())


def crash_page(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Say that the service failed; the log has the rest."""
    problem = crash_response(request, error).content
    return _told(request, 500, None, "", request_id=problem.request_id)


def _told(
    request: Request[Any, Any, Any], status: int, sentence: str | None, advice: str, **more: Any
) -> Response[Any]:
    facts = {"elsewhere": [], "fields": [], "request_id": None} | more
    context = {"status": status, "sentence": sentence, "advice": advice, **facts}
    if request.headers.get("hx-request") != "true":
        return Page("refused.html", status_code=status, **context)
    if request.headers.get("hx-target") == "live":  # a page that is being watched stays as it is
        return Response("", status_code=status, headers={"HX-Reswap": "none"}, media_type="text/html")
    if request.method == "GET":  # a piece of a page says it in its own place
        return Page("refusal.html", headers={"HX-Reswap": "innerHTML", "HX-Reselect": ".refusal"}, **context)
    beside_the_form = {
        "HX-Retarget": "find .refusal-slot",
        "HX-Reswap": "innerHTML show:top",
        "HX-Reselect": ".refusal",
        "HX-Replace-Url": "false",
    }
    return Page("refusal.html", status_code=status, headers=beside_the_form, **context)


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    """Ask to sign in, and come back afterwards."""
    if request.headers.get("hx-request") == "true":
        address = f"/sign-in?next={quote(local(request.headers.get('hx-current-url', '/')))}"
        return Response("", status_code=401, headers={"HX-Redirect": address}, media_type="text/html")
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Redirect(f"/sign-in?next={quote(wanted if request.method == 'GET' else '/')}", status_code=303)
