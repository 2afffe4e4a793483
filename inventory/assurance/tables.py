"""Assurance's tables: the links by which a customer reads its own parts statement, and the ledger's seals."""

from piccolo.columns import UUID, BigInt, Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.ground.columns import (
    binary,
    instant,
    key,
    link,
    note,
    optional_instant,
    optional_text,
    text,
    whole,
)
from inventory.installed_base.tables import Contract


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
