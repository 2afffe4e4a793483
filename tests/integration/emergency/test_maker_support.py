"""Plan 1: a maker is called in after our own attempt and its report, followed to the end, and its ticket hears of it."""

from datetime import timedelta
from uuid import uuid4

import pytest

from inventory.emergency import maker_support
from inventory.emergency.maker_support import (
    AttemptMissing,
    MakerCaseOpen,
    NewMakerCase,
    NotAProjectManager,
    NotAuthorised,
    NotItsMaker,
    NotReported,
    NotYetHappened,
    PromiseMissing,
    ReferenceMissing,
)
from inventory.ground import clock, steps
from inventory.ground.errors import NotGranted, ReasonMissing, Unknown, WrongState
from inventory.requests import requests
from tests.integration.requests.test_promising import new
from tests.world import AUDITOR, DISPATCHER, DRIVE, ENGINEER, KEEPER, MANAGER, PSU, actor


async def asked(part: str = PSU) -> requests.RequestView:
    return await requests.open_request(new(part), by=DISPATCHER)


async def tried(request: requests.RequestView) -> maker_support.Attempt:
    return await maker_support.record_attempt(request.id, expert="Zhao", tried="swapped the riser", by=ENGINEER)


async def reported(part: str = PSU) -> requests.RequestView:
    request = await asked(part)
    await maker_support.report_attempt((await tried(request)).id, by=ENGINEER)
    return request


def call(maker: str = "DELL", **more: object) -> NewMakerCase:
    return NewMakerCase(maker=maker, contact="hotline", contact_verified_on=clock.today(), **more)


async def opened(part: str = PSU) -> maker_support.Summary:
    return await maker_support.open_case((await reported(part)).id, call(), by=MANAGER)


async def duties() -> list[str]:
    open_now = await steps.open_steps(limit=50, seen_by=AUDITOR)
    return [step.kind for step in open_now if step.subject_kind == "maker_case"]


async def test_it_opens_after_our_own_attempt_and_its_report_only(company):
    request = await asked()
    with pytest.raises(AttemptMissing):
        await maker_support.open_case(request.id, call(), by=MANAGER)
    attempt = await tried(request)
    with pytest.raises(NotReported):
        await maker_support.open_case(request.id, call(), by=MANAGER)
    with pytest.raises(NotAProjectManager):
        await maker_support.report_attempt(attempt.id, to="nobody", by=ENGINEER)
    told = await maker_support.report_attempt(attempt.id, by=ENGINEER)
    with pytest.raises(WrongState):
        await maker_support.report_attempt(attempt.id, by=ENGINEER)

    case = await maker_support.open_case(request.id, call(), by=MANAGER)

    assert (told.reported_to, told.reported_by) == ("project_manager", ENGINEER.name)
    assert (case.state, case.maker, case.request, case.contact_stale) == ("open", "DELL", request.number, False)
    assert await duties() == ["call_maker"]
    with pytest.raises(MakerCaseOpen):
        await maker_support.open_case(request.id, call(), by=MANAGER)


async def test_only_who_makes_the_device_or_its_parts_is_called_or_whom_they_authorised(company):
    request = await reported(DRIVE)
    found = await maker_support.support(request.id, seen_by=AUDITOR)
    assert [(maker.code, maker.vendors) for maker in found.makers] == [("DELL", []), ("SEAGATE", ["DISTI"])]

    with pytest.raises(NotItsMaker) as refused:
        await maker_support.open_case(request.id, call("DISTI"), by=MANAGER)
    assert refused.value.facts["makers"] == "DELL, SEAGATE"
    with pytest.raises(NotAuthorised):
        await maker_support.open_case(request.id, call("DELL", through="DISTI"), by=MANAGER)
    case = await maker_support.open_case(request.id, call("SEAGATE", through="DISTI"), by=MANAGER)
    assert (case.maker, case.through) == ("SEAGATE", "DISTI")
    later = NewMakerCase(maker="DELL", contact="x", contact_verified_on=clock.today() + timedelta(days=1))
    with pytest.raises(NotYetHappened):
        await maker_support.open_case(request.id, later, by=MANAGER)


