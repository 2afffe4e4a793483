"""The application: the only place where its parts are put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, override

from litestar import Litestar, Response, Router, get
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins.prometheus import PrometheusController
from litestar.static_files import create_static_files_router
from litestar.types import Receive, Send
from msgspec import Struct

from api import logs, requests_log, settings, slashes
from api.access import Authentication, FormGuard
from api.answers import known_filters
from api.demo import credentials
from api.exchange.exports import exports_of
from api.exchange.master_data import exports_of_kinds
from api.instants import DECODERS, InstantSchema
from api.pages.headers import secure
from api.pages.refusals import (
    crash_page,
    http_page,
    overflow_page,
    refusal_page,
    told_by,
    undecodable_page,
    unparsable_page,
)
from api.pages.rendering import engine
from api.pages.router import page_router
from api.problems import (
    Unparsable,
    crash_response,
    http_response,
    overflow_response,
    refusal_response,
    undecodable_response,
    unparsable_response,
)
from api.routes import (
    attachments,
    callbacks,
    catalogue,
    conditions,
    counterfeits,
    counts,
    coverage,
    delegations,
    duty,
    emergency,
    force_majeure,
    holding,
    imports,
    inquiries,
    invoices,
    keeping,
    maker_support,
    master_data,
    messages,
    money,
    orders,
    papers,
    planning,
    platform,
    provisional,
    quotations,
    radar,
    receiving,
    rehearsals,
    repairs,
    replays,
    replenishment,
    requests,
    returns,
    reversals,
    rmas,
    seals,
    shipping,
    statements,
    steps,
    stock,
    swaps,
    tickets,
    vendor_inquiries,
    vendor_orders,
    vendors,
)
from api.settings import Settings
from inventory.ground import db
from inventory.ground.errors import InventoryError

FORM_BYTES = 100_000
"""What a form may hold besides its file."""

STATIC = Path(__file__).parent / "static"


class Health(Struct, frozen=True):
    """How the service is."""

    status: str


@get("/health", operation_id="Health", tags=["service"], sync_to_thread=False)
def health() -> Health:
    """Answer as long as the process lives."""
    return Health("ok")


@get("/ready", operation_id="Ready", tags=["service"])
async def ready() -> Response[Health]:
    """Answer 200 while the database answers, 503 while it does not."""
    try:
        await db.fetch_value("SELECT 1")
    except (OSError, db.DatabaseError, TimeoutError):
        return Response(Health("no database"), status_code=503)
    return Response(Health("ok"))


class Application(Litestar):
    """Litestar, with every request under an id and in the log, and names that may hold slashes."""

    @override
    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        slashes.hidden(scope)
        await requests_log.logged(super().__call__, scope, receive, send)


def create_app(configured: Settings | None = None, *, own_pool: bool = True) -> Litestar:
    """Put the application together; without `own_pool` it uses the connections its process already holds."""
    using = configured or settings.read()
    logs.configure(using.log_format)

    @asynccontextmanager
    async def database(_: Litestar) -> AsyncIterator[None]:
        async with db.connected(using.database_url, pool_size=using.pool_size, application="beijian api"):
            yield

    controllers = [
        stock.StockController,
        stock.ReservationController,
        stock.ReceiptController,
        stock.TransferController,
        holding.HoldingController,
        keeping.KeepingController,
        keeping.HandoverController,
        keeping.PoolCrossingController,
        statements.StatementController,
        receiving.NoticeController,
        receiving.DeliveryController,
        receiving.ReceiptListController,
        receiving.BinController,
        conditions.ConditionController,
        receiving.LossController,
        counts.CountController,
        reversals.ReversalController,
        seals.SealController,
        papers.PaperController,
        papers.LabelController,
        catalogue.PartController,
        catalogue.DeviceController,
        catalogue.FailureController,
        catalogue.ContractController,
        catalogue.PlaceController,
        master_data.MasterDataController,
        orders.VendorController,
        vendors.VendorFileController,
        counterfeits.SuspicionController,
        orders.OrderController,
        orders.PurchasePolicyController,
        inquiries.InquiryController,
        requests.RequestController,
        quotations.QuotationController,
        quotations.ApprovalController,
        replenishment.ReplenishmentController,
        invoices.InvoiceController,
        money.MoneyController,
        tickets.TicketController,
        returns.ReturnController,
        returns.FailureAnalysisController,
        shipping.PickListController,
        shipping.ShipmentController,
        provisional.ProvisionalIssueController,
        planning.PlanController,
        replays.ReplayController,
        emergency.CaseController,
        force_majeure.ForceMajeureController,
        maker_support.MakerSupportController,
        radar.RadarController,
        rehearsals.RehearsalController,
        radar.ClaimController,
        coverage.CoverageController,
        duty.DutyController,
        delegations.DelegationController,
        swaps.SwapController,
        swaps.LoanController,
        swaps.ErasureController,
        steps.StepController,
        messages.MessageController,
        platform.PlatformController,
        callbacks.CallbackController,
        callbacks.CxmlController,
        vendor_orders.VendorOrderController,
        vendor_inquiries.VendorInquiryController,
        rmas.RmaController,
        rmas.ReturnTermsController,
        rmas.RequestExchangeController,
        rmas.VendorRmaController,
        repairs.RepairController,
        repairs.CollectionController,
    ]
    taking_files = [
        attachments.AttachmentController,
        imports.ImportController,
        vendors.LetterFileController,
        inquiries.QuoteSheetController,
    ]
    security = [{"key": []}, {"session": []}]
    api = Router(
        "/api/v1",
        route_handlers=[*controllers, *exports_of([*controllers, *taking_files]), *exports_of_kinds()],
        security=security,
        before_request=known_filters,
    )
    most_bytes = using.most_upload_bytes + FORM_BYTES
    with_files = Router("/api/v1", route_handlers=taking_files, security=security, request_max_body_size=most_bytes)
    return Application(
        route_handlers=[
            api,
            with_files,
            page_router(most_bytes),
            health,
            ready,
            PrometheusController,
            create_static_files_router("/static", [STATIC]),
        ],
        lifespan=[database] if own_pool else [],
        state=State({"settings": using, "demo": bool(credentials.read(using))}),
        template_config=engine(),
        before_send=[secure],
        middleware=[
            slashes.shown,
            DefineMiddleware(Authentication, exclude=["^/static", "^/health$", "^/ready$", "^/metrics"]),
            DefineMiddleware(FormGuard, config=csrf(using)),
        ],
        exception_handlers={
            InventoryError: told_by(refusal_page, refusal_response),
            Unparsable: told_by(unparsable_page, unparsable_response),
            HTTPException: told_by(http_page, http_response),
            UnicodeDecodeError: told_by(undecodable_page, undecodable_response),
            OverflowError: told_by(overflow_page, overflow_response),
            Exception: told_by(crash_page, crash_response),
        },
        openapi_config=openapi(),
        type_decoders=DECODERS,
        plugins=[InstantSchema()],
        request_max_body_size=2_000_000,
        debug=False,
    )


def csrf(using: Settings) -> CSRFConfig:
    """How forms prove that they are ours."""
    return CSRFConfig(
        secret=using.secret,
        cookie_name="beijian_csrf",
        cookie_secure=using.secure_cookies,
        cookie_httponly=True,
        cookie_samesite="lax",
        # an icon asked for without a cookie would replace the token of a form that is already on the screen
        exclude=["^/api/v1/vendor-callbacks/", "^/api/v1/cxml/", "^/static/"],
    )


def openapi() -> OpenAPIConfig:
    """The API's description, with a page that needs no network."""
    vendor = "/static/vendor/swagger-ui"
    return OpenAPIConfig(
        title="Beijian 备件",
        version="1",
        description="Spare-parts inventory and logistics: stock, requests, promises, plans, emergencies.",
        path="/docs",
        render_plugins=[
            SwaggerRenderPlugin(
                js_url=f"{vendor}/swagger-ui-bundle.js",
                css_url=f"{vendor}/swagger-ui.css",
                standalone_preset_js_url=f"{vendor}/swagger-ui-standalone-preset.js",
                favicon="<link rel='icon' href='/static/icon.svg'>",
            )
        ],
        components=Components(
            security_schemes={
                "key": SecurityScheme(type="http", scheme="bearer", description="A system's key"),
                "session": SecurityScheme(type="apiKey", name="beijian_session", security_scheme_in="cookie"),
            }
        ),
    )
