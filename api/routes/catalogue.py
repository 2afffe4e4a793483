"""Parts, places, customers' contracts and devices over HTTP: what is known, and what was promised for it."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct

from api.access import requires
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page, told
from api.instants import Instant
from api.problems import refusals
from api.routes.stock import Code
from inventory.assurance import stores
from inventory.catalogue import models, parts
from inventory.ground import clock
from inventory.installed_base import contracts, devices, failures, fitted, severities, warranties
from inventory.places import places, register
from inventory.requests import availability, kits


class NewFailure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A failure event; `source` and `reference` are your own name for it."""

    device: Code
    part_number: Code
    occurred_at: Instant
    position: Code | None = None
    code: Code | None = None
    source: Code | None = None
    reference: Code | None = None


class FailureBatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several failure events, recorded all or none."""

    items: Annotated[list[NewFailure], Meta(min_length=1, max_length=1000)]


class NewLookup(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the maker said: `asked` names its page, phone or case."""

    result: warranties.LookupResult
    asked: Code
    warranty_until: date | None = None
    looked_up_at: Instant | None = None
    remark: Annotated[str, Meta(max_length=2000)] = ""


class Symptom(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A symptom's names."""

    name_zh: Code
    name_en: Code


class KitLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part worth taking along against a symptom, on one model or on all."""

    symptom: Code
    part: Code
    quantity: Annotated[int, Meta(ge=1, le=100)] = 1
    model: Code | None = None


class Severity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A severity; the higher rank is worse."""

    code: Code
    name_zh: Code
    name_en: Code
    definition_zh: Annotated[str, Meta(max_length=2000)] = ""
    definition_en: Annotated[str, Meta(max_length=2000)] = ""
    rank: Annotated[int, Meta(ge=0, le=100)]
    priority_class: Code


class Severities(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a contract calls how bad."""

    severities: Annotated[list[Severity], Meta(max_length=20)]


class FailureAnswers(Struct, frozen=True):
    """What became of each, in order."""

    items: list[failures.FailureView]


def _domain(new: NewFailure) -> failures.NewFailure:
    return failures.NewFailure(
        device=new.device,
        part_number=new.part_number,
        occurred_at=new.occurred_at,
        position=new.position,
        code=new.code,
        source=new.source,
        reference=new.reference,
    )


class PartController(Controller):
    """The parts catalogue."""

    path = "/parts"
    tags = ("parts",)

    @get(operation_id="ListParts", guards=[requires("parts.read")], responses=refusals())
    async def list_parts(
        self,
        request: ApiRequest,
        search: Annotated[str | None, QueryParameter(max_length=100)] = None,
        kind: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[parts.PartView]]:
        """List parts; `search` matches number, name in either language, or alias."""
        found = await parts.parts(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "", search=search, kind=kind
        )
        return page(request, found, limit, lambda part: part.part_number)

    @get("/{part_number:str}", operation_id="GetPart", guards=[requires("parts.read")], responses=refusals(404))
    async def get_part(self, request: ApiRequest, part_number: FromPath[str]) -> parts.PartView:
        """Show one part, by number or alias."""
        return await parts.part(part_number, seen_by=request.user)

    @get(
        "/{part_number:str}/availability",
        operation_id="GetAvailability",
        guards=[requires("parts.request")],
        responses=refusals(404),
    )
    async def get_availability(
        self,
        request: ApiRequest,
        part_number: FromPath[str],
        site: FromQuery[str | None] = None,
        device: FromQuery[str | None] = None,
        need_by: FromQuery[Instant | None] = None,
        quantity: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
    ) -> availability.Availability:
        """Show where a part and its substitutes are free, network-wide, and when they could be at a site.

        With a `device`, only what may go into it.
        """
        return await availability.availability(
            part_number, site=site, need_by=need_by, quantity=quantity, device=device, seen_by=request.user
        )


class DeviceController(Controller):
    """The installed base."""

    tags = ("devices",)

    @get("/device-models", operation_id="ListDeviceModels", guards=[requires("parts.read")], responses=refusals())
    async def list_models(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[models.ModelView]]:
        """List device models with their parts lists."""
        found = await models.models(limit=limit + 1, after=decode_cursor(cursor, str) or "")
        return page(request, found, limit, lambda model: model.code)

    @get("/devices", operation_id="ListDevices", guards=[requires("devices.read")], responses=refusals(404))
    async def list_devices(
        self,
        request: ApiRequest,
        model: FromQuery[str | None] = None,
        site: FromQuery[str | None] = None,
        contract: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[devices.DeviceView]]:
        """List covered devices."""
        found = await devices.devices(
            limit=limit + 1,
            seen_by=request.user,
            after=decode_cursor(cursor, str) or "",
            model=model,
            site=site,
            contract=contract,
        )
        return page(request, found, limit, lambda device: device.serial)

    @get("/devices/{serial:str}", operation_id="GetDevice", guards=[requires("devices.read")], responses=refusals(404))
    async def get_device(self, request: ApiRequest, serial: FromPath[str]) -> devices.DeviceView:
        """Show one device, by serial or registration number."""
        return await devices.device(serial, seen_by=request.user)

    @get(
        "/devices/{serial:str}/entitlement",
        operation_id="GetEntitlement",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def get_entitlement(
        self,
        request: ApiRequest,
        serial: FromPath[str],
        severity: FromQuery[str] = "general",
        at: FromQuery[Instant | None] = None,
    ) -> devices.Entitlement:
        """Show what the contract promises for a fault reported at an instant (default: now)."""
        device = await devices.find(serial, seen_by=request.user)
        return devices.entitlement_of(device, severity, at or clock.now())

    @get(
        "/devices/{serial:str}/fitted-parts",
        operation_id="ListFittedParts",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def list_fitted(self, request: ApiRequest, serial: FromPath[str]) -> list[fitted.FittedView]:
        """List what was fitted into a device, and what came out again."""
        return await fitted.fitted(serial, seen_by=request.user)

    @get(
        "/devices/{serial:str}/warranty-lookups",
        operation_id="ListWarrantyLookups",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def list_lookups(self, request: ApiRequest, serial: FromPath[str]) -> list[warranties.LookupView]:
        """List what the maker said about a device's warranty, latest first."""
        return await warranties.lookups(serial, seen_by=request.user)

    @post(
        "/devices/{serial:str}/warranty-lookups",
        operation_id="RecordWarrantyLookup",
        guards=[requires("warranties.record")],
        responses=refusals(404),
    )
    async def record_lookup(
        self, request: ApiRequest, serial: FromPath[str], data: JSONBody[NewLookup], idempotency_key: Key = None
    ) -> Response[warranties.LookupView]:
        """Record what the maker said; attach the screenshot to the answer's id."""
        return await once(
            request,
            idempotency_key,
            lambda: warranties.record_lookup(
                serial,
                data.result,
                by=request.user,
                asked=data.asked,
                warranty_until=data.warranty_until,
                looked_up_at=data.looked_up_at,
                remark=data.remark,
            ),
            status=201,
        )

    @get("/symptoms", operation_id="ListSymptoms", guards=[requires("devices.read")], responses=refusals())
    async def list_symptoms(self) -> list[kits.SymptomView]:
        """List the symptoms that kits are known for."""
        return await kits.symptoms()

    @get(
        "/device-models/{model:str}/kit",
        operation_id="GetKit",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def get_kit(self, model: FromPath[str], symptom: FromQuery[str]) -> list[kits.KitPart]:
        """Show what is worth taking along against a symptom on a model."""
        return await kits.kit(symptom, model)

    @put("/symptoms/{code:str}", operation_id="PutSymptom", guards=[requires("parts.manage")], responses=refusals())
    async def put_symptom(
        self, request: ApiRequest, code: FromPath[str], data: JSONBody[Symptom], idempotency_key: Key = None
    ) -> Response[list[kits.SymptomView]]:
        """Enter a symptom, or give it other names."""
        symptom = kits.SymptomView(code=code, name_zh=data.name_zh, name_en=data.name_en)
        return await once(request, idempotency_key, lambda: kits.enter_symptoms([symptom], by=request.user))

    @post("/kit-lines", operation_id="ListInKit", guards=[requires("parts.manage")], responses=refusals(404))
    async def list_in_kit(
        self, request: ApiRequest, data: JSONBody[KitLine], idempotency_key: Key = None
    ) -> Response[list[kits.KitPart]]:
        """Name a part worth taking along against a symptom."""
        line = told(data, kits.NewKitLine)
        return await once(request, idempotency_key, lambda: kits.list_in_kit(line, by=request.user), status=201)

    @get(
        "/devices/{serial:str}/history",
        operation_id="GetDeviceHistory",
        guards=[requires("devices.read")],
        responses=refusals(404),
    )
    async def get_history(self, request: ApiRequest, serial: FromPath[str]) -> list[devices.HistoryEntry]:
        """Show a device's failures, latest first."""
        return await devices.history(serial, seen_by=request.user)


class FailureController(Controller):
    """Failure events."""

    path = "/failures"
    tags = ("failures",)

    @get(operation_id="ListFailures", guards=[requires("devices.read")], responses=refusals(404))
    async def list_failures(
        self,
        request: ApiRequest,
        part: FromQuery[str | None] = None,
        device: FromQuery[str | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[failures.FailureView]]:
        """List failures, latest recorded first."""
        found = await failures.failures(
            limit=limit + 1, seen_by=request.user, before=decode_cursor(cursor, UUID), part_number=part, device=device
        )
        return page(request, found, limit, lambda failure: failure.id)

    @post(operation_id="RecordFailure", guards=[requires("failures.record")], responses=refusals(409))
    async def record(
        self, request: ApiRequest, data: JSONBody[NewFailure], idempotency_key: Key = None
    ) -> Response[failures.FailureView]:
        """Record a failure; one that is known already is answered, not doubled."""

        async def act() -> failures.FailureView:
            return (await failures.record_failures([_domain(data)], by=request.user))[0]

        return await once(request, idempotency_key, act, status=201)

    @post("/bulk", operation_id="RecordFailures", guards=[requires("failures.record")], responses=refusals(409))
    async def record_many(
        self, request: ApiRequest, data: JSONBody[FailureBatch], idempotency_key: Key = None
    ) -> Response[FailureAnswers]:
        """Record several failures, all or none; late and corrected ones are welcome."""

        async def act() -> FailureAnswers:
            return FailureAnswers(await failures.record_failures([_domain(new) for new in data.items], by=request.user))

        return await once(request, idempotency_key, act, status=201)


class ContractController(Controller):
    """Who was promised what."""

    tags = ("contracts",)

    @get("/contracts", operation_id="ListContracts", guards=[requires("contracts.read")], responses=refusals())
    async def list_contracts(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[contracts.ContractView]]:
        """List contracts with their service terms."""
        found = await contracts.contracts(limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "")
        return page(request, found, limit, lambda contract: contract.code)

    @get(
        "/contracts/{code:str}/severities",
        operation_id="ListSeverities",
        guards=[requires("contracts.read")],
        responses=refusals(404),
    )
    async def list_severities(self, request: ApiRequest, code: FromPath[str]) -> list[severities.SeverityView]:
        """List what a contract calls how bad, the worst first."""
        return await severities.severities(code, seen_by=request.user)

    @put(
        "/contracts/{code:str}/severities",
        operation_id="DefineSeverities",
        guards=[requires("parts.manage")],
        responses=refusals(404),
    )
    async def define_severities(
        self, request: ApiRequest, code: FromPath[str], data: JSONBody[Severities], idempotency_key: Key = None
    ) -> Response[list[severities.SeverityView]]:
        """Define a contract's severities in place of what stood there; none takes it back to general and severe."""
        defined = told(data.severities, list[severities.SeverityView])
        return await once(
            request, idempotency_key, lambda: severities.define_severities(code, defined, by=request.user)
        )

    @get("/customers", operation_id="ListCustomers", guards=[requires("contracts.read")], responses=refusals())
    async def list_customers(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[contracts.CustomerView]]:
        """List customers."""
        found = await contracts.customers(limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "")
        return page(request, found, limit, lambda customer: customer.code)

    @get("/sites", operation_id="ListSites", guards=[requires("devices.read")], responses=refusals())
    async def list_sites(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[contracts.SiteView]]:
        """List customers' sites with their devices and the store that serves them."""
        found = await contracts.sites(limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "")
        return page(request, found, limit, lambda site: site.code)


class Why(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why something is done."""

    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class PlaceController(Controller):
    """Stores and the lanes between them."""

    tags = ("places",)

    @get("/depots", operation_id="ListDepots", guards=[requires("places.read")], responses=refusals())
    async def list_depots(
        self,
        request: ApiRequest,
        kind: FromQuery[Literal["depot", "onsite_store", "engineer_stock"] | None] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[places.StoreView]]:
        """List stores: depots, on-site stores, engineers' stock."""
        found = await places.stores(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "", kind=kind
        )
        return page(request, found, limit, lambda store: store.code)

    @get("/depots/{code:str}", operation_id="GetDepot", guards=[requires("places.read")], responses=refusals(404))
    async def get_depot(self, request: ApiRequest, code: FromPath[str]) -> places.StoreView:
        """Show one store."""
        return await places.store(code, seen_by=request.user)

    @get(
        "/depots/{code:str}/waiting",
        operation_id="GetWhatWaitsAtDepot",
        guards=[requires("documents.read")],
        responses=refusals(404),
    )
    async def get_waiting(self, request: ApiRequest, code: FromPath[str]) -> stores.AtStore:
        """Show what lies in a store and how many open documents need it."""
        return await stores.waiting_at(code, seen_by=request.user)

    @post(
        "/depots/{code:str}/out-of-service",
        operation_id="TakeDepotOutOfService",
        status_code=200,
        guards=[requires("keepings.manage")],
        responses=refusals(404, 409),
    )
    async def take_out_of_service(
        self, request: ApiRequest, code: FromPath[str], data: JSONBody[Why], idempotency_key: Key = None
    ) -> Response[places.StoreView]:
        """Say that a store can give nothing for now; what lies and waits there stays in the books."""
        return await once(
            request, idempotency_key, lambda: register.take_out_of_service(code, by=request.user, reason=data.reason)
        )

    @post(
        "/depots/{code:str}/in-service",
        operation_id="ReturnDepotToService",
        status_code=200,
        guards=[requires("keepings.manage")],
        responses=refusals(404, 409),
    )
    async def return_to_service(
        self, request: ApiRequest, code: FromPath[str], data: JSONBody[Why], idempotency_key: Key = None
    ) -> Response[places.StoreView]:
        """Say that a store gives again."""
        return await once(
            request, idempotency_key, lambda: register.return_to_service(code, by=request.user, reason=data.reason)
        )

    @get("/lanes", operation_id="ListLanes", guards=[requires("places.read")], responses=refusals())
    async def list_lanes(
        self, request: ApiRequest, cursor: Cursor = None, limit: Limit = 200
    ) -> Response[Page[places.LaneView]]:
        """List the lanes between stores."""
        found = await places.lanes(limit=limit + 1, after=decode_cursor(cursor, tuple[str, str, str]))
        return page(request, found, limit, lambda lane: (lane.from_depot, lane.to_depot, lane.mode))
