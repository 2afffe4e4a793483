"""Counting: sheets, a page per bin made for a phone and a scanner, differences with what led to them, and posting."""

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote
from uuid import UUID, uuid4

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires, requires_any
from api.answers import Cursor, decode_cursor
from api.instants import Instant
from api.pages.attachments import attached
from api.pages.forms import Long, Reason, Several, Short, quantity, rows, several, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.ground import clock
from inventory.places import bins, places
from inventory.stock.counting import abc, accuracy, closing, policy, scans, sheets
from inventory.stock.moves import GOOD
from inventory.stock.pools import COMMON


class NewCount(Struct, kw_only=True):
    """What is to be counted."""

    depot: Short
    kind: sheets.Kind
    part_number: Short = ""
    bin: Short = ""
    bins_to_draw: Short = ""
    seed: Short = ""


class Observed(Struct, kw_only=True):
    """What was found in a bin, line by line; a line that says nothing is not counted yet."""

    scan_id: Annotated[str, Meta(min_length=1, max_length=100)]
    began_at: Instant
    counted_at: Instant | None = None
    bin: Short = ""
    part_number: Several
    condition: Several
    owner: Several
    pool: Several
    quantity: Several
    serials: Several
    by_serial: Several
    none: Several = []
    more_part: Short = ""
    more_quantity: Short = ""
    more_serials: Long = ""

    def found(self) -> Iterator[scans.NewScan]:
        """What was counted, as the domain takes it."""
        columns = (self.part_number, self.condition, self.owner, self.pool, self.quantity, self.serials, self.by_serial)
        nothing = set(several(self.none))
        for place, row in enumerate(rows(*columns)):
            part, condition, owner, pool, count, serials, by_serial = row
            if by_serial and (words(serials) or str(place) in nothing):
                yield self._scan(str(place), part, condition, owner, pool, serials=words(serials))
            elif not by_serial and count.strip():
                yield self._scan(str(place), part, condition, owner, pool, quantity=quantity(count, least=0))
        if self.more_part.strip():
            serials = words(self.more_serials)
            yield self._scan(
                "more",
                self.more_part.strip(),
                GOOD,
                None,
                COMMON,
                quantity=None if serials else quantity(self.more_quantity or "1"),
                serials=serials or None,
            )

    def _scan(
        self,
        name: str,
        part: str,
        condition: str,
        owner: str | None,
        pool: str,
        *,
        quantity: int | None = None,
        serials: list[str] | None = None,
    ) -> scans.NewScan:
        return scans.NewScan(
            id=f"{self.scan_id}/{name}",
            part_number=part,
            bin=self.bin or None,
            condition=condition,
            owner=owner,
            pool=pool,
            quantity=quantity,
            serials=serials,
            began_at=self.began_at,
            counted_at=self.counted_at or clock.now(),
        )


