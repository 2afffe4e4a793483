"""Contracts' parts statements over HTTP, and the links by which customers read them."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.problems import refusals
from api.shared import path_of
from inventory.assurance import shared_links, statements


class NewLink(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Until when a link works, and for whom it is."""

    expires_at: Instant
    remark: Annotated[str, Meta(max_length=2000)] = ""


class Revoked(Struct, frozen=True):
    """A link that works no more."""

    id: UUID


class SharedLink(shared_links.LinkView, frozen=True, kw_only=True):
    """A link; its path is shown once, at its making."""

    path: str | None = None


class StatementController(Controller):
    """What is kept for a contract, and where."""

    path = "/contracts"
    tags = ("statements",)

    @get(
        "/{code:str}/statement",
        operation_id="GetPartsStatement",
        guards=[requires("stock.read")],
        responses=refusals(404),
    )
    async def get_statement(self, request: ApiRequest, code: FromPath[str]) -> statements.Statement:
        """Show a contract's stores, parts, quantities, bins and travel times."""
        return await statements.statement(code, seen_by=request.user)

    @get(
        "/{code:str}/statement/links",
        operation_id="ListStatementLinks",
        guards=[requires("statements.share")],
        responses=refusals(404),
    )
    async def list_links(
        self, request: ApiRequest, code: FromPath[str], cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[shared_links.LinkView]]:
        """List a contract's links, newest first."""
        found = await shared_links.links(code, limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID))
        return page(request, found, limit, lambda link: link.id)

    @post(
        "/{code:str}/statement/links",
        operation_id="ShareStatement",
        guards=[requires("statements.share")],
        responses=refusals(404, 409),
    )
    async def share(
        self, request: ApiRequest, code: FromPath[str], data: JSONBody[NewLink], idempotency_key: Key = None
    ) -> Response[SharedLink]:
        """Make a read-only link to a contract's statement; its path is shown once."""

        async def act() -> SharedLink:
            made = await shared_links.share(code, by=request.user, expires_at=data.expires_at, remark=data.remark)
            secret = request.app.state["settings"].secret
            return msgspec.convert(
                msgspec.structs.asdict(made) | {"token": None, "path": path_of(made.token or "", secret)}, SharedLink
            )

        return await once(request, idempotency_key, act, status=201)

    @post(
        "/statement-links/{link_id:uuid}/revoke",
        operation_id="RevokeStatementLink",
        status_code=200,
        guards=[requires("statements.share")],
        responses=refusals(404),
    )
    async def revoke(
        self, request: ApiRequest, link_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[Revoked]:
        """End a link at once."""

        async def act() -> Revoked:
            await shared_links.revoke(link_id, by=request.user)
            return Revoked(link_id)

        return await once(request, idempotency_key, act)
