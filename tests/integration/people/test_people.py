"""People and systems: signing in, roles and scopes, keys and sessions."""

from datetime import timedelta

import pytest

from inventory.ground import clock, db
from inventory.ground.actor import NoPerson
from inventory.ground.errors import NotGranted, Unknown
from inventory.people import keys, persons, sessions
from inventory.people.persons import (
    PasswordTooShort,
    RoleAlreadyGranted,
    TooManyAttempts,
    UnknownRole,
    UsernameTaken,
    WrongCredentials,
)
from inventory.people.roles import RIGHTS, ROLE_NAMES, ROLES
from inventory.stock import pool_crossings
from tests.world import AUDITOR, FAN, KEEPER, SETUP

WANG = persons.NewPerson(username="wang", name_zh="王敏", name_en="Wang Min", password="a long password")


async def add_wang(role: str = "warehouse_keeper", depot: str | None = "GZ") -> int:
    person = await persons.add_person(WANG, by=SETUP)
    await persons.grant_role("wang", role, by=SETUP, depot=depot)
    return person


async def test_a_person_signs_in_with_todays_roles_and_scope(company):
    await add_wang()
    actor = await persons.sign_in("wang", "a long password", address="10.0.0.1")

    assert (actor.name, actor.roles, actor.depots) == ("wang", {"warehouse_keeper"}, {"GZ"})
    assert actor.may("stock.receive")
    assert not actor.may("orders.approve")


async def test_a_wrong_password_and_an_unknown_name_are_refused_alike(company):
    await add_wang()

    with pytest.raises(WrongCredentials) as wrong:
        await persons.sign_in("wang", "a wrong password", address="10.0.0.1")
    with pytest.raises(WrongCredentials) as unknown:
        await persons.sign_in("nobody", "a wrong password", address="10.0.0.1")
    assert wrong.value.sentence("zh") == unknown.value.sentence("zh")


async def test_guessing_becomes_slow_and_the_pause_ends(company):
    await add_wang()
    for _ in range(persons.FAILURES_PER_NAME):
        with pytest.raises(WrongCredentials):
            await persons.sign_in("wang", "a wrong password", address="10.0.0.1")

    with pytest.raises(TooManyAttempts):
        await persons.sign_in("wang", "a long password", address="10.0.0.1")
    with clock.at(clock.now() + persons.SIGN_IN_WINDOW + timedelta(seconds=1)):
        assert (await persons.sign_in("wang", "a long password", address="10.0.0.1")).name == "wang"


async def test_a_user_name_is_given_once(own_company):
    await persons.add_person(WANG, by=SETUP)

    with pytest.raises(UsernameTaken):
        await persons.add_person(WANG, by=SETUP)


async def test_a_role_with_the_same_scope_is_given_once(own_company):
    await add_wang()

    with pytest.raises(RoleAlreadyGranted):
        await persons.grant_role("wang", "warehouse_keeper", by=SETUP, depot="GZ")


async def test_a_short_password_is_refused(company):
    with pytest.raises(PasswordTooShort):
        await persons.hashed("too short")


async def test_only_known_roles_and_places_are_granted(company):
    await persons.add_person(WANG, by=SETUP)

    with pytest.raises(UnknownRole):
        await persons.grant_role("wang", "emperor", by=SETUP)
    with pytest.raises(Unknown):
        await persons.grant_role("wang", "warehouse_keeper", by=SETUP, depot="NOWHERE")
    with pytest.raises(Unknown):
        await persons.grant_role("nobody", "warehouse_keeper", by=SETUP)


async def test_an_auditor_adds_nobody(company):
    with pytest.raises(NotGranted):
        await persons.add_person(WANG, by=AUDITOR)


async def test_a_session_lives_until_it_is_ended_or_over(company):
    person = await add_wang()
    token = await sessions.begin(person)

    assert (await sessions.actor_of_session(token)).name == "wang"
    with clock.at(clock.now() + sessions.LIFETIME + timedelta(seconds=1)):
        assert await sessions.actor_of_session(token) is None
    await sessions.end(token)
    assert await sessions.actor_of_session(token) is None


async def test_a_key_acts_with_its_role_and_scope(company):
    made = await keys.make_key(keys.NewKey(name="glpi", role="warehouse_keeper", depot="SH"), by=SETUP)
    actor = await keys.actor_of_key(made.secret)

    assert (actor.name, actor.kind, actor.depots) == ("glpi", "api_key", {"SH"})


async def test_the_secret_of_a_key_is_never_shown_again(company):
    made = await keys.make_key(keys.NewKey(name="glpi", role="ticket_system"), by=SETUP)

    (listed,) = await keys.keys(limit=10, seen_by=SETUP)
    assert (listed.id, listed.secret) == (made.id, None)


@pytest.mark.parametrize(
    "change", [lambda k: k[:-1] + "x", lambda k: k.replace("bj_", "xx_"), lambda _: "bj_", lambda _: ""]
)
async def test_a_key_that_is_not_exactly_right_is_nobodys(company, change):
    made = await keys.make_key(keys.NewKey(name="glpi", role="ticket_system"), by=SETUP)

    assert await keys.actor_of_key(change(made.secret)) is None


async def test_an_expired_or_revoked_key_is_nobodys(company):
    soon = clock.now() + timedelta(hours=1)
    made = await keys.make_key(keys.NewKey(name="glpi", role="ticket_system", expires_at=soon), by=SETUP)

    with clock.at(soon + timedelta(seconds=1)):
        assert await keys.actor_of_key(made.secret) is None
    await keys.revoke_key(made.id, by=SETUP)
    assert await keys.actor_of_key(made.secret) is None


def test_every_role_has_a_name_and_only_known_rights():
    assert ROLES.keys() == ROLE_NAMES.keys()
    assert {right for rights in ROLES.values() for right in rights} <= RIGHTS.keys()


def test_whoever_sees_plans_sees_what_they_cost():
    assert all("costs.read" in rights for rights in ROLES.values() if "plans.read" in rights)


async def test_a_persons_key_acts_under_the_persons_name_and_ends_with_them(company):
    person = await add_wang()
    made = await keys.make_key(
        keys.NewKey(name="wang's scanner", role="warehouse_keeper", person="wang", depot="GZ"), by=SETUP
    )
    actor = await keys.actor_of_key(made.secret)

    assert (actor.name, actor.person_id) == ("wang", person)
    actor.require_eyes()
    await db.execute("UPDATE person SET active = false WHERE username = 'wang'")
    assert await keys.actor_of_key(made.secret) is None


async def test_a_persons_key_may_not_do_more_than_the_person(company):
    await add_wang()
    for role, depot in (("administrator", None), ("warehouse_keeper", None), ("warehouse_keeper", "SH")):
        with pytest.raises(keys.NotTheirRole):
            await keys.make_key(keys.NewKey(name="more", role=role, person="wang", depot=depot), by=SETUP)
    with pytest.raises(Unknown):
        await keys.make_key(keys.NewKey(name="more", role="auditor", person="nobody"), by=SETUP)


async def test_a_systems_key_is_never_the_second_pair_of_eyes(company):
    made = await keys.make_key(keys.NewKey(name="robot", role="project_manager"), by=SETUP)
    robot = await keys.actor_of_key(made.secret)
    asked = await pool_crossings.ask_crossing(
        "GZ", FAN, 1, by=KEEPER, from_pool="common", to_pool="C-TELCO", reason="none left"
    )

    with pytest.raises(NoPerson):
        await pool_crossings.cross(asked.id, by=robot)
