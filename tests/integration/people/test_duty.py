"""The duty roster: shifts, posts that must be held, and how people are reached."""

from datetime import timedelta

import pytest

from inventory.ground import audit, clock, db, steps
from inventory.ground.errors import NotGranted, NotYourDepot, Unknown
from inventory.people import contacts, duty, messages, persons, posts
from inventory.people.contacts import NoPhone, NotAnAddress, NotAPhone
from inventory.people.duty import (
    NewShift,
    RoleNotHeld,
    RosterOfAllStores,
    ShiftOver,
    ShiftOverlaps,
    ShiftTimesWrong,
    TwoStoresAtOnce,
)
from inventory.people.persons import actor_of
from tests.world import AUDITOR, DISPATCHER, KEEPER, SETUP, actor

GZ_DISPATCHER = actor("dispatcher", depots={"GZ"})


async def person(username: str, role: str, *, depot: str | None = None, **more: str) -> int:
    """Somebody of ours with a role."""
    added = await persons.add_person(
        persons.NewPerson(username=username, name_zh=f"{username}先生", name_en=username.title(), password="-", **more),
        by=SETUP,
        password_hash="nobody signs in with this",
    )
    await persons.grant_role(username, role, by=SETUP, depot=depot)
    return added


def a_shift(username: str, role: str, *, depot: str | None = None, begins: float = -1, hours: float = 12) -> NewShift:
    """A shift that began an hour ago, unless it says otherwise; in hours from now."""
    starts_at = clock.now() + timedelta(hours=begins)
    return NewShift(
        username=username, role=role, depot=depot, starts_at=starts_at, ends_at=starts_at + timedelta(hours=hours)
    )


async def on_duty(username: str, role: str, *, depot: str | None = None, **more: float) -> None:
    """Somebody new, and on duty."""
    await person(username, role, depot=depot)
    await duty.enter_shifts([a_shift(username, role, depot=depot, **more)], by=SETUP)


async def names(**asked: object) -> list[str]:
    return [shift.username for shift in await duty.on_duty(limit=50, **asked)]


async def test_who_is_on_duty_for_a_store_and_a_role_now(company):
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await on_duty("wu", "warehouse_keeper", depot="SH")
    await on_duty("he", "warehouse_keeper", depot="GZ", begins=2)
    await on_duty("chen", "dispatcher")

    assert await names(depot="GZ", role="warehouse_keeper") == ["li"]
    assert await names(depot="GZ") == ["chen", "li"]
    assert await names(depot="SH", role="dispatcher") == ["chen"]
    assert await names(depot="GZ", role="warehouse_keeper", at=clock.now() + timedelta(hours=3)) == ["he", "li"]
    assert await names(role="buyer") == []


async def test_nobody_has_the_same_duty_twice_at_once_nor_two_stores(own_company):
    await person("li", "warehouse_keeper")
    await persons.grant_role("li", "dispatcher", by=SETUP)
    await duty.enter_shifts([a_shift("li", "warehouse_keeper", depot="GZ")], by=SETUP)

    with pytest.raises(ShiftOverlaps):
        await duty.enter_shifts([a_shift("li", "warehouse_keeper", depot="GZ", begins=5)], by=SETUP)
    with pytest.raises(TwoStoresAtOnce):
        await duty.enter_shifts([a_shift("li", "dispatcher", depot="SH", begins=5)], by=SETUP)
    await duty.enter_shifts([a_shift("li", "dispatcher", depot="GZ")], by=SETUP)  # two hats in one store
    await duty.enter_shifts([a_shift("li", "warehouse_keeper", depot="SH", begins=11)], by=SETUP)  # one after the other


async def test_shifts_are_entered_all_or_none(own_company):
    await person("li", "warehouse_keeper", depot="GZ")
    new = [a_shift("li", "warehouse_keeper", depot="GZ"), a_shift("nobody", "warehouse_keeper", depot="GZ")]

    with pytest.raises(Unknown):
        await duty.enter_shifts(new, by=SETUP)
    assert await names() == []


