"""Master data as CSV: every kind's list at its own address with `.csv` behind it, its columns those of its description."""

from collections.abc import AsyncGenerator
from datetime import time
from typing import Annotated, Any

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.response import Stream

from api.access import reads_master_data
from api.answers import ApiRequest
from api.exchange import exports
from api.exchange.writing import MARK, MEDIA_TYPE, lines, saved_as, words
from api.languages import Language
from api.problems import refusals
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.master_data import records
from inventory.master_data.fields import Field
from inventory.master_data.kinds import Kind

Rows = list[tuple[int, records.Record]]


def exports_of_kinds() -> list[HTTPRouteHandler]:
    """The exports of all kinds."""
    return [_export_of(kind) for kind in records.KINDS.values()]


def _export_of(kind: Kind) -> HTTPRouteHandler:
    async def export(
        request: ApiRequest, search: Annotated[str | None, QueryParameter(max_length=100)] = None
    ) -> Stream:
        first = await _page(kind, request.user, search, None)  # whatever it refuses, it refuses before anything is sent
        return Stream(
            _written(kind, first, request.user, search, exports.language_of(request)),
            media_type=MEDIA_TYPE,
            headers=saved_as(f"{kind.name}-{clock.now():%Y-%m-%d}.csv"),
        )

    export.__doc__ = f"{kind.en}: all rows, or those that `search` matches, as CSV."
    return get(
        f"/master-data/{kind.name}.csv",
        operation_id=f"ExportMasterData{''.join(word.capitalize() for word in kind.name.split('-'))}",
        guards=[reads_master_data],
        tags=["master data"],
        responses=refusals(),
        media_type=MEDIA_TYPE,
    )(export)


async def _page(kind: Kind, reader: Actor, search: str | None, after: tuple[str, int] | None) -> Rows:
    return await records.records(kind, limit=exports.AT_ONCE, seen_by=reader, after=after, search=search or None)


async def _written(
    kind: Kind, first: Rows, reader: Actor, search: str | None, language: Language
) -> AsyncGenerator[str]:
    """An export's text, page by page."""
    fields = kind.seen(reader)
    yield MARK + lines([[field.heading(language) for field in fields]])
    current = first
    while current:
        yield lines(
            [
                [words(_called(field, row.values[field.name], language), language) for field in fields]
                for _, row in current
            ]
        )
        if len(current) < exports.AT_ONCE:
            return
        last_id, last = current[-1]
        current = await _page(kind, reader, search, (last.title, last_id))


def _called(field: Field, value: Any, language: Language) -> Any:
    """A value as people call it; a choice by its label, as imports read it."""
    if isinstance(value, str) and (names := field.choices.get(value)):
        return names[language == "zh"]
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)[:5] if isinstance(value, time) else value
