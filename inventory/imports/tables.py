"""Imports: which file was checked or brought in, by whom, and what was found in it."""

from piccolo.columns import BigSerial
from piccolo.constraints import Check
from piccolo.table import Table

from inventory.ground.columns import (
    document,
    flag,
    instant,
    key,
    link,
    note,
    optional_instant,
    optional_text,
    reference,
    text,
    whole,
)
from inventory.ground.tables import StoredFile


class DataImport(
    Table, tablename="data_import", help_text="An uploaded table: checked, then brought in whole or not at all"
):
    """An import, from upload to result; `requested_as` is the actor with the rights and scope of that moment."""

    id = key()
    number = text(unique=True)
    kind = text()
    state = text()
    stored_file = link(StoredFile, index=True)
    file_name = text()
    job = reference(index=True)
    requested_as = document()
    requested_at = instant()
    requested_by = text()
    rows = whole(0)
    wrong_rows = whole(0)
    new_rows = whole(0)
    changed_rows = whole(0)
    checked_at = optional_instant()
    imported_at = optional_instant()

    data_import_state_is_known = Check(
        "state IN ('checking', 'refused', 'ready', 'importing', 'imported', 'failed', 'cancelled')"
    )
    data_import_brings_in_no_wrong_row = Check("state <> 'imported' OR wrong_rows = 0")


class ImportFinding(Table, tablename="import_finding", help_text="What was found in an import's file, cell by cell"):
    """A mistake in a cell, or (where not `wrong`) what would change by it."""

    id = BigSerial(primary_key=True)
    data_import = link(DataImport, index=True)
    line = whole()
    column_name = optional_text()
    value = note()
    code = text()
    facts = document(default="{}")
    wrong = flag(default=True)
