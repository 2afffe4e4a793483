"""The night's page: taking, handing in, putting away and counting by scan, also without a network.

The page itself knows nobody and holds no data, so that a phone may keep it; who is signed in, and for which stores, it asks
when there is a network (`/scan/ready`). What was scanned waits in the phone until the service has answered.
"""

import hashlib
import re
from typing import Literal

import msgspec
from litestar import Request, Response, get
from litestar.template.base import csrf_token
from msgspec import Struct

from api.pages.labels import LABELS
from api.pages.rendering import STATIC, Page, asset, gettext_of, language_of
from inventory.places import places

FILES = (
    "app.css",
    "app.js",
    "night.js",
    "scan.js",
    "icon.svg",
    "icons.svg",
    "vendor/tabler/tabler.min.css",
    "vendor/htmx/htmx.min.js",
    "vendor/zxing/zxing.min.js",
)
"""What the page needs to stand on its own."""


class Field(Struct, frozen=True, kw_only=True):
    """One thing an act asks for; `kind` says how it is asked and sent, `wants` what of a label scanned into it is meant."""

    name: str
    words: str
    kind: Literal["text", "store", "number", "list", "path"] = "text"
    wants: Literal["", "piece", "serial", "part", "bin", "count"] = ""
    required: bool = False


class Kind(Struct, frozen=True, kw_only=True):
    """An act that may wait for the network: where it is sent, and under which names its id and its time travel."""

    name: str
    words: str
    url: str
    fields: list[Field]
    id_field: str = ""
    time_field: str = ""


class Ready(Struct, frozen=True, kw_only=True):
    """Who is signed in, the token that proves a request is ours, and the stores it may be about."""

    name: str | None
    csrf: str
    stores: list[tuple[str, str]]


def kinds(request: Request) -> list[Kind]:
    """The acts whose routes this service has."""
    _ = gettext_of(request)
    depot = Field(name="depot", words=_("Store"), kind="store", required=True)
    count = Field(name="quantity", words=_("Quantity"), kind="number")
    known = [
        Kind(
            name="take",
            words=_("Take"),
            url="/api/v1/provisional-issues",
            fields=[
                depot,
                Field(name="code", words=_("Serial, tag or part number"), wants="piece", required=True),
                count,
                Field(name="purpose", words=_("For whom, and where")),
                Field(name="reason", words=_("Why without paper")),
            ],
            id_field="client_id",
            time_field="taken_at",
        ),
        Kind(
            name="hand_in",
            words=_("Hand in"),
            url="/api/v1/hand-ins",
            fields=[
                depot,
                Field(name="serial", words=_("Serial"), wants="serial"),
                Field(name="what", words=_("Part number, or what it looks like"), wants="part"),
                Field(name="note", words=_("Note")),
            ],
        ),
        Kind(
            name="put_away",
            words=_("Put away"),
            url="/api/v1/put-aways",
            fields=[
                depot,
                Field(name="part_number", words=_("Part number"), wants="part", required=True),
                Field(name="to_bin", words=_("Into bin"), wants="bin", required=True),
                Field(name="from_bin", words=_("From bin"), wants="bin"),
                Field(name="quantity", words=_("Quantity, without serials"), kind="number"),
                Field(name="serials", words=_("Serials"), kind="list", wants="serial"),
            ],
        ),
        Kind(
            name="count",
            words=_("Count stock"),
            url="/api/v1/counts/{count}/scans",
            fields=[
                Field(name="count", words=_("Count sheet's number (CT-…)"), kind="path", wants="count", required=True),
                Field(name="part_number", words=_("Part number"), wants="part", required=True),
                Field(name="bin", words=_("Bin"), wants="bin"),
                Field(name="quantity", words=_("Quantity, without serials"), kind="number"),
                Field(name="serials", words=_("Serials"), kind="list", wants="serial"),
            ],
            id_field="id",
            time_field="counted_at",
        ),
    ]
    there = {_shape(route.path) for route in request.app.routes}
    return [kind for kind in known if _shape(kind.url) in there]


def _shape(path: str) -> str:
    """A path with its parameters unnamed.

    >>> _shape("/counts/{count_id:uuid}/scans") == _shape("/counts/{count}/scans")
    True
    """
    return re.sub(r"\{[^}]*\}", "{}", path)


@get("/scan")
async def show_scan(request: Request) -> Page:
    """Show the page, to whomever: it knows nobody."""
    language = language_of(request)
    conflicts = {value: words[language == "zh"] for value, words in LABELS["conflict"].items()}
    return Page("scan.html", kinds=kinds(request), config={"kinds": kinds(request), "conflicts": conflicts})


@get("/scan/ready")
async def ready(request: Request) -> Response[Ready]:
    """Tell the page who is signed in; this is never kept."""
    actor = request.user
    stores = await places.stores(limit=200, seen_by=actor) if actor is not None and actor.may("places.read") else []
    told = Ready(
        name=actor.name if actor is not None else None,
        csrf=csrf_token({"request": request}),
        stores=[(store.code, store.name_zh if language_of(request) == "zh" else store.name_en) for store in stores],
    )
    return Response(told, headers={"Cache-Control": "no-store"})


@get("/manifest.webmanifest", sync_to_thread=False)
def manifest() -> Response[bytes]:
    """What the phone calls the page once it is kept on its screen."""
    words = {
        "name": "Beijian 备件",
        "short_name": "备件",
        "id": "/scan",
        "start_url": "/scan",
        "scope": "/",
        "display": "standalone",
        "background_color": "#0d2137",
        "theme_color": "#0d2137",
        "icons": [{"src": asset("icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }
    return Response(msgspec.json.encode(words), media_type="application/manifest+json")


@get("/service-worker.js", sync_to_thread=False)
def service_worker() -> Response[bytes]:
    """The program that keeps the page in the phone; a new version of any file makes a new one of it."""
    files = [asset(path) for path in FILES]
    program = (STATIC / "service-worker.js").read_text(encoding="utf-8")
    version = hashlib.sha256(f"{files}{program}".encode()).hexdigest()[:12]
    head = f'const VERSION = "beijian-{version}";\nconst FILES = {msgspec.json.encode(files).decode()};\n'
    return Response(
        (head + program).encode(), media_type="text/javascript; charset=utf-8", headers={"Cache-Control": "no-cache"}
    )


handlers = [show_scan, ready, manifest, service_worker]