@get("/counts", guards=[requires("stock.read")])
async def list_counts(
    request: PageRequest,
    in_state: Annotated[sheets.State | None, QueryParameter(name="state")] = None,
    depot: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List counts, newest first, with how right the books were."""
    found = await sheets.counts(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        depot=depot or None,
    )
    shown, following = cut(found, lambda sheet: sheet.id)
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page(
        "counts/list.html",
        counts=shown,
        cursor=following,
        first=not cursor,
        state=in_state,
        stores=stores,
        depot=depot,
        accuracy=await accuracy.accuracy(limit=12, seen_by=request.user, depot=depot or None),
        due=await abc.due(depot, limit=10, seen_by=request.user) if depot else None,
    )


@post("/counts", guards=[requires_any("stock.count", "counts.surprise")], status_code=303)
async def draw_up(request: PageRequest, data: URLEncodedBody[NewCount]) -> Redirect:
    """Draw up a sheet."""
    sheet = await sheets.draw_up(
        data.depot,
        data.kind,
        by=request.user,
        part_number=data.part_number.strip() or None,
        bin_code=data.bin.strip() or None,
        bins_to_draw=quantity(data.bins_to_draw or "10"),
        seed=data.seed.strip() or None,
    )
    return Redirect(f"/counts/{sheet.id}", status_code=303)


@get("/counts/{count_id:uuid}", guards=[requires("stock.read")])
async def show_count(request: PageRequest, count_id: FromPath[UUID]) -> Page:
    """Show a count: its bins, and what differs."""
    sheet = await sheets.count(count_id, seen_by=request.user)
    return Page(
        "counts/detail.html",
        sheet=sheet,
        bins=await sheets.bins_to_count(count_id),
        differences=await closing.differences(count_id, seen_by=request.user),
        limit=(await policy.in_force()).policy.four_eyes_above_cny,
        files=await attached(request, "count", count_id),
    )


@get("/counts/{count_id:uuid}/bin", guards=[requires("stock.read")])
async def show_bin(
    request: PageRequest, count_id: FromPath[UUID], bin_code: Annotated[str, QueryParameter(name="bin")] = ""
) -> Page:
    """Show one bin to be counted; what the books say is shown of counted lines only."""
    sheet = await sheets.count(count_id, seen_by=request.user)
    if bin_code:
        await bins.find((await places.find_store(sheet.depot)).id, bin_code)
    return Page(
        "counts/bin.html",
        sheet=sheet,
        bin=bin_code,
        bins=await sheets.bins_to_count(count_id),
        lines=await closing.lines(count_id, seen_by=request.user, bin_code=bin_code or None, only_bin=True),
        scan_id=uuid4().hex,
        began_at=clock.now(),
    )


@post("/counts/{count_id:uuid}/bin", guards=[requires("stock.count")], status_code=303)
async def record(request: PageRequest, count_id: FromPath[UUID], data: URLEncodedBody[Observed]) -> Redirect:
    """Record what was found in a bin, and go on to the next one that is not counted."""
    await scans.record(count_id, list(data.found()), by=request.user)
    walked = await sheets.bins_to_count(count_id)
    following = [each for each in walked if each.lines_counted < each.lines]
    if not following:
        return Redirect(f"/counts/{count_id}", status_code=303)
    here = next((place for place, each in enumerate(walked) if (each.bin or "") == data.bin), -1)
    ahead = [each for each in following if walked.index(each) > here]
    target = (ahead or following)[0].bin or ""
    return Redirect(f"/counts/{count_id}/bin?bin={quote(target)}", status_code=303)


@post("/counts/{count_id:uuid}/lines/{line_id:uuid}/explain", guards=[requires("stock.count")], status_code=303)
async def explain(
    request: PageRequest, count_id: FromPath[UUID], line_id: FromPath[UUID], data: URLEncodedBody[Reason]
) -> Redirect:
    """Say why a line differs."""
    await closing.explain(count_id, line_id, by=request.user, reason=data.reason)
    return Redirect(f"/counts/{count_id}", status_code=303)


@post("/counts/{count_id:uuid}/finish", guards=[requires("stock.count")], status_code=303)
async def finish(request: PageRequest, count_id: FromPath[UUID]) -> Redirect:
    """Say that everything is counted."""
    await closing.finish(count_id, by=request.user)
    return Redirect(f"/counts/{count_id}", status_code=303)


@post("/counts/{count_id:uuid}/post", guards=[requires("stock.count")], status_code=303)
async def post_count(request: PageRequest, count_id: FromPath[UUID]) -> Redirect:
    """Mend the books by what was counted."""
    await closing.post_count(count_id, by=request.user)
    return Redirect(f"/counts/{count_id}", status_code=303)


@post("/counts/{count_id:uuid}/cancel", guards=[requires("stock.count")], status_code=303)
async def cancel(request: PageRequest, count_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Call a count off."""
    await sheets.cancel(count_id, by=request.user, reason=data.reason)
    return Redirect(f"/counts/{count_id}", status_code=303)


handlers = [list_counts, draw_up, show_count, show_bin, record, explain, finish, post_count, cancel]
