"""Plan 2 rehearsed: a past period or a made-up burst, asked for by a form; its page watches it, and then shows its answer."""

from datetime import timedelta
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.pages.forms import Short, moment, number, whole
from api.pages.rendering import Page, PageRequest
from inventory.emergency import rehearsals
from inventory.emergency.rehearsals import BURST_DAYS_MAX, FAILURES_MAX, ImaginedBurst
from inventory.ground import clock
from inventory.ground.progress import JobView
from inventory.places import places
from inventory.stock.pools import COMMON


class BurstForm(Struct, kw_only=True):
    """A made-up burst: so many failures, or so many times the usual rate."""

    part: Short
    depot: Short
    pool: Short = COMMON
    failures: Short = ""
    factor: Short = ""
    from_day: Short = "0"
    days: Short = "14"


class PeriodForm(Struct, kw_only=True):
    """A past period by its days, both included."""

    since: Short = ""
    until: Short = ""


@get("/emergencies/rehearsal", guards=[requires("emergency.read")])
async def ask(request: PageRequest) -> Page:
    """Ask what plan 2 would do."""
    today = clock.today()
    return Page(
        "emergencies/rehearsal.html",
        stores=await places.stores(limit=200, seen_by=request.user),
        since=(today - timedelta(days=30)).isoformat(),
        until=today.isoformat(),
        longest=rehearsals.PERIOD_DAYS_MAX,
    )


@post("/emergencies/rehearsal/burst", guards=[requires("emergency.read")], status_code=303)
async def ask_burst(request: PageRequest, data: URLEncodedBody[BurstForm]) -> Redirect:
    """Have a made-up burst played; the next page watches it."""
    burst = ImaginedBurst(
        part_number=data.part.strip(),
        depot=data.depot,
        pool=data.pool.strip() or COMMON,
        failures=whole(data.failures, least=1, most=FAILURES_MAX) if data.failures.strip() else None,
        factor=float(number(data.factor, least=0, most=1000)) if data.factor.strip() else None,
        from_day=whole(data.from_day, least=0, most=BURST_DAYS_MAX),
        days=whole(data.days, least=1, most=BURST_DAYS_MAX),
    )
    return _watched(await rehearsals.ask_burst(burst, by=request.user))


@post("/emergencies/rehearsal/past", guards=[requires("emergency.read")], status_code=303)
async def ask_past(request: PageRequest, data: URLEncodedBody[PeriodForm]) -> Redirect:
    """Have a past period played, both days named; one that ends today ends now. The next page watches it."""
    now = clock.now()
    began = moment(data.since) or now - timedelta(days=30)
    ended = moment(data.until, whole_day=True) or now
    ended = min(ended, now) if ended - now < timedelta(days=1) else ended
    return _watched(await rehearsals.ask_past(began, ended, by=request.user))


def _watched(job: JobView) -> Redirect:
    return Redirect(f"/emergencies/rehearsal/{job.id}", status_code=303)


@get("/emergencies/rehearsal/{job_id:uuid}", guards=[requires("emergency.read")])
async def show(request: PageRequest, job_id: FromPath[UUID]) -> Page:
    """Show how far a rehearsal is, and what came of it."""
    asked = await rehearsals.rehearsal_job(job_id, seen_by=request.user)
    done = asked.job.state == "done"
    found = await rehearsals.rehearsal(job_id, seen_by=request.user) if done else None
    return Page("emergencies/rehearsed.html", job=asked.job, asked=asked.asked, found=found)


@post("/emergencies/rehearsal/{job_id:uuid}/cancel", guards=[requires("emergency.read")], status_code=303)
async def cancel(request: PageRequest, job_id: FromPath[UUID]) -> Redirect:
    """Ask a rehearsal to stop."""
    return _watched(await rehearsals.stop(job_id, by=request.user))


handlers = [ask, ask_burst, ask_past, show, cancel]
