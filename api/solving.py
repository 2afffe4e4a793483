"""Plans and rehearsals as the worker makes them: in processes that tell how far they are, and end when nobody waits."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
from msgspec import Struct

from api.processes import NoLongerWanted, Told, compute_watched
from inventory.emergency import rehearsals, rehearsing
from inventory.emergency.choices import Market
from inventory.emergency.facts import Key
from inventory.ground import clock, jobs, progress
from inventory.ground.actor import Actor, service
from inventory.ground.errors import InventoryError
from inventory.planning import asking, balancing, network, plans, rates
from inventory.planning.answering import answer, answer_frontier, answer_rebalancing, answer_what_if
from inventory.planning.answers import Answered
from optimizer.errors import OptimizerError
from optimizer.frontier import Point
from optimizer.network import Network
from optimizer.rebalancing import Rebalancing
from optimizer.whatif import Changes

GATHERED, SOLVED = 5, 95
"""The progress, in per cent, at which solving begins and ends."""


class Stopped(Exception):
    """Somebody asked the job to stop."""


class OtherAnswer(Struct, frozen=True):
    """What `answer_what_if` says: the changed network, and the plan for it."""

    network: Network
    answered: Answered


async def make_plan(job: jobs.MakePlan) -> dict[str, str]:
    """Size the whole network as it is now."""
    await _go_on(job.job, GATHERED, "gathering the network")
    today = clock.today()
    await rates.assume(today, by=await _asker(job.job))
    gathered = await network.gather(today)
    answered = await _solved(job.job, answer, msgspec.json.encode(gathered.network), await asking.newest_multipliers())
    await _go_on(job.job, SOLVED, "writing the plan")
    return _told(
        await plans.record_plan(gathered, msgspec.json.decode(answered, type=Answered), by=await _asker(job.job))
    )


async def ask_what_if(job: jobs.AskWhatIf) -> dict[str, str]:
    """Size a plan's network under changed assumptions."""
    await _go_on(job.job, GATHERED, "gathering the network")
    content, start = await _asked_about(job.plan)
    told = await _solved(job.job, answer_what_if, content, msgspec.json.encode(job.changes), start)
    found = msgspec.json.decode(told, type=OtherAnswer)
    await _go_on(job.job, SOLVED, "writing the plan")
    changes = msgspec.convert(job.changes, Changes)
    return _told(
        await asking.record_what_if(job.plan, changes, found.network, found.answered, by=await _asker(job.job))
    )


async def draw_frontier(job: jobs.DrawFrontier) -> dict[str, str]:
    """Size a plan's network at other targets."""
    await _go_on(job.job, GATHERED, "gathering the network")
    found = await _solved(job.job, answer_frontier, *await _asked_about(job.plan))
    await _go_on(job.job, SOLVED, "writing the plan")
    await asking.record_frontier(job.plan, msgspec.json.decode(found, type=list[Point]))
    return _told(await plans.plan_summary(job.plan))


async def rebalance(job: jobs.Rebalance) -> dict[str, str]:
    """Work out how stock is best moved to what a plan asks for."""
    await _go_on(job.job, GATHERED, "gathering the network")
    asked = await balancing.balance(job.plan, clock.today())
    found = await _solved(job.job, answer_rebalancing, msgspec.json.encode(asked))
    await _go_on(job.job, SOLVED, "writing the plan")
    await balancing.record(job.job, job.plan, msgspec.json.decode(found, type=Rebalancing))
    return _told(await plans.plan_summary(job.plan))


async def rehearse(job: jobs.Rehearse) -> dict[str, str]:
    """Play what plan 2 would do, again until the offers and lanes of all that it opens cases for are known."""
    await _go_on(job.job, GATHERED, "gathering the network")
    staged, markets = await rehearsals.staged(job.job), dict[Key, Market]()
    rehearsed = await _solved(job.job, rehearsing.rehearse, staged, markets)
    while rehearsed.wanting:
        markets |= await rehearsals.markets_of(staged, rehearsed.wanting)
        rehearsed = await _solved(job.job, rehearsing.rehearse, staged, markets)
    await rehearsals.record(job.job, staged, rehearsed)
    return {}


async def run[J: jobs.MakePlan | jobs.AskWhatIf | jobs.DrawFrontier | jobs.Rebalance | jobs.Rehearse](
    act: Callable[[J], Awaitable[dict[str, str]]], job: J
) -> None:
    """Do long work that somebody watches, and say what came of it."""
    try:
        done = await act(job)
    except (Stopped, NoLongerWanted):
        await progress.finish_job(job.job, "cancelled", "stopped as asked")
    except (InventoryError, OptimizerError) as refusal:
        await progress.finish_job(job.job, "failed", str(refusal))
    else:
        await progress.finish_job(job.job, "done", "", done)


async def _asked_about(plan: UUID) -> tuple[bytes, dict[str, float]]:
    """A plan's network and its multipliers, from which those of a network like it are found sooner."""
    kept = await asking.kept(plan)
    return msgspec.json.encode(kept.network), kept.answer.multipliers


async def _go_on(job: UUID, share: int, step: str) -> None:
    if not await progress.note_progress(job, share, step):
        raise Stopped


async def _solved[T](job: UUID, function: Callable[..., T], *arguments: object) -> T:
    """What a computation answers; the job shows the step it is at and the gap proven so far."""

    async def watch(news: Told | None) -> bool:
        if news is None:
            return await progress.is_wanted(job)
        share = GATHERED + round((SOLVED - GATHERED) * news.share)
        return await progress.note_progress(job, share, news.step, None if news.gap is None else {"gap": news.gap})

    return await compute_watched(function, *arguments, watch=watch)


async def _asker(job: UUID) -> Actor:
    """The service, in the name of whoever asked."""
    return msgspec.structs.replace(service("planning"), name=(await progress.job_view(job)).requested_by)


def _told(plan: plans.PlanSummary) -> dict[str, str]:
    return {"plan": str(plan.id), "number": plan.number, "status": plan.status}
