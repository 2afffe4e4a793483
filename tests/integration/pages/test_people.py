"""The pages of people, keys, one's own account, the audit trail and the checks of the books."""

import re

import pytest

from inventory.ground import audit, db
from inventory.people import accounts, keys, persons
from inventory.people.accounts import NotOneself, OldPasswordWrong, OnlyPeople
from tests.conftest import PASSWORD
from tests.integration.pages.conftest import add_person
from tests.world import ADMIN, FAN

NEW = {"username": "li.wei", "name_zh": "李伟", "name_en": "Li Wei", "password": "ten words or so", "phone": "139"}


async def test_somebody_is_added_gets_a_role_and_loses_it_again(visitor):
    administrator = await visitor("administrator")

    added = await administrator.post("/people/new", NEW, live=False)
    path = added.headers["location"]
    given = await administrator.post(f"{path}/roles", {"role": "warehouse_keeper", "depot": "GZ"}, live=False)
    shown = (await administrator.get(path)).text
    (grant,) = (await accounts.account("li.wei", seen_by=ADMIN)).grants
    taken = await administrator.post(f"{path}/roles/{grant.id}/withdraw", live=False)

    assert (added.status_code, given.status_code, taken.status_code) == (303, 303, 303)
    assert ("李伟" in shown, "库管员" in shown, "广州备件库" in shown) == (True, True, True)
    assert (await accounts.account("li.wei", seen_by=ADMIN)).grants == []
    assert "li.wei" in (await administrator.get("/people")).text
    assert [entry.action for entry in await audit.entries(limit=3, subject="li.wei")] == [
        "role.withdrawn",
        "role.granted",
        "person.added",
    ]


async def test_what_cannot_be_is_refused(own_visitor):
    administrator = await own_visitor("administrator")
    await administrator.post("/people/new", NEW, live=False)

    for path, form, status in (
        ("/people/new", NEW, 409),
        ("/people/new", NEW | {"username": "a b"}, 422),
        ("/people/new", NEW | {"username": "other", "password": "short"}, 422),
        ("/people/li.wei/roles", {"role": "king"}, 422),
        ("/people/li.wei/roles", {"role": "engineer", "depot": "NOPE"}, 404),
        ("/people/li.wei/roles", {"role": "vendor"}, 422),
        ("/people/nobody/active", {"active": "no"}, 404),
        ("/people/li.wei/password", {"password": "short"}, 422),
        ("/people/li.wei/roles/999999999/withdraw", {}, 404),
        ("/api-keys", {"name": "x", "role": "king"}, 422),
        ("/api-keys", {"name": "x", "role": "vendor"}, 422),
        ("/api-keys", {"name": "x", "role": "auditor", "expires_at": "soon"}, 422),
    ):
        assert (await administrator.post(path, form)).status_code == status, path
    assert await db.fetch_value("SELECT count(*) FROM person WHERE username IN ('other', 'a b')") == 0


async def test_whoever_is_shut_out_is_out_at_once(visitor):
    administrator, keeper = await visitor("administrator"), await visitor("warehouse_keeper")
    username = await db.fetch_value("SELECT username FROM person ORDER BY id DESC LIMIT 1")

    assert (await keeper.get("/stock")).status_code == 200
    await administrator.post(f"/people/{username}/active", {"active": "no"}, live=False)
    assert (await keeper.get("/stock")).status_code == 303
    await administrator.post(f"/people/{username}/active", {"active": "yes"}, live=False)
    assert (await accounts.account(username, seen_by=ADMIN)).active


async def test_nobody_shuts_out_themselves_and_systems_have_no_password(company, password_hash):
    person = await add_person("chief", "administrator", password_hash)
    chief = await persons.actor_of(person)
    assert chief is not None

    with pytest.raises(NotOneself):
        await accounts.set_active("chief", by=chief, active=False)
    (grant,) = (await accounts.own_account(by=chief)).grants
    with pytest.raises(NotOneself):
        await accounts.withdraw_role("chief", grant.id, by=chief)
    with pytest.raises(OldPasswordWrong):
        await accounts.change_own_password("wrong", "another long word", by=chief)
    with pytest.raises(OnlyPeople):
        await accounts.change_own_password(PASSWORD, "another long word", by=ADMIN)


async def test_a_password_is_changed_by_oneself_and_reset_by_an_administrator(visitor):
    administrator, keeper = await visitor("administrator"), await visitor("warehouse_keeper")
    username = await db.fetch_value("SELECT username FROM person ORDER BY id DESC LIMIT 1")

    changed = await keeper.post("/profile/password", {"old": PASSWORD, "new": "my own long word"}, live=False)
    assert changed.status_code == 303
    assert (await keeper.get("/stock")).status_code == 303
    assert (await persons.sign_in(username, "my own long word", address="test")).name == username
    await administrator.post(f"/people/{username}/password", {"password": "given by the office"}, live=False)
    assert (await persons.sign_in(username, "given by the office", address="test")).name == username


