"""Accounts: what becomes of people's access once they are there; their roles, passwords and language."""

from typing import Literal

from msgspec import Struct

from inventory.ground import audit, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused, Unknown
from inventory.people import keys, persons, sessions
from inventory.people.roles import rights_of


class NotOneself(Refused):
    """Nobody shuts out themselves, or takes back their own right to manage people."""

    zh = "不能停用自己的账号，也不能撤回自己的人员管理权限。"
    help_en = "Ask another administrator."
    help_zh = "请由另一位系统管理员操作。"


class OldPasswordWrong(Refused):
    """The present password is not right."""

    zh = "当前密码不正确。"
    help_en = "Type it again; an administrator can set a new one."
    help_zh = "请重新输入；管理员可以重置密码。"


class OnlyPeople(Refused):
    """Only people have a password and a language here."""

    zh = "只有人员账号才有密码和语言设置。"
    help_en = "Make a new key for a system instead."
    help_zh = "系统请改用新的接口密钥。"


class Grant(Struct, frozen=True, kw_only=True):
    """A role somebody has, and where."""

    id: int
    role: str
    depot: str | None
    contract: str | None
    vendor: str | None


class Account(Struct, frozen=True, kw_only=True):
    """A person with the roles they have."""

    username: str
    name_zh: str
    name_en: str
    phone: str | None
    email: str | None
    language: str
    active: bool
    grants: list[Grant]


async def account(username: str, *, seen_by: Actor) -> Account:
    """One person's account.

    Raises:
        Unknown: no such person.

    """
    seen_by.require("people.manage")
    return await _account(username)


async def own_account(*, by: Actor) -> Account:
    """The account of whoever asks.

    Raises:
        OnlyPeople: a system asks.

    """
    _require_person(by)
    return await _account(by.name)


async def _account(username: str) -> Account:
    found = await db.read_one(
        Account,
        """SELECT username, name_zh, name_en, phone, email, language, active,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object('id', role_grant.id, 'role', role, 'depot', place.code,
                              'contract', contract_code, 'vendor', party.code) ORDER BY role, place.code, role_grant.id), '[]')
                   FROM role_grant
                   LEFT JOIN place ON place.id = role_grant.place
                   LEFT JOIN party ON party.id = role_grant.vendor
                   WHERE role_grant.person = person.id) AS grants
           FROM person WHERE username = $1""",
        username,
    )
    if found is None:
        raise Unknown(what="person", what_zh="人员", key=username)
    return found


def _is_oneself(username: str, by: Actor) -> bool:
    return by.person_id is not None and username == by.name


def _require_person(by: Actor) -> None:
    if by.person_id is None:
        raise OnlyPeople


@db.atomic
async def set_active(username: str, *, by: Actor, active: bool) -> Account:
    """Shut somebody out at once, or let them in again.

    Raises:
        Unknown: no such person.
        NotOneself: it is the actor.

    """
    by.require("people.manage")
    if _is_oneself(username, by):
        raise NotOneself
    before = await account(username, seen_by=by)
    await db.execute("UPDATE person SET active = $2 WHERE username = $1", username, active)
    if not active:
        await sessions.end_all_of(username)
    if before.active != active:
        change = {"before": {"active": before.active}, "after": {"active": active}}
        await audit.record("person.changed", "person", username, by=by, change=change)
    return await account(username, seen_by=by)


@db.atomic
async def reset_password(username: str, password: str, *, by: Actor) -> Account:
    """Give somebody a new password; whoever is signed in under that name has to sign in again.

    Raises:
        Unknown: no such person.
        PasswordTooShort: it has fewer than ten characters.

    """
    by.require("people.manage")
    found = await account(username, seen_by=by)
    await _set_password(username, password)
    await audit.record("person.password_reset", "person", username, by=by)
    return found


@db.atomic
async def change_own_password(old: str, new: str, *, by: Actor) -> None:
    """Change one's own password; every session of one's own ends.

    Raises:
        OnlyPeople: a key asks, be it a person's own.
        OldPasswordWrong: the present one is another.
        PasswordTooShort: the new one has fewer than ten characters.

    """
    _require_person(by)
    if by.kind == "api_key":
        raise OnlyPeople
    if not await persons.password_fits(by.name, old):
        raise OldPasswordWrong
    await _set_password(by.name, new)
    await audit.record("person.password_changed", "person", by.name, by=by)


async def _set_password(username: str, password: str) -> None:
    secret = await persons.hashed(password)
    await db.execute("UPDATE person SET password_hash = $2 WHERE username = $1", username, secret)
    await sessions.end_all_of(username)


@db.atomic
async def choose_language(language: Literal["zh", "en"], *, by: Actor) -> Account:
    """Choose the language one is written to in.

    Raises:
        OnlyPeople: a system asks.

    """
    _require_person(by)
    await db.execute("UPDATE person SET language = $2 WHERE username = $1", by.name, language)
    return await own_account(by=by)


@db.atomic
async def withdraw_role(username: str, grant: int, *, by: Actor) -> Account:
    """Take a role back; keys of this person that no other role covers end with it.

    Raises:
        Unknown: no such person, or they have no such grant.
        NotOneself: the actor would no longer manage people; the last administrator is never lost so.

    """
    by.require("people.manage")
    had = await account(username, seen_by=by)
    gone = next((each for each in had.grants if each.id == grant), None)
    if gone is None:
        raise Unknown(what="role", what_zh="角色", key=str(grant))
    if _is_oneself(username, by) and "people.manage" in rights_of(frozenset({gone.role})):
        raise NotOneself
    await db.execute("DELETE FROM role_grant WHERE id = $1", grant)
    change = {"role": gone.role, "depot": gone.depot, "contract": gone.contract, "vendor": gone.vendor}
    await audit.record("role.withdrawn", "person", username, by=by, change=change)
    await keys.revoke_uncovered(username, by=by)
    return await account(username, seen_by=by)
