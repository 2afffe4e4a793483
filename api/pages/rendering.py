"""Rendering: the template engine, and what every page knows of its reader."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, override
from urllib.parse import quote, urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from litestar import Request
from litestar.config.csrf import CSRFConfig
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.response.base import ASGIResponse
from litestar.template import TemplateConfig
from markupsafe import Markup
from msgspec import UNSET

from api.languages import COOKIE, Language, preferred
from api.pages import formats, gauges, labels, navigation
from api.pages.translations import translations
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.people import messages
from inventory.places.names import PlaceName, known_names
from inventory.planning import sentences

PAGES = Path(__file__).parent.parent
TEMPLATES, STATIC = PAGES / "templates", PAGES / "static"

PageRequest = Request[Actor, Any, Any]
"""A request for a page, whose guard made sure somebody is signed in."""


def language_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Language:
    """The language of a page: the switch on the page, else Accept-Language, else Chinese."""
    chosen = connection.cookies.get(COOKIE)
    if chosen == "zh" or chosen == "en":  # noqa: PLR1714  a type checker follows the comparison, not the membership
        return chosen
    return preferred(connection.headers.get("accept-language"), default="zh")


async def look_around(request: Request[Any, Any, Any]) -> None:
    """Read once for a page what stores and vendors are called, and how many messages wait for its reader."""
    if request.user is not None:
        request.state.places = await known_names()
        request.state.unread = await messages.unread(request.user)


class Page(Template):
    """A page for its reader: in their language, with their menu; unchanged since they last asked, it is not sent again."""

    def __init__(
        self,
        template: str,
        *,
        status_code: int = 200,
        headers: dict[str, str] | None = None,
        cookies: list[Cookie] | None = None,
        **context: Any,
    ) -> None:
        super().__init__(
            template,
            context=context,
            status_code=status_code,
            headers=headers,
            cookies=cookies,
            media_type="text/html",
        )

    @override
    def create_template_context(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """What the page itself shows, and what every page knows."""
        actor: Actor | None = request.scope.get("user")
        menu = navigation.menu(actor)
        return {
            **super().create_template_context(request),
            "language": language_of(request),
            "now": clock.now(),
            "actor": actor,
            "menu": menu,
            "bar": navigation.bar(actor, menu),
            "closed_groups": request.cookies.get("beijian_menu", "").split("."),
            "path": request.url.path,
            "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "places": request.state.get("places", {}),
            "unread": request.state.get("unread", 0),
            "demo": request.app.state.get("demo", False),
        }

    @override
    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **more: Any) -> ASGIResponse:
        """Render; what the reader has already is answered 304, so that watching a page costs little."""
        answer = super().to_asgi_response(app, request, **more)
        tag = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
        answer.headers["ETag"] = tag
        if self.status_code == 200 and request.headers.get("if-none-match") == tag:
            return ASGIResponse(status_code=304, headers={"ETag": tag}, media_type="text/html")
        return answer


def engine() -> TemplateConfig[JinjaTemplateEngine]:
    """The template engine with everything that templates may call."""
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment()))


def environment() -> Environment:
    """Jinja with our languages, words and formats."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.policies["ext.i18n.trimmed"] = True
    made.install_gettext_callables(_gettext, _ngettext, newstyle=True)  # pyright: ignore[reportAttributeAccessIssue]
    made.filters |= {
        "money": formats.money,
        "number": formats.number,
        "share": formats.share,
        "gap": formats.gap,
        "size": formats.size,
        "signed": formats.signed,
        "exact": formats.exact_time,
        "local_minute": formats.local_minute,
        "minute": formats.minute,
        "weekday": pass_context(lambda c, value: formats.weekday(value, c["language"])),
        "instant": formats.instant_of,
        "clock": pass_context(lambda c, value: formats.clock_time(value, c["now"], c["language"])),
        "day": pass_context(lambda c, value: formats.calendar_day(value, c["language"], _today(c["now"]))),
        "days": pass_context(lambda c, first, last: formats.days(first, last, c["language"], _today(c["now"]))),
        "relative": pass_context(lambda c, value: formats.relative(value, c["now"], c["language"])),
        "span": pass_context(lambda c, value: formats.span(value, c["language"])),
        "hours": pass_context(lambda c, value: formats.hours(value, c["language"])),
        "told": pass_context(lambda c, told: sentences.chinese(told) if c["language"] == "zh" else told),
        "who": pass_context(lambda c, name, acts_for=None: labels.actor(name, c["language"], acts_for)),
        # a slash within a name is part of it
        "urlencode": lambda value: quote(str(value), safe=""),
        "json": lambda value: msgspec.json.encode(value).decode(),
    }
    made.globals |= {
        "label": pass_context(lambda c, kind, value: labels.label(kind, value, c["language"])),
        "labels": pass_context(lambda c, kind: _choices(kind, c["language"])),
        "tone": labels.tone,
        "name": pass_context(lambda c, thing, of="name": _name(thing, of, c["language"])),
        "store": pass_context(_store_name),
        "address": pass_context(_address),
        "exported": pass_context(_exported),
        "may": pass_context(lambda c, right: c["actor"] is not None and c["actor"].may(right)),
        "serves": pass_context(lambda c, depot: c["actor"] is not None and c["actor"].sees_depot(depot)),
        "from_to": formats.from_to,
        "gauge": gauges.gauge,
        "standing_of": gauges.standing_of,
        "asset": asset,
        "icon": icon,
        "UNSET": UNSET,
        "csrf_cookie": CSRFConfig.cookie_name,
        "ZONE": formats.ZONE_NAME,
    }
    return made


