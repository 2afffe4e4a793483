"""The database: the only file that knows the driver.

`engine` is Piccolo's; tables and migrations go through it. Verbs are `@atomic`; questions and verbs speak
SQL through `fetch`, `fetch_one`, `fetch_value`, `read` and `execute`, whose values always travel as parameters.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from functools import wraps
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast, override

import asyncpg
import msgspec
from asyncpg.connection import Connection
from asyncpg.pool import PoolConnectionProxy
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

from inventory.ground.errors import Busy, DoesNotFit, NotText, refusal_for

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Row = asyncpg.Record
"""A row of a question that has no Struct of its own; columns by name."""

DatabaseError = asyncpg.PostgresError
"""Whatever PostgreSQL itself complains of."""

ATTEMPTS = 4
"""How often a verb is tried when it loses a deadlock or a serialization race."""

SESSION_SETTINGS = {
    "lock_timeout": "5s",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
}
"""Limits on everything: no statement, lock or forgotten transaction may hold up the others."""

STATEMENTS_KEPT: dict[str, Any] = {
    "statement_cache_size": 1_000,
    "max_cached_statement_lifetime": 0,
    "max_cacheable_statement_size": 64 * 1024,
}
"""Statements stay prepared as long as their connection lives: the house has several hundred, and planning the long ones
anew takes longer than running them. The driver would keep a hundred, for five minutes, and none of the longest."""


class SafeTransaction(PostgresTransaction):
    """Piccolo's transaction, but a failing COMMIT or ROLLBACK loses neither connection nor context."""

    @override
    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._parent is not None:
            return False
        try:
            if exception is None and not (self._committed or self._rolled_back):
                await self.commit()
            elif exception is not None and not self._rolled_back:
                await self.rollback()
        except BaseException:
            self.connection.terminate()
            raise
        finally:
            self.engine.current_transaction.reset(self.context)
            if self.engine.pool:
                await self.engine.pool.release(self.connection)
            else:
                await self.connection.close()
        return False


class Engine(PostgresEngine):
    """The application's engine; `point_at` says which database it means."""

    @override
    async def check_version(self) -> None:
        """Ask nothing of the network while modules are imported; `connected` checks."""

    @override
    async def prep_database(self) -> None:
        """Leave extensions to the migrations."""

    @override
    def transaction(self, allow_nested: bool = True) -> SafeTransaction:
        return SafeTransaction(engine=self, allow_nested=allow_nested)

    @override
    async def get_new_connection(self) -> Any:
        connection = await asyncpg.connect(**self.config)
        await _prepare(connection)
        return connection


engine = Engine(config={})


def point_at(dsn: str) -> None:
    """Say which database `engine` means, without connecting yet."""
    engine.config = {"dsn": dsn, "server_settings": SESSION_SETTINGS}


async def _prepare(connection: Any) -> None:
    """Let JSONB columns read and write as Python values (text passes as JSON already made)."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=_as_json,
        decoder=msgspec.json.decode,
    )
    await connection.set_type_codec(
        "date",
        schema="pg_catalog",
        encoder=_as_days,
        decoder=_from_days,
        format="tuple",
    )


_DAY_ZERO = date(2000, 1, 1).toordinal()


def _as_days(day: date) -> tuple[int]:
    """A date as PostgreSQL counts it; the driver would make “infinity” of 9999-12-31, which JSON cannot say.

    >>> _from_days(_as_days(date.max)) == date.max
    True
    """
    return (day.toordinal() - _DAY_ZERO,)


def _from_days(days: tuple[int]) -> date:
    return date.fromordinal(days[0] + _DAY_ZERO)


async def _leave_clean(connection: Any) -> None:
    """Hand a connection back without a round trip: nothing here changes a session but what `held_connection` lends."""
    if connection.is_in_transaction():
        await connection.reset()


def _as_json(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


@asynccontextmanager
async def connected(
    dsn: str,
    *,
    pool_size: int = 8,
    application: str = "beijian",
    durable: bool = True,
    statement_seconds: int | None = None,
) -> AsyncGenerator[None]:
    """Hold a pool of connections to `dsn` while the block runs; a statement may take `statement_seconds` at most.

    Without `durable` a commit does not wait for the disk: for loading what can be loaded again, never for a ledger.
    """
    point_at(dsn)
    settings = {**SESSION_SETTINGS, "application_name": application, "synchronous_commit": "on" if durable else "off"}
    if statement_seconds is not None:
        settings["statement_timeout"] = f"{statement_seconds}s"
    engine.config |= {"server_settings": settings, **STATEMENTS_KEPT}
    await engine.start_connection_pool(min_size=1, max_size=pool_size, init=_prepare, reset=_leave_clean)
    try:
        yield
    finally:
        await engine.close_connection_pool()


def in_transaction() -> bool:
    """Whether a transaction is open in this context."""
    return engine.current_transaction.get() is not None


@asynccontextmanager
async def connection() -> AsyncGenerator[Connection | PoolConnectionProxy]:
    """The connection of the open transaction, or one from the pool for a single statement.

    Raises:
        NotText: a text parameter holds NUL, which PostgreSQL keeps in no text.
        DoesNotFit: a text is longer, or a number or time larger, than what is kept or asked for can be.

    """
    transaction = engine.current_transaction.get()
    try:
        if transaction is not None:
            yield transaction.connection
        elif engine.pool is not None:
            async with engine.pool.acquire() as borrowed:
                yield cast("PoolConnectionProxy", borrowed)
        else:
            raise RuntimeError("no connection pool: wrap the program in db.connected()")
    except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
        raise NotText from error
    except (
        asyncpg.StringDataRightTruncationError,
        asyncpg.NumericValueOutOfRangeError,
        asyncpg.DatetimeFieldOverflowError,
    ) as error:
        raise DoesNotFit from error
    except asyncpg.DataError as error:
        if isinstance(error.__cause__, OverflowError):  # the driver itself could not send it
            raise DoesNotFit from error
        raise


@asynccontextmanager
async def held_connection() -> AsyncGenerator[PoolConnectionProxy]:
    """A connection of one's own, beside any transaction: for session locks and listening."""
    if engine.pool is None:
        raise RuntimeError("no connection pool: wrap the program in db.connected()")
    async with engine.pool.acquire() as borrowed:
        try:
            yield cast("PoolConnectionProxy", borrowed)
        finally:
            await borrowed.reset()


