"""The promise meter over HTTP: whether the parts that devices depend on can come in time now."""

from typing import Annotated, Literal

from litestar import Controller, Response, get
from litestar.params import FromPath, FromQuery, QueryParameter

from api.access import requires
from api.answers import ApiRequest, Cursor, Limit, Page, decode_cursor, page
from api.problems import refusals
from inventory.assurance.meter import coverage, previewing
from inventory.assurance.meter.judging import State
from inventory.stock.pools import COMMON

Severity = Literal["general", "severe"]
Code = Annotated[str, QueryParameter(min_length=1, max_length=200)]


class CoverageController(Controller):
    """The promise meter (保障状态)."""

    tags = ("coverage",)

    @get("/coverage", operation_id="ListCoverage", guards=[requires("devices.read")], responses=refusals(404))
    async def list_coverage(
        self,
        request: ApiRequest,
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        contract: FromQuery[str | None] = None,
        site: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        part: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[coverage.PartCover]]:
        """List critical parts by contract and site, the worst first; `depot` is the store that serves the site."""
        found = await coverage.parts(
            coverage.Filter(contract=contract, site=site, depot=depot, part_number=part),
            limit=limit + 1,
            seen_by=request.user,
            state=in_state,
            after=decode_cursor(cursor, coverage.Place),
        )
        return page(request, found, limit, coverage.place_of)

    @get("/coverage/summary", operation_id="GetCoverage", guards=[requires("devices.read")], responses=refusals(404))
    async def get_summary(self, request: ApiRequest, depot: FromQuery[str | None] = None) -> coverage.Board:
        """Count devices by how their promise stands, contract by contract, the worst first."""
        return await coverage.board(seen_by=request.user, depot=depot)

    @get(
        "/coverage/devices", operation_id="ListDeviceStates", guards=[requires("devices.read")], responses=refusals(404)
    )
    async def list_devices(
        self,
        request: ApiRequest,
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        contract: FromQuery[str | None] = None,
        site: FromQuery[str | None] = None,
        depot: FromQuery[str | None] = None,
        part: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[coverage.DeviceState]]:
        """List devices with how their promise stands, by serial, and which of their parts stand worst."""
        found = await coverage.device_states(
            coverage.Filter(contract=contract, site=site, depot=depot, part_number=part),
            limit=limit + 1,
            seen_by=request.user,
            state=in_state,
            after=decode_cursor(cursor, str) or "",
        )
        return page(request, found, limit, lambda device: device.serial)

    @get(
        "/devices/{serial:str}/coverage",
        operation_id="GetDeviceCoverage",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def get_device(
        self, request: ApiRequest, serial: FromPath[str], severity: FromQuery[Severity | None] = None
    ) -> coverage.DeviceCover:
        """Show whether each critical part of a device can come in time now; by the strictest severity unless one is named."""
        return await coverage.device_cover(serial, seen_by=request.user, severity=severity)

    @get(
        "/contracts/{code:str}/coverage",
        operation_id="GetContractCoverage",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def get_contract(self, request: ApiRequest, code: FromPath[str]) -> coverage.Coverage:
        """Show how a contract stands, site by site, and its critical parts, the worst first."""
        return await coverage.coverage("contract", code, seen_by=request.user)

    @get(
        "/sites/{code:str}/coverage",
        operation_id="GetSiteCoverage",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def get_site(self, request: ApiRequest, code: FromPath[str]) -> coverage.Coverage:
        """Show how a site stands, contract by contract."""
        return await coverage.coverage("site", code, seen_by=request.user)

    @get(
        "/depots/{code:str}/coverage",
        operation_id="GetDepotCoverage",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def get_depot(self, request: ApiRequest, code: FromPath[str]) -> coverage.Coverage:
        """Show how what a store serves stands, contract by contract."""
        return await coverage.coverage("depot", code, seen_by=request.user)

    @get("/cover/preview", operation_id="PreviewCover", guards=[requires("devices.read")], responses=refusals(404))
    async def preview(
        self,
        request: ApiRequest,
        part: Code,
        depot: Code,
        quantity: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
        pool: Code = COMMON,
    ) -> previewing.Preview:
        """Show which devices would lose cover if free stock were reserved, issued, transferred or adjusted away."""
        taking = previewing.Taking(part_number=part, depot=depot, pool=pool, quantity=quantity)
        return await previewing.cover_lost_by([taking], seen_by=request.user)
