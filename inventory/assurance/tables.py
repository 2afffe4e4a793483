"""Assurance's tables: links to parts statements, the ledger's seals, the promise meter's cells, escalation, duty sheets."""

from piccolo.columns import UUID, BigInt, BigSerial, Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    binary,
    day,
    document,
    instant,
    key,
    link,
    note,
    optional_instant,
    optional_link,
    optional_text,
    text,
    whole,
)
from inventory.installed_base.tables import Contract
from inventory.places.tables import Place


class SharedLink(Table, tablename="shared_link", help_text="A read-only link to a contract's parts statement"):
    """A link that shows one contract's statement to whoever holds it; only its token's hash is kept."""

    id = key()
    contract = link(Contract, index=True)
    token_hash = binary()
    remark = note()
    created_at = instant()
    created_by = text()
    expires_at = instant()
    revoked_at = optional_instant()
    revoked_by = optional_text()
    last_opened_at = optional_instant()
    opened = whole(0)
    minute_at = optional_instant()
    opened_in_minute = whole(0)

    shared_link_ends_after_it_starts = Check("expires_at > created_at")


class LedgerSeal(
    Table, tablename="ledger_seal", help_text="Hashes over spans of the ledger and the audit trail; append-only"
):
    """One seal: the hash of a span's rows, chained to the seal before; and where the next span ends."""

    id = Serial(primary_key=True)
    stream = text()
    number = whole()
    until = UUID(default=None, null=False)
    rows = whole()
    digest = binary()
    chain = binary()
    sealed_at = instant()
    next_until = UUID(default=None, null=False)
    next_after = BigInt(default=None, null=False)

    ledger_seal_number_is_unique = Unique([stream, number])
    ledger_seal_stream_is_known = Check("stream IN ('movement', 'audit_entry')")


class CoverCell(
    Table, tablename="cover_cell", help_text="Whether a part can come in time to a contract's devices at a site"
):
    """What the promise meter keeps: the devices of one contract at one site that depend on a part are alike.

    `working` and `non_working` are the judgement under the limits of those hours; which of them holds, the calendar says
    at the time of asking. Everything that changes with the hour stays out of the row.
    """

    id = BigSerial(primary_key=True)
    part = link(Part)
    site = link(Place, index=True)
    contract = link(Contract, index=True)
    serving = optional_link(Place, index=True)
    working = document()
    non_working = document()

    cover_cell_is_one_per_part = Unique([part, site, contract])


class EscalationPolicy(
    Table, tablename="escalation_policy", help_text="Who hears of a late duty, and after how long; append-only"
):
    """A version of the policy: chains of rungs by kind of step, `default` for all others."""

    id = Serial(primary_key=True)
    version = whole()
    chains = document()
    valid_from = instant()
    approved_by = text()
    remark = note()

    escalation_policy_version_is_unique = Unique([version])


class DutySheet(Table, tablename="duty_sheet", help_text="A contract's duty sheet for a holiday, and who checked it"):
    """The sheet itself is read off the roster; this is that it was asked for, and checked."""

    id = key()
    contract = link(Contract)
    starts_on = day()
    ends_on = day()
    asked_at = instant()
    checked_at = optional_instant()
    checked_by = optional_text()

    duty_sheet_is_one_per_holiday = Unique([contract, starts_on])
    duty_sheet_ends_after_it_starts = Check("ends_on >= starts_on")
    duty_sheet_is_checked_by_someone = Check("(checked_at IS NULL) = (checked_by IS NULL)")
