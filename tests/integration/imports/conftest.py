"""What tests of imports share: uploading a table and letting the worker's own handler run it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from api.worker import Work, on_run_import
from inventory.ground import jobs
from inventory.ground.actor import Actor
from inventory.imports import imports
from inventory.imports.imports import FindingView, ImportView
from inventory.imports.kinds import KindName
from tests.conftest import settings_for
from tests.world import ADMIN

MOST = 32_000_000


async def worked(run: UUID, dsn: str) -> ImportView:
    """An import after the worker had it."""
    await on_run_import(jobs.RunImport(run), Work(settings_for(dsn)))
    return await imports.import_view(run, seen_by=ADMIN)


Importing = Callable[..., Awaitable[ImportView]]


@pytest.fixture
def checked(own_company: str) -> Importing:
    """Uploads a table and has it checked."""

    async def check(kind: KindName, table: str | bytes, *, by: Actor = ADMIN, name: str = "table.csv") -> ImportView:
        content = table.encode() if isinstance(table, str) else table
        uploaded = await imports.upload(kind, name, content, by=by, most_bytes=MOST)
        return await worked(uploaded.id, own_company)

    return check


@pytest.fixture
def imported(own_company: str, checked: Importing) -> Importing:
    """Uploads a table, has it checked, and brought in where it holds no mistake."""

    async def bring_in(kind: KindName, table: str | bytes, *, by: Actor = ADMIN, name: str = "table.csv") -> ImportView:
        ready = await checked(kind, table, by=by, name=name)
        if ready.state != "ready":
            return ready
        await imports.confirm(ready.id, by=by)
        return await worked(ready.id, own_company)

    return bring_in


async def told(run: ImportView, *, wrong: bool = True) -> list[FindingView]:
    """What was found in an import's file."""
    return await imports.findings(run.id, limit=1000, seen_by=ADMIN, wrong=wrong)


async def codes(run: ImportView, *, wrong: bool = True) -> list[tuple[int, str | None, str]]:
    """What was found, as line, column and code."""
    return [(finding.line, finding.column, finding.code) for finding in await told(run, wrong=wrong)]