async def fetch(sql: str, *args: object) -> list[Row]:
    """Run one statement and return its rows."""
    async with connection() as at:
        return await at.fetch(sql, *args)


async def fetch_one(sql: str, *args: object) -> Row | None:
    """Run one statement and return its first row, if any."""
    async with connection() as at:
        return await at.fetchrow(sql, *args)


async def fetch_value(sql: str, *args: object) -> Any:
    """Run one statement and return the first column of its first row."""
    async with connection() as at:
        return await at.fetchval(sql, *args)


async def execute(sql: str, *args: object) -> int:
    """Run one statement and return how many rows it touched."""
    async with connection() as at:
        status = await at.execute(sql, *args)
    count = status.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0


async def execute_many(sql: str, rows: Sequence[Sequence[object]]) -> None:
    """Run one statement for each row of parameters, pipelined."""
    async with connection() as at:
        await at.executemany(sql, rows)


async def copy(table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write many rows to a table the fastest way there is."""
    async with connection() as at:
        await at.copy_records_to_table(table, records=rows, columns=list(columns))


async def read[T](into: type[T], sql: str, *args: object) -> list[T]:
    """Run one statement and return its rows as Structs."""
    return msgspec.convert([dict(row) for row in await fetch(sql, *args)], list[into])


async def read_one[T](into: type[T], sql: str, *args: object) -> T | None:
    """Run one statement and return its first row as a Struct, if any."""
    row = await fetch_one(sql, *args)
    return None if row is None else msgspec.convert(dict(row), into)


@asynccontextmanager
async def apart() -> AsyncGenerator[None]:
    """Let the block act outside the open transaction, and at once: for telling how far that one is."""
    token = engine.current_transaction.set(None)
    try:
        yield
    finally:
        engine.current_transaction.reset(token)


@asynccontextmanager
async def savepoint() -> AsyncGenerator[None]:
    """Undo what the block wrote, and only that, when it raises."""
    transaction = engine.current_transaction.get()
    if transaction is None:
        raise RuntimeError("a savepoint needs an open transaction")
    mark = await transaction.savepoint()
    try:
        yield
    except BaseException:
        await mark.rollback_to()
        raise
    await mark.release()


def atomic[**P, R](verb: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Run a verb in one transaction, joining an outer one.

    The outermost verb is tried again when it loses a deadlock or a serialization race, and turns a violated
    constraint into the refusal that the constraint stands for.
    """

    @wraps(verb)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_transaction():
            return await verb(*args, **kwargs)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with engine.transaction():
                    return await verb(*args, **kwargs)
            except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError) as error:
                if attempt == ATTEMPTS:
                    raise Busy from error
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311  spreads rivals, guards nothing
            except (asyncpg.LockNotAvailableError, asyncpg.TooManyConnectionsError) as error:
                raise Busy from error
            except asyncpg.IntegrityConstraintViolationError as error:
                refusal = refusal_for(getattr(error, "constraint_name", None))
                if refusal is None:
                    raise
                raise refusal from error
        raise AssertionError("unreachable")

    return run
