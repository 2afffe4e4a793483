"""Checking: who changed what, and whether the books are right."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import QueryParameter

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.exchange.headings import heading
from api.pages.forms import moment
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page
from inventory.assurance import invariants
from inventory.ground import audit, clock
from inventory.master_data.records import KINDS

Text = Annotated[str | None, QueryParameter(max_length=200)]


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
    fields = {field.name: field for kind in KINDS.values() for field in kind.fields}
    return Page(
        "checking/audit.html",
        fields=fields,
        heading=heading,
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