async def test_ones_language_is_chosen_for_the_pages_too(visitor):
    keeper = await visitor("warehouse_keeper")

    chosen = await keeper.post("/profile/language", {"language": "en"}, live=False)

    assert chosen.status_code == 303
    assert "My account" in (await keeper.get("/profile", language="zh")).text


async def test_a_key_is_shown_once_and_revoked(visitor):
    administrator = await visitor("administrator")

    made = await administrator.post("/api-keys", {"name": "glpi", "role": "ticket_system", "contract": "C-BANK"})
    secret = re.search(r'value="(bj_[^"]+)"', made.text)
    listed = (await administrator.get("/api-keys")).text
    assert secret is not None
    actor = await keys.actor_of_key(secret[1])
    assert actor is not None
    await administrator.post(f"/api-keys/{actor.key_id}/revoke", live=False)

    assert made.headers["Cache-Control"] == "no-store"
    assert secret[1] not in listed
    assert "glpi" in listed
    assert actor.contract_scope == ["C-BANK"]
    assert await keys.actor_of_key(secret[1]) is None


async def test_a_persons_key_ends_with_the_role_it_stands_on(visitor):
    administrator = await visitor("administrator")
    await administrator.post("/people/new", NEW, live=False)
    for depot in ("GZ", "SH"):
        await administrator.post("/people/li.wei/roles", {"role": "warehouse_keeper", "depot": depot}, live=False)
    form = {"name": "scanner", "role": "warehouse_keeper", "person": "li.wei"}

    too_much = await administrator.post("/api-keys", form)
    secrets = [
        re.search(r'value="(bj_[^"]+)"', (await administrator.post("/api-keys", form | {"depot": depot})).text)
        for depot in ("GZ", "SH")
    ]
    here, there = [secret[1] for secret in secrets if secret]
    listed = (await administrator.get("/api-keys")).text
    acting = await keys.actor_of_key(here)
    (grant,) = [each for each in (await accounts.account("li.wei", seen_by=ADMIN)).grants if each.depot == "GZ"]
    await administrator.post(f"/people/li.wei/roles/{grant.id}/withdraw", live=False)

    assert too_much.status_code == 409
    assert acting is not None
    assert acting.name == "li.wei"
    assert ("scanner" in listed, "li.wei" in listed) == (True, True)
    assert await keys.actor_of_key(here) is None
    assert await keys.actor_of_key(there) is not None
    assert [entry.action for entry in await audit.entries(limit=1, subject_kind="api_key")] == ["key.revoked"]


async def test_a_persons_own_key_neither_shuts_them_out_nor_changes_their_password(company, password_hash):
    await add_person("chief", "administrator", password_hash)
    made = await keys.make_key(keys.NewKey(name="laptop", role="administrator", person="chief"), by=ADMIN)
    acting = await keys.actor_of_key(made.secret or "")
    assert acting is not None

    with pytest.raises(NotOneself):
        await accounts.set_active("chief", by=acting, active=False)
    with pytest.raises(OnlyPeople):
        await accounts.change_own_password(PASSWORD, "another long word", by=acting)


async def test_the_audit_trail_reads_who_changed_what_from_what(visitor):
    administrator, auditor = await visitor("administrator"), await visitor("auditor")
    path = "/master-data/depots/rows/GZ"
    version = (await administrator.get(path)).text.split('name="version" value="')[1].split('"')[0]
    form = {"version": version, "name_zh": "总库", "name_en": "Guangzhou", "city_zh": "广州", "city_en": "Guangzhou"}
    await administrator.post(path, form, live=False)

    page = (await auditor.get("/audit?subject=GZ")).text
    none = (await auditor.get("/audit?subject=GZ&to=2001-01-01")).text

    assert re.search("中文名称：广州备件库 → <strong>总库</strong>", page)
    assert "没有符合条件的变更" in none
    assert (await auditor.get("/audit?from=nonsense")).status_code == 422


async def test_the_books_are_verified_and_what_differs_is_shown_with_its_movements(visitor):
    auditor = await visitor("auditor")

    right = (await auditor.post("/verify")).text
    await db.execute(
        "UPDATE level SET on_hand = on_hand + 1 WHERE part = (SELECT id FROM part WHERE part_number = $1)", FAN
    )
    wrong = (await auditor.post("/verify")).text

    assert "账目无误" in right
    assert "账目无误" not in wrong
    assert f"{FAN} @ GZ" in wrong
    assert "/movements/" in wrong
