"""What parts cost and what stock is worth, over HTTP."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get
from litestar.params import FromQuery, QueryParameter

from api.access import requires
from api.answers import ApiRequest, Cursor, Limit, Page, decode_cursor, page
from api.problems import refusals
from api.routes.stock import Instant
from inventory.procurement import price_history, stock_value
from inventory.stock.time_travel import StockKey

AsOf = Annotated[Instant | None, QueryParameter(description="An instant; now where none is given")]
COSTS = [requires("costs.read")]


def key_of_value(line: stock_value.StockValue) -> StockKey:
    """What a line of stock is found again by."""
    return (line.part_number, line.depot, line.condition, line.owner, line.pool, "")


class MoneyController(Controller):
    """Stock value and price history."""

    tags = ("money",)

    @get("/stock-values", operation_id="ListStockValues", guards=COSTS, responses=refusals(404))
    async def stock_values(
        self,
        request: ApiRequest,
        *,
        as_of: AsOf = None,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[stock_value.StockValue]]:
        """List what the stores held at an instant and what it was worth then, at the moving average of part and pool."""
        found = await stock_value.stock_values(
            limit=limit + 1,
            seen_by=request.user,
            as_of=as_of,
            part_number=part,
            depot=depot,
            after=decode_cursor(cursor, StockKey),
        )
        return page(request, found, limit, key_of_value)

    @get("/book-values", operation_id="ShowBookValues", guards=COSTS, responses=refusals())
    async def book_values(self, request: ApiRequest, as_of: AsOf = None) -> list[stock_value.BookValue]:
        """Show what our stock was worth in the books at an instant, pool by pool, by both methods."""
        return await stock_value.book_values(limit=1000, seen_by=request.user, as_of=as_of)

    @get("/unit-values", operation_id="ListUnitValues", guards=COSTS, responses=refusals(404))
    async def unit_values(
        self,
        request: ApiRequest,
        *,
        as_of: AsOf = None,
        part: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[stock_value.UnitValue]]:
        """List units with what each came in with (specific identification)."""
        found = await stock_value.unit_values(
            limit=limit + 1,
            seen_by=request.user,
            as_of=as_of,
            part_number=part,
            depot=depot,
            after=decode_cursor(cursor, UUID),
        )
        return page(request, found, limit, lambda each: each.unit)

    @get("/value-steps", operation_id="ListValueSteps", guards=COSTS, responses=refusals(404))
    async def value_steps(
        self,
        request: ApiRequest,
        *,
        part: FromQuery[str | None] = None,
        pool: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[stock_value.ValueStepView]]:
        """List the books, the latest step first."""
        found = await stock_value.value_steps(
            limit=limit + 1,
            seen_by=request.user,
            part_number=part,
            pool=pool,
            before=decode_cursor(cursor, int),
        )
        return page(request, found, limit, lambda each: each.id)

    @get("/prices", operation_id="ListPrices", guards=COSTS, responses=refusals(404))
    async def prices(
        self,
        request: ApiRequest,
        part: FromQuery[str],
        *,
        vendor: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[price_history.PricePoint]]:
        """List what was offered of a part and what it was ordered for, the latest first."""
        found = await price_history.prices(
            part,
            limit=limit + 1,
            seen_by=request.user,
            vendor=vendor,
            after=decode_cursor(cursor, price_history.PriceKey),
        )
        return page(request, found, limit, lambda each: (each.on, each.id))