async def test_a_shift_needs_its_role_its_times_and_somebody_who_serves_the_store(company):
    await person("li", "warehouse_keeper", depot="GZ")
    for shift, by, refusal in (
        (a_shift("li", "warehouse_keeper", depot="SH"), DISPATCHER, RoleNotHeld),
        (a_shift("li", "emperor", depot="GZ"), DISPATCHER, RoleNotHeld),
        (a_shift("li", "warehouse_keeper", depot="NOWHERE"), DISPATCHER, Unknown),
        (a_shift("li", "warehouse_keeper", depot="GZ", hours=-1), DISPATCHER, ShiftTimesWrong),
        (a_shift("li", "warehouse_keeper", depot="GZ", hours=24 * 32), DISPATCHER, ShiftTimesWrong),
        (a_shift("li", "warehouse_keeper", depot="SH"), GZ_DISPATCHER, NotYourDepot),
        (a_shift("li", "warehouse_keeper"), GZ_DISPATCHER, RosterOfAllStores),
        (a_shift("li", "warehouse_keeper", depot="GZ"), KEEPER, NotGranted),
    ):
        with pytest.raises(refusal):
            await duty.enter_shifts([shift], by=by)
    assert await names() == []


async def test_a_change_is_on_record_and_told_to_both(company):
    li, he = await person("li", "warehouse_keeper", depot="GZ"), await person("he", "warehouse_keeper", depot="GZ")
    (shift,) = await duty.enter_shifts([a_shift("li", "warehouse_keeper", depot="GZ")], by=SETUP)

    now = await duty.change_shift(shift, by=DISPATCHER, username="he", reason="li is ill")

    (entry,) = [e for e in await audit.entries(limit=20, subject=str(shift)) if e.action == "duty_shift.changed"]
    assert (now.username, await names()) == ("he", ["he"])
    assert (entry.reason, entry.change["username"], entry.change["was"]["username"]) == ("li is ill", "he", "li")
    for who in (li, he):
        (message,) = await messages.my_messages(limit=5, seen_by=await actor_of(who))
        assert (message.kind, message.facts["change"]) == ("duty_changed", "changed")


async def test_two_people_swap_what_each_could_not_take_alone(own_company):
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await on_duty("he", "warehouse_keeper", depot="GZ")
    one, other = [shift.id for shift in await duty.shifts(limit=5, seen_by=SETUP)]

    with pytest.raises(ShiftOverlaps):
        await duty.change_shift(one, by=DISPATCHER, username="he", reason="alone")
    before = (await duty.shift_view(one)).username
    swapped = await duty.swap_shifts(one, other, by=DISPATCHER, reason="by agreement")

    assert {shift.username for shift in swapped} == {"li", "he"}
    assert (await duty.shift_view(other)).username == before


async def test_a_withdrawn_shift_stays_on_record_and_holds_nobody(company):
    await on_duty("li", "warehouse_keeper", depot="GZ")
    (shift,) = await duty.shifts(limit=5, seen_by=SETUP)
    await duty.withdraw_shift(shift.id, by=DISPATCHER, reason="not needed")

    assert await names() == []
    assert await duty.shifts(limit=5, seen_by=SETUP) == []
    (kept,) = await duty.shifts(limit=5, seen_by=SETUP, withdrawn=True)
    assert kept.reason == "not needed"
    with pytest.raises(ShiftOver):
        await duty.withdraw_shift(shift.id, by=DISPATCHER, reason="again")


async def test_what_has_ended_is_a_record(company):
    await on_duty("li", "warehouse_keeper", depot="GZ", begins=-20, hours=2)
    (shift,) = await duty.shifts(limit=5, seen_by=SETUP)

    for act in (
        duty.change_shift(shift.id, by=DISPATCHER, reason="late", ends_at=clock.now() + timedelta(hours=1)),
        duty.withdraw_shift(shift.id, by=DISPATCHER, reason="late"),
    ):
        with pytest.raises(ShiftOver):
            await act


async def test_the_roster_is_seen_as_far_as_ones_stores_go(company):
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await on_duty("wu", "warehouse_keeper", depot="SH")
    await on_duty("chen", "dispatcher")

    seen = {shift.username for shift in await duty.shifts(limit=10, seen_by=KEEPER)}
    assert seen == {"li", "chen"}
    assert {c.username for c in await contacts.contacts(limit=10, seen_by=KEEPER)} == {"li", "chen"}