async def test_it_goes_from_the_call_to_the_closing_note(company):
    case = await opened()
    soon = clock.now() + timedelta(hours=2)
    for kind, more, refusal in (
        ("accepted", {}, ReferenceMissing),
        ("promised_onsite", {}, PromiseMissing),
        ("promised_onsite", {"onsite_at": clock.now() - timedelta(hours=1)}, PromiseMissing),
        ("arrived", {"at": soon}, NotYetHappened),
        ("reopened", {}, WrongState),
    ):
        with pytest.raises(refusal):
            await maker_support.note_progress(case.id, kind, by=ENGINEER, **more)
    with pytest.raises(WrongState):
        await maker_support.close(case.id, note="done", by=MANAGER)

    await maker_support.note_progress(case.id, "no_answer", by=ENGINEER)
    assert await duties() == ["call_maker"]
    at_maker = await maker_support.note_progress(case.id, "accepted", reference="SR-77", by=ENGINEER)
    promised = await maker_support.note_progress(case.id, "promised_onsite", onsite_at=soon, by=ENGINEER)
    (step,) = [s for s in await steps.open_steps(limit=50, seen_by=AUDITOR) if s.subject == case.number]
    assert (at_maker.state, at_maker.reference, promised.onsite_at) == ("at_maker", "SR-77", soon)
    assert (step.kind, step.due_at) == ("follow_maker", soon + maker_support.LATE_AFTER)
    await maker_support.note_progress(case.id, "solved", by=ENGINEER)
    assert (await maker_support.note_progress(case.id, "reopened", by=ENGINEER)).state == "at_maker"
    await maker_support.note_progress(case.id, "solved", by=ENGINEER)
    with pytest.raises(WrongState):
        await maker_support.withdraw(case.id, reason="no", by=MANAGER)
    with pytest.raises(ReasonMissing):
        await maker_support.close(case.id, note=" ", by=MANAGER)
    closed = await maker_support.close(case.id, note="new firmware", lessons="ask earlier", by=MANAGER)

    assert (closed.state, await duties()) == ("closed", [])
    view = await maker_support.view(case.id, seen_by=AUDITOR)
    assert [entry.kind for entry in view.progress] == [
        "opened", "no_answer", "accepted", "promised_onsite", "solved", "reopened", "solved", "closed",
    ]  # fmt: skip
    with pytest.raises(WrongState):
        await maker_support.note_progress(case.id, "advice", by=ENGINEER)


async def test_what_a_call_solved_has_the_maker_called_again_when_it_comes_back(company):
    case = await opened()
    await maker_support.note_progress(case.id, "solved", by=ENGINEER)
    assert await duties() == ["close_maker_case"]
    again = await maker_support.note_progress(case.id, "reopened", by=ENGINEER)

    assert (again.state, await duties()) == ("open", ["call_maker"])


async def test_a_maker_called_off_may_be_called_again(company):
    case = await opened()
    assert (await maker_support.withdraw(case.id, reason="it works again", by=MANAGER)).state == "withdrawn"
    assert await duties() == []
    again = await maker_support.open_case(case.request_id, call(), by=MANAGER)
    assert again.id != case.id


async def test_it_is_for_whom_the_request_concerns(company):
    case = await opened()
    stranger = actor("project_manager", contracts={"C-TELCO"})
    for act in (
        lambda: maker_support.view(case.id, seen_by=stranger),
        lambda: maker_support.support(case.request_id, seen_by=stranger),
        lambda: maker_support.note_progress(case.id, "advice", by=stranger),
        lambda: maker_support.withdraw(case.id, reason="no", by=stranger),
        lambda: maker_support.record_attempt(case.request_id, expert="x", tried="y", by=stranger),
        lambda: maker_support.report_attempt(uuid4(), by=MANAGER),
    ):
        with pytest.raises(Unknown):
            await act()
    assert await maker_support.summaries(limit=9, seen_by=stranger) == []
    for act in (
        lambda: maker_support.open_case(case.request_id, call(), by=KEEPER),
        lambda: maker_support.close(case.id, note="done", by=KEEPER),
    ):
        with pytest.raises(NotGranted):
            await act()
