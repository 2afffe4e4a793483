"""The rest over HTTP: who am I, people, keys, events, the audit trail, checks of the books."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires, signed_in
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code
from inventory.assurance import invariants
from inventory.ground import audit, events
from inventory.people import accounts, keys, persons


class Me(Struct, frozen=True, kw_only=True):
    """Who calls."""

    name: str
    kind: str
    roles: list[str]
    rights: list[str]
    depots: list[str] | None
    contracts: list[str] | None
    vendor: str | None


class NewPerson(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who is to sign in."""

    username: Annotated[str, Meta(min_length=2, max_length=100, pattern=r"^[A-Za-z0-9._@-]+$")]
    name_zh: Code
    name_en: Code
    password: Annotated[str, Meta(min_length=10, max_length=200)]
    language: Annotated[str, Meta(pattern="^(zh|en)$")] = "zh"
    phone: Code | None = None
    email: Code | None = None


class NewGrant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to give, for one depot, contract or vendor, or everywhere."""

    role: Code
    depot: Code | None = None
    contract: Code | None = None
    vendor: Code | None = None


class NewPassword(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new password."""

    password: Annotated[str, Meta(max_length=200)]


class OwnPassword(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The present password and the new one."""

    old: Annotated[str, Meta(max_length=200)]
    new: Annotated[str, Meta(max_length=200)]


class OwnLanguage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The language one is written to in."""

    language: Literal["zh", "en"]


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to make: a person's own, which acts under that person's name, or a system's, which belongs to nobody."""

    name: Code
    role: Code
    person: Code | None = None
    depot: Code | None = None
    contract: Code | None = None
    vendor: Code | None = None
    expires_at: Instant | None = None


class Done(Struct, frozen=True):
    """It is done."""

    done: bool = True


class PlatformController(Controller):
    """People, systems, and what happened."""

    tags = ("platform",)

    @get("/me", operation_id="GetMe", guards=[signed_in], responses=refusals())
    async def me(self, request: ApiRequest) -> Me:
        """Show who calls, with rights and scopes."""
        actor = request.user
        return Me(
            name=actor.name,
            kind=actor.kind,
            roles=sorted(actor.roles),
            rights=sorted(actor.rights),
            depots=actor.depot_scope,
            contracts=actor.contract_scope,
            vendor=actor.vendor,
        )

    @get("/people", operation_id="ListPeople", guards=[requires("people.manage")], responses=refusals())
    async def list_people(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[persons.PersonView]]:
        """List people with their roles."""
        found = await persons.people(limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "")
        return page(request, found, limit, lambda person: person.username)

    @post("/people", operation_id="AddPerson", guards=[requires("people.manage")], responses=refusals(409))
    async def add_person(
        self, request: ApiRequest, data: JSONBody[NewPerson], idempotency_key: Key = None
    ) -> Response[Done]:
        """Add somebody who can sign in."""
        new = persons.NewPerson(
            username=data.username,
            name_zh=data.name_zh,
            name_en=data.name_en,
            password=data.password,
            language=data.language,
            phone=data.phone,
            email=data.email,
        )

        async def act() -> Done:
            await persons.add_person(new, by=request.user)
            return Done()

        return await once(request, idempotency_key, act, status=201)

    @post(
        "/people/{username:str}/roles",
        operation_id="GrantRole",
        guards=[requires("people.manage")],
        responses=refusals(404, 409),
    )
    async def grant(
        self, request: ApiRequest, username: FromPath[str], data: JSONBody[NewGrant], idempotency_key: Key = None
    ) -> Response[Done]:
        """Give somebody a role."""

        async def act() -> Done:
            await persons.grant_role(
                username, data.role, by=request.user, depot=data.depot, contract=data.contract, vendor=data.vendor
            )
            return Done()

        return await once(request, idempotency_key, act, status=201)

    @get(
        "/people/{username:str}",
        operation_id="GetPerson",
        guards=[requires("people.manage")],
        responses=refusals(404),
    )
    async def get_person(self, request: ApiRequest, username: FromPath[str]) -> accounts.Account:
        """Show somebody with their roles."""
        return await accounts.account(username, seen_by=request.user)

    @post(
        "/people/{username:str}/roles/{role_grant:int}/withdraw",
        operation_id="WithdrawRole",
        status_code=200,
        guards=[requires("people.manage")],
        responses=refusals(404),
    )
    async def withdraw_role(
        self, request: ApiRequest, username: FromPath[str], role_grant: FromPath[int], idempotency_key: Key = None
    ) -> Response[accounts.Account]:
        """Take a role back."""
        return await once(
            request, idempotency_key, lambda: accounts.withdraw_role(username, role_grant, by=request.user)
        )

    @post(
        "/people/{username:str}/deactivate",
        operation_id="DeactivatePerson",
        status_code=200,
        guards=[requires("people.manage")],
        responses=refusals(404, 409),
    )
    async def deactivate(
        self, request: ApiRequest, username: FromPath[str], idempotency_key: Key = None
    ) -> Response[accounts.Account]:
        """Shut somebody out at once."""
        return await once(
            request, idempotency_key, lambda: accounts.set_active(username, by=request.user, active=False)
        )

    @post(
        "/people/{username:str}/activate",
        operation_id="ActivatePerson",
        status_code=200,
        guards=[requires("people.manage")],
        responses=refusals(404, 409),
    )
    async def activate(
        self, request: ApiRequest, username: FromPath[str], idempotency_key: Key = None
    ) -> Response[accounts.Account]:
        """Let somebody in again."""
        return await once(request, idempotency_key, lambda: accounts.set_active(username, by=request.user, active=True))

    @post(
        "/people/{username:str}/password",
        operation_id="ResetPassword",
        status_code=200,
        guards=[requires("people.manage")],
        responses=refusals(404),
    )
    async def reset_password(
        self, request: ApiRequest, username: FromPath[str], data: JSONBody[NewPassword], idempotency_key: Key = None
    ) -> Response[accounts.Account]:
        """Give somebody a new password; their sessions end."""
        return await once(
            request, idempotency_key, lambda: accounts.reset_password(username, data.password, by=request.user)
        )

    @post("/me/password", operation_id="ChangeMyPassword", status_code=200, guards=[signed_in], responses=refusals(409))
    async def change_password(
        self, request: ApiRequest, data: JSONBody[OwnPassword], idempotency_key: Key = None
    ) -> Response[Done]:
        """Change one's own password; one's sessions end."""

        async def act() -> Done:
            await accounts.change_own_password(data.old, data.new, by=request.user)
            return Done()

        return await once(request, idempotency_key, act)

    @post("/me/language", operation_id="ChooseMyLanguage", status_code=200, guards=[signed_in], responses=refusals(409))
    async def choose_language(
        self, request: ApiRequest, data: JSONBody[OwnLanguage], idempotency_key: Key = None
    ) -> Response[accounts.Account]:
        """Choose one's own language."""
        return await once(request, idempotency_key, lambda: accounts.choose_language(data.language, by=request.user))

    @get("/api-keys", operation_id="ListKeys", guards=[requires("keys.manage")], responses=refusals())
    async def list_keys(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[keys.KeyView]]:
        """List systems' keys; their secrets are never shown again."""
        found = await keys.keys(limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID))
        return page(request, found, limit, lambda key: key.id)

    @post("/api-keys", operation_id="MakeKey", guards=[requires("keys.manage")], responses=refusals(404))
    async def make_key(self, request: ApiRequest, data: JSONBody[NewKey]) -> keys.KeyView:
        """Make a key; the answer is the only time its secret is shown, so it is not kept for replay."""
        return await keys.make_key(
            keys.NewKey(
                name=data.name,
                role=data.role,
                person=data.person,
                depot=data.depot,
                contract=data.contract,
                vendor=data.vendor,
                expires_at=data.expires_at,
            ),
            by=request.user,
        )

    @post(
        "/api-keys/{key_id:uuid}/revoke",
        operation_id="RevokeKey",
        status_code=200,
        guards=[requires("keys.manage")],
        responses=refusals(404),
    )
    async def revoke_key(
        self, request: ApiRequest, key_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[Done]:
        """End a key at once."""

        async def act() -> Done:
            await keys.revoke_key(key_id, by=request.user)
            return Done()

        return await once(request, idempotency_key, act)

    @get("/events", operation_id="ListEvents", guards=[requires("events.read")], responses=refusals())
    async def list_events(
        self,
        request: ApiRequest,
        after: Annotated[int, QueryParameter(ge=0, le=2**53, description="The last sequence you have seen")] = 0,
        limit: Limit = 100,
    ) -> list[events.EventView]:
        """Read the event stream from a place on; what is answered is final."""
        return await events.since(after, limit=limit, seen_by=request.user)

    @get("/audit", operation_id="ListAudit", guards=[requires("audit.read")], responses=refusals())
    async def list_audit(
        self,
        request: ApiRequest,
        subject: Annotated[str | None, QueryParameter(max_length=200)] = None,
        subject_kind: Annotated[str | None, QueryParameter(max_length=200)] = None,
        actor: Annotated[str | None, QueryParameter(max_length=200)] = None,
        action: Annotated[str | None, QueryParameter(max_length=200)] = None,
        since: Annotated[Instant | None, QueryParameter(name="from")] = None,
        until: Annotated[Instant | None, QueryParameter(name="to")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[audit.AuditView]]:
        """Read the audit trail, latest first."""
        found = await audit.entries(
            limit=limit + 1,
            subject=subject,
            subject_kind=subject_kind,
            actor=actor,
            action=action,
            since=since,
            until=until,
            before=decode_cursor(cursor, UUID),
        )
        return page(request, found, limit, lambda entry: entry.id)

    @get("/audit/violations", operation_id="VerifyBooks", guards=[requires("audit.read")], responses=refusals())
    async def verify(self) -> list[invariants.Violation]:
        """Run every check of the books; an empty list means they are right."""
        return await invariants.violations()