async def test_an_empty_post_of_the_next_day_is_a_step_until_it_is_filled(company):
    async def asked() -> list[steps.StepView]:
        return [s for s in await steps.open_steps(limit=50, seen_by=SETUP) if s.kind == "fill_shift"]

    now = clock.now()
    with clock.at(now):
        await on_duty("li", "warehouse_keeper", depot="GZ", hours=5)
        await posts.enter_post("warehouse_keeper", "GZ", by=DISPATCHER)
        (gap,) = await posts.empty_shifts(now, now + posts.WATCHED, seen_by=SETUP)
        assert await posts.watch() == 1
        assert await posts.watch() == 1
        (step,) = await asked()
        await duty.enter_shifts([a_shift("li", "warehouse_keeper", depot="GZ", begins=4, hours=30)], by=SETUP)
        assert await posts.watch() == 0

    assert (step.subject, step.depot, step.owner_role) == ("warehouse_keeper@GZ", "GZ", "dispatcher")
    assert (gap.depot, gap.starts_at, gap.ends_at) == ("GZ", now + timedelta(hours=4), now + posts.WATCHED)
    assert await asked() == []


async def test_a_shift_for_all_stores_covers_each_and_an_inactive_person_none(company):
    await on_duty("chen", "dispatcher", hours=48)
    for depot in (None, "GZ"):
        await posts.enter_post("dispatcher", depot, by=SETUP)

    assert await posts.watch() == 0
    await db.execute("UPDATE person SET active = false WHERE username = 'chen'")
    assert await posts.watch() == 2


async def test_a_post_is_said_once_and_withdrawn(own_company):
    await posts.enter_post("buyer", None, by=DISPATCHER)

    with pytest.raises(posts.PostThereAlready):
        await posts.enter_post("buyer", None, by=DISPATCHER)
    with pytest.raises(RosterOfAllStores):
        await posts.withdraw_post("buyer", None, by=GZ_DISPATCHER)
    await posts.withdraw_post("buyer", None, by=DISPATCHER)
    assert await posts.posts(limit=5, seen_by=AUDITOR) == []
    for role, depot in (("emperor", "GZ"), ("buyer", "NOWHERE")):
        with pytest.raises(Unknown):
            await posts.enter_post(role, depot, by=DISPATCHER)


async def test_a_phone_is_verified_by_somebody_and_stays_so_for_a_while(company):
    await person("li", "warehouse_keeper", depot="GZ", phone="138 0000 0001")
    assert (await contacts.contact("li", seen_by=SETUP)).stale

    verified = await contacts.verify_phone("li", by=DISPATCHER)
    assert (verified.stale, verified.phone_verified_by) == (False, DISPATCHER.name)
    with clock.at(clock.now() + contacts.VERIFIED_FOR + timedelta(minutes=1)):
        assert [c.username for c in await contacts.contacts(limit=5, seen_by=SETUP, stale_only=True)] == ["li"]
    changed = await contacts.change_contact("li", by=DISPATCHER, phone="139-0000-0002", email=None, chat="wecom")
    assert (changed.phone, changed.stale, changed.phone_verified_by) == ("139-0000-0002", True, None)


async def test_whoever_is_soon_on_duty_has_a_verified_phone_or_a_step(company):
    await on_duty("li", "warehouse_keeper", depot="GZ")
    await person("he", "warehouse_keeper", depot="GZ")

    assert await contacts.watch() == 1
    (step,) = [s for s in await steps.open_steps(limit=50, seen_by=SETUP) if s.kind == "verify_phone"]
    assert step.subject == "li"
    await contacts.verify_phone("li", by=DISPATCHER, phone="13800000001")
    assert [s for s in await steps.open_steps(limit=50, seen_by=SETUP) if s.kind == "verify_phone"] == []
    assert await contacts.watch() == 0


async def test_contacts_are_changed_by_their_owner_or_a_keeper_of_the_roster(company):
    li = await person("li", "warehouse_keeper", depot="GZ")
    await person("wu", "warehouse_keeper", depot="SH")
    own = await actor_of(li)

    assert (await contacts.verify_phone("li", by=own, phone="13800000001")).phone == "13800000001"
    for act, refusal in (
        (contacts.verify_phone("wu", by=own), NotGranted),
        (contacts.verify_phone("wu", by=DISPATCHER), NoPhone),
        (contacts.verify_phone("wu", by=GZ_DISPATCHER, phone="13800000001"), Unknown),
        (contacts.verify_phone("li", by=own, phone="call me"), NotAPhone),
        (contacts.change_contact("li", by=own, phone=None, email="a@b", chat=None), NotAnAddress),
        (contacts.change_contact("li", by=own, phone=None, email="a@b.cn\nBcc: c@d.cn", chat=None), NotAnAddress),
    ):
        with pytest.raises(refusal):
            await act
