"""People and systems: who they are, what they may do, and how they prove it."""

from piccolo.columns import Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.ground.columns import (
    addressable,
    binary,
    document,
    flag,
    instant,
    key,
    link,
    note,
    optional_instant,
    optional_link,
    optional_money,
    optional_text,
    text,
    whole,
)
from inventory.ground.tables import Step
from inventory.places.tables import Party, Place


class Person(Table, tablename="person", help_text="Somebody who signs in"):
    """A person; the password is an argon2 hash."""

    id = Serial(primary_key=True)
    username = text(unique=True)
    name_zh = text()
    name_en = text()
    phone = optional_text()
    phone_verified_at = optional_instant()
    phone_verified_by = optional_text()
    email = optional_text()
    chat = optional_text()
    language = text()
    password_hash = text()
    stock_place = optional_link(Place)
    active = flag(default=True)

    person_language_is_known = Check("language IN ('zh', 'en')")
    person_chat_is_known = Check("chat IN ('wecom', 'dingtalk')")
    person_phone_is_verified_by_someone = Check("(phone_verified_at IS NULL) = (phone_verified_by IS NULL)")
    person_stock_is_ones_own = Unique([stock_place])
    person_can_be_addressed = addressable("username")


class RoleGrant(
    Table, tablename="role_grant", help_text="A role given to a person, perhaps only for one store or contract"
):
    """What a person may do, and where; empty scope means everywhere.

    The contract is named by its code, because contracts stand on a higher floor.
    """

    id = Serial(primary_key=True)
    person = link(Person, index=True)
    role = text()
    place = optional_link(Place)
    contract_code = optional_text()
    vendor = optional_link(Party)

    role_grant_is_unique = Unique([person, role, place, contract_code, vendor], nulls_distinct=False)
    role_grant_names_its_vendor = Check("role <> 'vendor' OR vendor IS NOT NULL")


class ApiKey(Table, tablename="api_key", help_text="A system's key; only its hash is kept"):
    """A key by which a system signs its calls."""

    id = key()
    name = text()
    prefix = text(unique=True)
    secret_hash = binary()
    role = text()
    person = optional_link(Person)
    place = optional_link(Place)
    contract_code = optional_text()
    vendor = optional_link(Party)
    created_at = instant()
    created_by = text()
    expires_at = optional_instant()
    revoked_at = optional_instant()

    api_key_names_its_vendor = Check("role <> 'vendor' OR vendor IS NOT NULL")


class Session(Table, tablename="session", help_text="A signed-in browser; the cookie's hash names it"):
    """A server-side session."""

    id_hash = binary()
    person = link(Person, index=True)
    created_at = instant()
    expires_at = instant(index=True)

    session_id_is_unique = Unique([id_hash])


class SignInAttempt(Table, tablename="sign_in_attempt", help_text="Failed sign-ins, so that guessing becomes slow"):
    """One failed sign-in."""

    id = key()
    username = text(index=True)
    address = text()
    at = instant()


class DutyShift(Table, tablename="duty_shift", help_text="Who is on duty where and when"):
    """A shift of the duty roster (D10); without a place it is for all of them. Withdrawn with a reason, never deleted.

    That nobody holds the same duty twice at once, nor two stores, are exclusion constraints in SQL.
    """

    id = key()
    person = link(Person)
    role = text()
    place = optional_link(Place, index=True)
    starts_at = instant()
    ends_at = instant()
    entered_at = instant()
    entered_by = text()
    withdrawn_at = optional_instant()
    withdrawn_by = optional_text()
    reason = note()

    duty_shift_ends_after_it_starts = Check("ends_at > starts_at")
    duty_shift_is_withdrawn_by_someone = Check("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)")


class Delegation(
    Table, tablename="delegation", help_text="Approvals that somebody left to somebody else for some time"
):
    """A delegate (授权代理) for one kind of approval, named by its right; withdrawn with a reason, never deleted.

    That an approver leaves it to one person at a time is an exclusion constraint in SQL.
    """

    id = key()
    delegator = link(Person)
    delegate = link(Person, index=True)
    right = text()
    starts_at = instant()
    ends_at = instant()
    up_to_cny = optional_money()
    reason = note()
    entered_at = instant()
    entered_by = text()
    withdrawn_at = optional_instant()
    withdrawn_by = optional_text()
    withdrawal_reason = note()

    delegation_ends_after_it_starts = Check("ends_at > starts_at")
    delegation_is_to_somebody_else = Check("delegate <> delegator")
    delegation_is_of_an_amount = Check("up_to_cny >= 0")
    delegation_is_withdrawn_by_someone = Check("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)")


class DutyPost(Table, tablename="duty_post", help_text="A duty that somebody must hold at every hour"):
    """A role, at a store or for all of them, that is staffed 7x24 (D09)."""

    id = Serial(primary_key=True)
    role = text()
    place = optional_link(Place)

    duty_post_is_one_per_store = Unique([role, place], nulls_distinct=False)


class Message(
    Table, tablename="message", help_text="What somebody is told, by which channel, and whether it got there"
):
    """The outbox and everybody's inbox: one row per person and channel; `occasion` keeps it from being told twice."""

    id = key()
    occasion = text()
    person = link(Person)
    channel = text()
    kind = text()
    facts = document()
    step = optional_link(Step, index=True)
    state = text()
    created_at = instant()
    attempts = whole(0)
    claimed_at = optional_instant()
    sent_at = optional_instant()
    read_at = optional_instant()
    failure = note()

    message_is_told_once = Unique([occasion, person, channel])
    message_channel_is_known = Check("channel IN ('page', 'mail', 'wecom', 'dingtalk')")
    message_state_is_known = Check("state IN ('waiting', 'sent', 'failed', 'off')")
    message_attempts_are_not_negative = Check("attempts >= 0")
