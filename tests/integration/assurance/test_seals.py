"""Seals: a row changed, lost or slipped in under the seals is found, and so are seals made anew."""

from datetime import timedelta

import pytest

from api.exchange.seals import NoCopyOfSeals, read_copy
from inventory.assurance import invariants, seals
from inventory.ground import audit, db
from inventory.stock import receipts
from tests.integration.test_cli import beijian
from tests.world import AUDITOR, FAN, SETUP


async def sealed(**how: int) -> int:
    """Everything so far sealed: one run says where the span ends, the next one seals it."""
    await seals.seal(margin=timedelta(0), **how)
    return await seals.seal(margin=timedelta(0), **how)


async def tamper(statement: str) -> None:
    """What the owner of the tables can do: switch the trigger off, rewrite, and switch it on again."""
    for table in ("movement", "audit_entry", "ledger_seal"):
        await db.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
    await db.execute(statement)
    for table in ("movement", "audit_entry", "ledger_seal"):
        await db.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")


async def test_what_came_to_rest_is_sealed_once_and_fits(own_company):
    await receipts.adjust("GZ", FAN, 1, by=SETUP, reason="found")
    written = await db.fetch_value("SELECT (SELECT count(*) FROM movement) + (SELECT count(*) FROM audit_entry)")

    assert await sealed() == written
    assert await sealed() == 0
    assert await seals.broken() == []
    assert sum(seal.rows for seal in await seals.seals(limit=100, seen_by=AUDITOR)) == written
    assert {seal.stream for seal in await seals.newest()} == {"movement", "audit_entry"}


async def test_what_is_still_being_written_waits(own_company):
    await seals.seal(margin=timedelta(0))
    async with db.apart(), db.held_connection() as other:
        await other.execute("BEGIN")
        await other.execute("UPDATE part SET lithium = lithium")
        await receipts.adjust("GZ", FAN, 1, by=SETUP, reason="found")
        await seals.seal(margin=timedelta(0))
        assert await seals.seal(margin=timedelta(0)) == 0  # somebody who began before may still write into the span
        await other.execute("COMMIT")
    assert await seals.seal(margin=timedelta(0)) > 0
    assert await seals.broken() == []


async def test_a_long_span_is_sealed_piece_by_piece(own_company):
    written = await db.fetch_value("SELECT count(*) FROM movement")
    await sealed(most_rows=3)
    spans = [seal.rows for seal in await seals.seals(limit=100, seen_by=AUDITOR) if seal.stream == "movement"]

    assert sum(spans) == written
    assert max(spans) == 3
    assert await seals.broken() == []


TAMPERING = [
    "UPDATE movement SET actor = 'somebody-else', reason = 'forged' WHERE id = (SELECT min(id::text)::uuid FROM movement)",
    "DELETE FROM movement WHERE id = (SELECT max(id::text)::uuid FROM movement)",
    """INSERT INTO movement SELECT (overlay(id::text placing '0' from 36))::uuid, recorded_at, occurred_at, kind, part,
           quantity, unit, lot, from_place, from_condition, from_owner, from_pool, from_bin, to_place, to_condition, to_owner,
           to_pool, to_bin, reservation, document_kind, document, 'slipped in', actor, reverses, receipt
       FROM movement WHERE id::text NOT LIKE '%0' LIMIT 1""",
]


@pytest.mark.parametrize("statement", TAMPERING)
async def test_a_movement_changed_lost_or_slipped_in_breaks_its_seal(own_company, statement):
    await sealed()
    await tamper(statement)
    (broken,) = await seals.broken()
    told = [found for found in await invariants.violations() if found.invariant == invariants.SEALED]

    assert (broken.stream, broken.number) == ("movement", 1)
    assert "movement seal 1" in told[0].what
    assert told[0].movements


async def test_a_changed_audit_entry_or_seal_is_found(own_company):
    await sealed()
    await tamper("UPDATE audit_entry SET reason = 'forged'")
    assert [found.stream for found in await seals.broken()] == ["audit_entry"]
    await tamper("UPDATE ledger_seal SET rows = rows + 1 WHERE stream = 'movement' AND number = 1")
    assert {found.stream for found in await seals.broken()} == {"audit_entry", "movement"}


async def test_seals_cannot_be_changed_and_the_first_broken_one_is_named(own_company):
    await sealed()
    with pytest.raises(db.DatabaseError, match="append-only"):
        await db.execute("UPDATE ledger_seal SET rows = 0")
    await receipts.adjust("GZ", FAN, 1, by=SETUP, reason="later")
    await sealed()
    await tamper("UPDATE movement SET reason = 'forged'")
    (broken,) = await seals.broken()
    assert broken.number == 1


async def test_a_copy_kept_outside_proves_that_the_ledger_was_sealed_anew(own_company, caller, tmp_path):
    await sealed()
    api = await caller(own_company)
    for language in ("en", "zh"):
        exported = await api.get("/ledger-seals.csv", role="inspector", language=language)
        (tmp_path / f"{language}.csv").write_bytes(exported.content)
    here = {"DATABASE_URL": own_company, "BEIJIAN_STATE": str(tmp_path)}
    right = [beijian("verify", "--seals", tmp_path / f"{language}.csv", **here) for language in ("en", "zh")]
    await tamper("UPDATE movement SET reason = 'forged'; DELETE FROM ledger_seal")
    await sealed()  # whoever can forge the rows can forge the seals too: only the copy tells
    silent = beijian("verify", **here)
    wrong = beijian("verify", "--seals", tmp_path / "zh.csv", **here)

    assert [done.returncode for done in right] == [0, 0], right[0].stdout + right[0].stderr
    assert "seals of the copy are ours" in right[0].stdout
    assert (silent.returncode, wrong.returncode) == (0, 1)
    assert "of the copy is not ours: the ledger was sealed anew" in wrong.stdout


def test_a_file_that_is_no_copy_is_refused():
    with pytest.raises(NoCopyOfSeals):
        read_copy("id,stream\n1,movement\n")


async def test_the_audit_trail_is_sealed_as_it_is_written(own_company):
    await sealed()
    await audit.record("drill", "part", FAN, by=SETUP, change={"a": 1})
    assert await sealed() == 1
