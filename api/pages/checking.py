"""Checking: who changed what, and whether the books are right."""

import re
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import get, post
from litestar.params import QueryParameter

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.exchange.headings import heading
from api.languages import Language
from api.pages.formats import minute
from api.pages.forms import moment
from api.pages.labels import label
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page
from inventory.assurance import invariants
from inventory.ground import audit, clock
from inventory.master_data.records import KINDS

Text = Annotated[str | None, QueryParameter(max_length=200)]

FIELDS = {field.name: field for kind in KINDS.values() for field in kind.fields}

WORDS = {
    ("", "basis"): "approval_basis",
    ("", "condition"): "condition",
    ("", "mode"): "mode",
    ("", "pool"): "pool",
    ("", "role"): "role",
    ("data_import", "kind"): "import_kind",
    ("movement", "kind"): "movement_kind",
    ("part_request", "reasons"): "approval_rule",
}
"""What the values of a change are called that have labels, by what the entry is about (“”: whatever) and the field."""


def said(value: Any, key: str, subject_kind: str, language: Language) -> Any:
    """A value of a change in words: what has a label by it, an instant by Shanghai's clock, anything else as it is.

    >>> said("own_car", "mode", "shipment", "zh"), said("2026-11-21T06:05:00+00:00", "valid_until", "part_request", "en")
    ('自有车辆', '2026-11-21 14:05')
    """
    if isinstance(value, list):
        return [said(each, key, subject_kind, language) for each in value]
    if not isinstance(value, str):
        return value
    labelled = WORDS.get((subject_kind, key)) or WORDS.get(("", key))
    if labelled is not None:
        return label(labelled, value, language)
    chosen = FIELDS[key].choices.get(value) if key in FIELDS else None
    if chosen is not None:
        return chosen[language == "zh"]
    if _INSTANT.match(value):
        with suppress(ValueError):
            return minute(datetime.fromisoformat(value))
    return value


_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


@get("/audit", guards=[requires("audit.read")])
async def list_changes(
    subject: Text = None,
    actor: Text = None,
    action: Text = None,
    since: Annotated[str | None, QueryParameter(name="from", max_length=40)] = None,
    until: Annotated[str | None, QueryParameter(name="to", max_length=40)] = None,
    cursor: Cursor = None,
) -> Page:
    """List changes of what is not stock, latest first."""
    found = await audit.entries(
        limit=LENGTH + 1,
        subject=(subject or "").strip() or None,
        actor=(actor or "").strip() or None,
        action=(action or "").strip() or None,
        since=moment(since),
        until=moment(until, whole_day=True),
        before=decode_cursor(cursor, UUID),
    )
    shown, following = cut(found, lambda entry: entry.id)
    asked = {"subject": subject, "actor": actor, "action": action, "from": since, "to": until}
    return Page(
        "checking/audit.html",
        fields=FIELDS,
        heading=heading,
        said=said,
        entries=shown,
        cursor=following,
        asked=asked,
        first=not cursor,
    )


@get("/verify", guards=[requires("audit.read")])
async def show_checks() -> Page:
    """Show what can be checked."""
    return Page("checking/verify.html", checks=invariants.INVARIANTS, violations=None, checked_at=None)


@post("/verify", guards=[requires("audit.read")], status_code=200)
async def verify() -> Page:
    """Run every check of the books, and show what differs with the movements behind it."""
    found = await invariants.violations()
    return Page("checking/verify.html", checks=invariants.INVARIANTS, violations=found, checked_at=clock.now())


handlers = [list_changes, show_checks, verify]
