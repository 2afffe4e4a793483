"""The schema and its migrations are one: Piccolo finds nothing to migrate, and the database is what the tables say."""

from piccolo.apps.migrations.commands.new import AutoMigrationManager
from piccolo.columns import BigSerial, Serial

from inventory.ground import db
from inventory.piccolo_app import APP_CONFIG, TABLES
from inventory.stock.tables import Movement

TYPE_NAMES = {"SERIAL": "integer", "BIGSERIAL": "bigint", "TIMESTAMPTZ": "timestamp with time zone"}
OF_THE_DATABASE_ONLY = {("level", "free"), ("event", "written_in")}
"""Columns that only SQL can make; no table class may name them."""


async def test_migrations_lag_behind_no_table():
    statements = await AutoMigrationManager(auto_input="n").get_alter_statements(APP_CONFIG)

    assert [line for statement in statements for line in statement.statements] == []


async def test_every_column_is_in_the_database_as_its_table_says(shared_database):
    found = {
        (row["table_name"], row["column_name"]): (row["data_type"], row["is_nullable"] == "YES")
        for row in await db.fetch(
            """SELECT table_name, column_name, is_nullable,
                      CASE data_type WHEN 'character varying' THEN 'varchar(' || character_maximum_length || ')'
                                     WHEN 'time without time zone' THEN 'time'
                                     WHEN 'ARRAY' THEN (
                                         SELECT replace(format_type(atttypid, atttypmod), 'character varying', 'varchar')
                                         FROM pg_attribute
                                         WHERE attrelid = quote_ident(table_name)::regclass AND attname = column_name)
                                     WHEN 'numeric' THEN 'numeric(' || numeric_precision || ', ' || numeric_scale || ')'
                                     ELSE data_type END AS data_type
               FROM information_schema.columns
               WHERE table_schema = 'public' AND table_name !~ '^(pgqueuer|migration|movement_)'"""
        )
    }
    wanted = {
        (table._meta.tablename, column._meta.db_column_name): (
            TYPE_NAMES.get(column.column_type, column.column_type.lower()),
            column._meta.null and not isinstance(column, Serial | BigSerial),
        )
        for table in TABLES
        for column in table._meta.columns
    }

    assert {key: value for key, value in found.items() if key not in OF_THE_DATABASE_ONLY} == wanted


async def test_every_constraint_says_its_fact_in_the_database(shared_database):
    found = {row["conname"] for row in await db.fetch("SELECT conname FROM pg_constraint")}
    wanted = {constraint._meta.name for table in TABLES for constraint in table._meta.constraints}

    assert wanted - found == set()
    assert len(wanted) > 80


async def test_what_must_never_change_is_guarded(shared_database):
    rows = await db.fetch(
        "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid WHERE tgname = 'append_only'"
    )

    assert {row["relname"] for row in rows} >= {
        "movement",
        "audit_entry",
        "case_entry",
        "event",
        "count_scan",
        "reversal",
    }


async def test_the_ledgers_partitions_carry_every_guard(shared_database):
    partitions = await db.fetch(
        """SELECT child.relname, (SELECT count(*) FROM pg_trigger WHERE tgrelid = child.oid AND NOT tgisinternal) AS guards
           FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
           WHERE inhparent = 'movement'::regclass"""
    )

    assert len(partitions) >= 4
    assert {row["guards"] for row in partitions} == {2}


def test_only_the_ledger_is_migrated_in_sql():
    assert {table for table in TABLES if table not in APP_CONFIG.table_classes} == {Movement}
