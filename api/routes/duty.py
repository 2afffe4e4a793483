"""Duty over HTTP: the roster, the posts that must be held, contacts, who is on duty now, and sheets for holidays."""

from datetime import date
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires, signed_in
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.papers import duty_sheets as duty_papers
from api.problems import refusals
from api.routes.papers import PDF, as_pdf, printed
from api.routes.stock import Code, Instant
from inventory.assurance import duty_sheets
from inventory.ground import clock
from inventory.ground.errors import Invalid
from inventory.installed_base.holidays import Holiday
from inventory.people import contacts, duty, posts

ShiftReason = Annotated[str, Meta(min_length=1, max_length=2000)]
At = Annotated[Instant | None, QueryParameter(description="An instant; now where none is given")]


class WindowTooLong(Invalid):
    """A roster is looked at for at most {days} days at once."""

    zh = "一次最多查看 {days} 天的值班。"
    help_en = "Give times that lie closer together, the later one last."
    help_zh = "请缩短时间范围，并确保结束晚于开始。"


class NewShift(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shift; without a depot it is for all of them."""

    username: Code
    role: Code
    depot: Code | None = None
    starts_at: Instant
    ends_at: Instant


class NewShifts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shifts that are entered all or none."""

    shifts: Annotated[list[NewShift], Meta(min_length=1, max_length=1000)]


class EnteredShifts(Struct, frozen=True):
    """The ids of what was entered, in order."""

    ids: list[UUID]


class ShiftChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who has the shift now, or when it is; what is left out stays."""

    reason: ShiftReason
    username: Code | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None


class Withdrawal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: ShiftReason


class Swap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With which shift, and why."""

    other: UUID
    reason: ShiftReason


class PostOfDuty(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role that somebody must have at every hour, at a store or for all of them."""

    role: Code
    depot: Code | None = None


class Verification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The number under which somebody was reached; the one on record where none is given."""

    phone: Code | None = None


class Reaching(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How somebody is reached; what is left out is cleared."""

    phone: Code | None = None
    email: Code | None = None
    chat: contacts.Chat | None = None


class DutyController(Controller):
    """The duty roster."""

    tags = ("duty",)

    @get("/duty-shifts", operation_id="ListShifts", guards=[requires("roster.read")], responses=refusals(404))
    async def list_shifts(
        self,
        request: ApiRequest,
        *,
        since: At = None,
        until: At = None,
        depot: FromQuery[str | None] = None,
        role: FromQuery[str | None] = None,
        username: FromQuery[str | None] = None,
        withdrawn: FromQuery[bool] = False,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[duty.ShiftView]]:
        """List shifts by their start."""
        found = await duty.shifts(
            limit=limit + 1,
            seen_by=request.user,
            since=since,
            until=until,
            depot=depot,
            role=role,
            username=username,
            withdrawn=withdrawn,
            after=decode_cursor(cursor, tuple[Instant, UUID]),
        )
        return page(request, found, limit, lambda shift: (shift.starts_at, shift.id))

    @post("/duty-shifts", operation_id="EnterShifts", guards=[requires("roster.manage")], responses=refusals(404, 409))
    async def enter_shifts(
        self, request: ApiRequest, data: JSONBody[NewShifts], idempotency_key: Key = None
    ) -> Response[EnteredShifts]:
        """Enter shifts, all of them or none."""
        new = [
            duty.NewShift(
                username=shift.username,
                role=shift.role,
                depot=shift.depot,
                starts_at=shift.starts_at,
                ends_at=shift.ends_at,
            )
            for shift in data.shifts
        ]

        async def act() -> EnteredShifts:
            return EnteredShifts(await duty.enter_shifts(new, by=request.user))

        return await once(request, idempotency_key, act, status=201)

    @post(
        "/duty-shifts/{shift_id:uuid}/change",
        operation_id="ChangeShift",
        status_code=200,
        guards=[requires("roster.manage")],
        responses=refusals(404, 409),
    )
    async def change_shift(
        self, request: ApiRequest, shift_id: FromPath[UUID], data: JSONBody[ShiftChange], idempotency_key: Key = None
    ) -> Response[duty.ShiftView]:
        """Give a shift to somebody else, or other times."""
        return await once(
            request,
            idempotency_key,
            lambda: duty.change_shift(
                shift_id,
                by=request.user,
                reason=data.reason,
                username=data.username,
                starts_at=data.starts_at,
                ends_at=data.ends_at,
            ),
        )

    @post(
        "/duty-shifts/{shift_id:uuid}/withdraw",
        operation_id="WithdrawShift",
        status_code=200,
        guards=[requires("roster.manage")],
        responses=refusals(404, 409),
    )
    async def withdraw_shift(
        self, request: ApiRequest, shift_id: FromPath[UUID], data: JSONBody[Withdrawal], idempotency_key: Key = None
    ) -> Response[duty.ShiftView]:
        """Take a shift off the roster."""
        return await once(
            request, idempotency_key, lambda: duty.withdraw_shift(shift_id, by=request.user, reason=data.reason)
        )

    @post(
        "/duty-shifts/{shift_id:uuid}/swap",
        operation_id="SwapShifts",
        status_code=200,
        guards=[requires("roster.manage")],
        responses=refusals(404, 409),
    )
    async def swap_shifts(
        self, request: ApiRequest, shift_id: FromPath[UUID], data: JSONBody[Swap], idempotency_key: Key = None
    ) -> Response[list[duty.ShiftView]]:
        """Let two people take each other's shift."""
        return await once(
            request,
            idempotency_key,
            lambda: duty.swap_shifts(shift_id, data.other, by=request.user, reason=data.reason),
        )

    @get("/on-duty", operation_id="ShowOnDuty", guards=[requires("roster.read")], responses=refusals(404))
    async def on_duty(
        self,
        depot: FromQuery[str | None] = None,
        role: FromQuery[str | None] = None,
        at: At = None,
    ) -> list[duty.ShiftView]:
        """Show who is on duty, for a store or a role, now or at an instant."""
        return await duty.on_duty(limit=200, depot=depot, role=role, at=at)

    @get("/duty-posts", operation_id="ShowPosts", guards=[requires("roster.read")], responses=refusals())
    async def show_posts(self, request: ApiRequest) -> list[posts.Post]:
        """Show which roles somebody must have at every hour."""
        return await posts.posts(limit=1000, seen_by=request.user)

    @post("/duty-posts", operation_id="EnterPost", guards=[requires("roster.manage")], responses=refusals(404, 409))
    async def enter_post(
        self, request: ApiRequest, data: JSONBody[PostOfDuty], idempotency_key: Key = None
    ) -> Response[posts.Post]:
        """Say that somebody must have a role at every hour."""
        return await once(
            request, idempotency_key, lambda: posts.enter_post(data.role, data.depot, by=request.user), status=201
        )

    @post(
        "/duty-posts/withdraw",
        operation_id="WithdrawPost",
        status_code=200,
        guards=[requires("roster.manage")],
        responses=refusals(404),
    )
    async def withdraw_post(
        self, request: ApiRequest, data: JSONBody[PostOfDuty], idempotency_key: Key = None
    ) -> Response[posts.Post]:
        """Say that a role need not be held at every hour any more."""
        return await once(request, idempotency_key, lambda: posts.withdraw_post(data.role, data.depot, by=request.user))

    @get("/empty-shifts", operation_id="ShowEmptyShifts", guards=[requires("roster.read")], responses=refusals())
    async def empty_shifts(self, request: ApiRequest, since: At = None, until: At = None) -> list[posts.EmptyShift]:
        """Show when nobody holds which post; within the next day where no times are given."""
        begins = since or clock.now()
        ends = until or begins + posts.WATCHED
        if not begins < ends <= begins + duty.LONGEST:
            raise WindowTooLong(days=duty.LONGEST.days)
        return await posts.empty_shifts(begins, ends, seen_by=request.user)

    @get("/contacts", operation_id="ListContacts", guards=[requires("roster.read")], responses=refusals())
    async def list_contacts(
        self, request: ApiRequest, *, stale: FromQuery[bool] = False, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[contacts.Contact]]:
        """List our own people with phones and when each was last verified."""
        found = await contacts.contacts(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "", stale_only=stale
        )
        return page(request, found, limit, lambda each: each.username)

    @post(
        "/contacts/{username:str}",
        operation_id="ChangeContact",
        status_code=200,
        guards=[signed_in],
        responses=refusals(404),
    )
    async def change_contact(
        self, request: ApiRequest, username: FromPath[str], data: JSONBody[Reaching], idempotency_key: Key = None
    ) -> Response[contacts.Contact]:
        """Change how somebody is reached: one's own, or as a keeper of the roster."""
        return await once(
            request,
            idempotency_key,
            lambda: contacts.change_contact(
                username, by=request.user, phone=data.phone, email=data.email, chat=data.chat
            ),
        )

    @post(
        "/contacts/{username:str}/verify",
        operation_id="VerifyPhone",
        status_code=200,
        guards=[signed_in],
        responses=refusals(404, 409),
    )
    async def verify_phone(
        self, request: ApiRequest, username: FromPath[str], data: JSONBody[Verification], idempotency_key: Key = None
    ) -> Response[contacts.Contact]:
        """Say that somebody was reached under their phone."""
        return await once(
            request, idempotency_key, lambda: contacts.verify_phone(username, by=request.user, phone=data.phone)
        )

    @get("/holidays", operation_id="ShowHolidays", guards=[requires("roster.read")], responses=refusals())
    async def show_holidays(self) -> list[Holiday]:
        """Show the next holidays; provisional ones wait for their year's announcement."""
        return duty_sheets.holidays()

    @get("/duty-sheets", operation_id="ListDutySheets", guards=[requires("roster.read")], responses=refusals(404))
    async def list_duty_sheets(
        self, request: ApiRequest, holiday: FromQuery[date | None] = None, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[duty_sheets.DutySheetSummary]]:
        """List the contracts with whether their sheet for a holiday was checked; `holiday` is its first day."""
        found = await duty_sheets.duty_sheets(
            limit=limit + 1, seen_by=request.user, holiday=holiday, after=decode_cursor(cursor, str) or ""
        )
        return page(request, found, limit, lambda sheet: sheet.contract)

    @get(
        "/contracts/{code:str}/duty-sheet",
        operation_id="GetDutySheet",
        guards=[requires("roster.read")],
        responses=refusals(404),
    )
    async def get_duty_sheet(
        self, request: ApiRequest, code: FromPath[str], holiday: FromQuery[date | None] = None
    ) -> duty_sheets.DutySheetView:
        """Show a contract's duty sheet for a holiday, the next one where none is named."""
        return await duty_sheets.duty_sheet(code, seen_by=request.user, holiday=holiday)

    @get(
        "/contracts/{code:str}/papers/duty_sheet",
        operation_id="PrintDutySheet",
        guards=[requires("roster.read")],
        responses=printed(404),
        media_type=PDF,
    )
    async def print_duty_sheet(
        self, request: ApiRequest, code: FromPath[str], holiday: FromQuery[date | None] = None
    ) -> Response[bytes]:
        """Print a contract's duty sheet."""
        sheet = await duty_sheets.duty_sheet(code, seen_by=request.user, holiday=holiday)
        return await as_pdf(await duty_papers.of_sheet(sheet, by=request.user))

    @post(
        "/contracts/{code:str}/duty-sheet/check",
        operation_id="CheckDutySheet",
        status_code=200,
        guards=[requires("roster.manage")],
        responses=refusals(404),
    )
    async def check_duty_sheet(
        self,
        request: ApiRequest,
        code: FromPath[str],
        holiday: FromQuery[date | None] = None,
        idempotency_key: Key = None,
    ) -> Response[duty_sheets.DutySheetView]:
        """Say that a duty sheet was checked."""
        return await once(
            request, idempotency_key, lambda: duty_sheets.check_sheet(code, by=request.user, holiday=holiday)
        )
