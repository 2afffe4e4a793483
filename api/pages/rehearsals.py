"""Plan 2 rehearsed: a past period or a made-up burst, asked for by a form whose answer has an address of its own."""

from datetime import timedelta

from litestar import get
from litestar.params import FromQuery

from api.access import requires
from api.pages.forms import moment, number, whole
from api.pages.rendering import Page, PageRequest
from inventory.emergency import rehearsals
from inventory.emergency.rehearsals import BURST_DAYS_MAX, FAILURES_MAX, ImaginedBurst, Rehearsal
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.places import places
from inventory.stock.pools import COMMON


@get("/emergencies/rehearsal", guards=[requires("emergency.read")])
async def rehearse(
    request: PageRequest,
    part: FromQuery[str] = "",
    depot: FromQuery[str] = "",
    pool: FromQuery[str] = COMMON,
    failures: FromQuery[str] = "",
    factor: FromQuery[str] = "",
    from_day: FromQuery[str] = "0",
    days: FromQuery[str] = "14",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
) -> Page:
    """Ask what plan 2 would do, and show the answer of what was asked."""
    found: Rehearsal | None = None
    if part.strip():
        found = await rehearsals.imagined(
            ImaginedBurst(
                part_number=part.strip(),
                depot=depot,
                pool=pool.strip() or COMMON,
                failures=whole(failures, least=1, most=FAILURES_MAX) if failures.strip() else None,
                factor=float(number(factor, least=0, most=1000)) if factor.strip() else None,
                from_day=whole(from_day, least=0, most=BURST_DAYS_MAX),
                days=whole(days, least=1, most=BURST_DAYS_MAX),
            ),
            seen_by=request.user,
        )
    elif since.strip() or until.strip():
        found = await _past(since, until, request.user)
    today = clock.today()
    return Page(
        "emergencies/rehearsal.html",
        stores=await places.stores(limit=200, seen_by=request.user),
        found=found,
        asked={
            "part": part,
            "depot": depot,
            "pool": pool,
            "failures": failures,
            "factor": factor,
            "from_day": from_day,
            "days": days,
            "since": since or (today - timedelta(days=30)).isoformat(),
            "until": until or today.isoformat(),
        },
        longest=rehearsals.PERIOD_DAYS_MAX,
    )


async def _past(since: str, until: str, reader: Actor) -> Rehearsal:
    """A past period by its days, both named; one that ends today ends now."""
    now = clock.now()
    began = moment(since) or now - timedelta(days=30)
    ended = moment(until, whole_day=True) or now
    return await rehearsals.past(began, min(ended, now) if ended - now < timedelta(days=1) else ended, seen_by=reader)


handlers = [rehearse]