def _today(now: datetime) -> date:
    return now.astimezone(formats.ZONE).date()


@pass_context
def _gettext(context: Mapping[str, Any], message: str) -> str:
    return translations(context["language"]).gettext(message)


@pass_context
def _ngettext(context: Mapping[str, Any], one: str, many: str, count: int) -> str:
    return translations(context["language"]).ngettext(one, many, count)


def _choices(kind: str, language: Language) -> list[tuple[str, str]]:
    """An enumeration's values with their labels, for a menu."""
    return [(value, names[language == "zh"]) for value, names in labels.LABELS[kind].items()]


def _name(thing: Any, of: str, language: Language) -> str:
    """What something with a Chinese and an English name (`name_zh`, `vendor_en`) is called."""
    key = f"{of}_{language}"
    return str(thing[key] if isinstance(thing, Mapping) else getattr(thing, key))


def _store_name(context: Mapping[str, Any], code: str) -> str:
    """What a store, a site or a vendor's place is called, or a fixed place outside."""
    place: PlaceName | None = context["places"].get(code)
    if place is None:
        return labels.label("place", code, context["language"])
    return _name(place, "name", context["language"])


def _address(context: Mapping[str, Any], **changes: str | None) -> str:
    """This page's address with some parameters changed (None takes one away), at the first page of its list."""
    query = {**context["request"].query_params, "cursor": None, **changes}
    kept = urlencode({key: value for key, value in query.items() if value})
    return f"{context['path']}?{kept}" if kept else context["path"]


def _exported(context: Mapping[str, Any], name: str, changes: Mapping[str, str | None]) -> str:
    """The address of a list's export, with the filters of this page; days, say, are instants there."""
    query = {**context["request"].query_params, "cursor": None, **changes}
    kept = urlencode({key: value for key, value in query.items() if value})
    return f"/api/v1/{name}.csv" + (f"?{kept}" if kept else "")


@cache
def asset(path: str) -> str:
    """The address of a static file; it changes with the content, so that browsers may keep what they have."""
    content = (STATIC / path).read_bytes()
    return f"/static/{path}?v={hashlib.sha256(content).hexdigest()[:12]}"


def icon(name: str, classes: str = "") -> Markup:
    """A Tabler icon of the sprite; it says nothing of its own to a screen reader."""
    return Markup('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>').format(
        classes, asset("icons.svg"), name
    )


def gettext_of(request: Request[Any, Any, Any]) -> Callable[[str], str]:
    """What translates messages into the reader's language, for a page's own code to call `_`."""
    return translations(language_of(request)).gettext
