"""Papers and labels over HTTP: PDF to print, and what a scanned code is."""

import asyncio
from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from api.access import requires
from api.answers import ApiRequest
from api.languages import Language
from api.papers import assembling, case_reports, choosing, forms, labels
from api.papers import fault_reports as fault_report_papers
from api.papers import passports as passport_papers
from api.papers.assembling import CountForm, HandoverForm, ReceiptForm, RequestForm, TransferForm
from api.papers.forms import Paper
from api.problems import refusals
from api.shared import passport_path
from inventory.assurance import finding
from inventory.emergency import reports
from inventory.ground.errors import Unknown
from inventory.procurement import passports
from inventory.requests import fault_reports, quoting
from inventory.stock import scanning

PDF = "application/pdf"

PAPER = {"paper": True}
"""A browser opens papers in a tab of their own: what is refused there is told as a page."""

Scan = Annotated[str, QueryParameter(max_length=1000, min_length=1, description="The text as the scanner sent it")]
Codes = Annotated[list[str] | None, QueryParameter(max_items=choosing.LABELS_AT_MOST)]
Start = Annotated[int, QueryParameter(ge=1, le=40, description="The first free place of a used sheet, from 1")]
Copies = Annotated[int, QueryParameter(ge=1, le=50, description="How many of each label")]


class ScanView(Struct, frozen=True, kw_only=True):
    """What a scanned text is in our books; `document` where it is the number of one, with its kind and id."""

    found: scanning.Identified
    document: finding.Found | None = None


class SharedPassport(Struct, frozen=True, kw_only=True):
    """A unit's passport, and the address that shows it to whoever holds the unit."""

    passport: passports.Passport
    path: str


def printed(*statuses: int) -> dict[int, ResponseSpec]:
    """What a paper's route answers: a PDF, or a refusal."""
    return {
        **refusals(*statuses),
        200: ResponseSpec(bytes, description="The paper", media_type=PDF, generate_examples=False),
    }


async def as_pdf(paper: Paper) -> Response[bytes]:
    """A paper, rendered beside the event loop."""
    name = f"{paper.number.replace('/', '-')}-{paper.form}.pdf"
    return pdf_response(await asyncio.to_thread(forms.pdf, paper), name)


def pdf_response(content: bytes, name: str) -> Response[bytes]:
    """A PDF that a browser shows."""
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type=PDF, headers=headers)


class PaperController(Controller):
    """Papers that go with documents."""

    tags = ("papers",)

    @get(
        "/transfers/{transfer_id:uuid}/papers/{form:str}",
        operation_id="PrintTransfer",
        guards=[requires("documents.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_transfer(
        self, request: ApiRequest, transfer_id: FromPath[UUID], form: FromPath[TransferForm]
    ) -> Response[bytes]:
        """Print a transfer's paper; the origin's and the target's each for those who serve that end."""
        return await as_pdf(await assembling.of_transfer(transfer_id, form, by=request.user))

    @get(
        "/part-requests/{request_id:uuid}/papers/{form:str}",
        operation_id="PrintPartRequest",
        guards=[requires("requests.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_request(
        self,
        request: ApiRequest,
        request_id: FromPath[UUID],
        form: FromPath[RequestForm | Literal["fault_report"]],
        language: FromQuery[Language] = "zh",
    ) -> Response[bytes]:
        """Print a part request's paper, with what left your stores; or its fault analysis report, in one language."""
        if form == "fault_report":
            report = await fault_reports.report(request_id, seen_by=request.user)
            shown = await fault_reports.pictures(report.photos)
            return await as_pdf(await fault_report_papers.of_request(report, shown, language, by=request.user))
        return await as_pdf(await assembling.of_request(request_id, form, by=request.user))

    @get(
        "/quotations/{quotation_id:uuid}/papers/{form:str}",
        operation_id="PrintQuotation",
        guards=[requires("requests.read")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_quotation(
        self,
        request: ApiRequest,
        quotation_id: FromPath[UUID],
        form: FromPath[Literal["quotation"]],  # noqa: ARG002  it is the only one
    ) -> Response[bytes]:
        """Print a version of a quotation, for its customer to sign."""
        view, quotation = await quoting.quotation_of(quotation_id, seen_by=request.user)
        return await as_pdf(await assembling.of_quotation(view, quotation, printed_by=request.user.name))

    @get(
        "/returns/{debt_id:uuid}/papers/{form:str}",
        operation_id="PrintReturn",
        guards=[requires("returns.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_return(
        self,
        request: ApiRequest,
        debt_id: FromPath[UUID],
        form: FromPath[Literal["media_retention"]],  # noqa: ARG002  it is the only one
    ) -> Response[bytes]:
        """Print what the customer signs who keeps a medium."""
        return await as_pdf(await assembling.of_kept_medium(debt_id, by=request.user))

    @get(
        "/receipts/{number:str}/papers/{form:str}",
        operation_id="PrintReceipt",
        guards=[requires("documents.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_receipt(
        self, request: ApiRequest, number: FromPath[str], form: FromPath[ReceiptForm]
    ) -> Response[bytes]:
        """Print a goods receipt's paper."""
        return await as_pdf(await assembling.of_receipt(number, form, by=request.user))

    @get(
        "/handovers/{handover_id:uuid}/papers/{form:str}",
        operation_id="PrintHandover",
        guards=[requires("documents.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_handover(
        self, request: ApiRequest, handover_id: FromPath[UUID], form: FromPath[HandoverForm]
    ) -> Response[bytes]:
        """Print a handover's paper: the loan note of what somebody keeps, or the note of its return."""
        return await as_pdf(await assembling.of_handover(handover_id, form, by=request.user))

    @get(
        "/loans/{loan_id:uuid}/papers/{form:str}",
        operation_id="PrintLoan",
        guards=[requires("requests.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_loan(
        self, request: ApiRequest, loan_id: FromPath[UUID], form: FromPath[HandoverForm]
    ) -> Response[bytes]:
        """Print a loan's paper for its customer: the loan note, or the note of its return."""
        return await as_pdf(await assembling.of_loan(loan_id, form, by=request.user))

    @get(
        "/data-erasures/{erasure_id:uuid}/papers/{form:str}",
        operation_id="PrintErasure",
        guards=[requires("documents.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_erasure(
        self,
        request: ApiRequest,
        erasure_id: FromPath[UUID],
        form: FromPath[Literal["erasure_certificate"]],  # noqa: ARG002  it is the only one
    ) -> Response[bytes]:
        """Print the certificate of an erasure that was verified."""
        return await as_pdf(await assembling.of_erasure(erasure_id, by=request.user))

    @get(
        "/emergency-cases/{case_id:uuid}/papers/{form:str}",
        operation_id="PrintCase",
        guards=[requires("emergency.read")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_case(
        self,
        request: ApiRequest,
        case_id: FromPath[UUID],
        form: FromPath[Literal["case_report"]],  # noqa: ARG002  it is the only one
        contract: Annotated[str, QueryParameter(max_length=200, min_length=1, description="Whose customer reads it")],
        language: FromQuery[Language] = "zh",
    ) -> Response[bytes]:
        """Print a case for the customer of one contract that it concerns, without prices, vendors and others' devices."""
        report = await reports.case_report(case_id, contract, seen_by=request.user)
        return await as_pdf(await case_reports.of_case(report, language, by=request.user))

    @get(
        "/units/{serial:str}/passport",
        operation_id="GetPassport",
        guards=[requires("stock.read")],
        responses=refusals(404, 409),
    )
    async def get_passport(
        self, request: ApiRequest, serial: FromPath[str], part: FromQuery[str | None] = None
    ) -> SharedPassport:
        """Say where a unit comes from and what became of it, as its customer may read it, with the link that shows it."""
        found = await passports.passport(serial, seen_by=request.user, part_number=part)
        return SharedPassport(passport=found, path=passport_path(found.unit, request.app.state["settings"].secret))

    @get(
        "/units/{serial:str}/papers/{form:str}",
        operation_id="PrintPassport",
        guards=[requires("stock.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_passport(
        self,
        request: ApiRequest,
        serial: FromPath[str],
        form: FromPath[Literal["part_passport"]],  # noqa: ARG002  it is the only one
        part: FromQuery[str | None] = None,
        language: FromQuery[Language] = "zh",
    ) -> Response[bytes]:
        """Print a unit's passport on one page; its code opens the passport as it stands."""
        found = await passports.passport(serial, seen_by=request.user, part_number=part)
        settings = request.app.state["settings"]
        link = settings.base_url + passport_path(found.unit, settings.secret)
        return await as_pdf(await passport_papers.of_unit(found, language, link=link, by=request.user))

    @get(
        "/counts/{count_id:uuid}/papers/{form:str}",
        operation_id="PrintCount",
        guards=[requires("stock.read")],
        responses=printed(404, 409),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_count(
        self,
        request: ApiRequest,
        count_id: FromPath[UUID],
        form: FromPath[CountForm],  # noqa: ARG002  it is the only one
    ) -> Response[bytes]:
        """Print a count's sheet: bins and parts, with room for what is found, and no quantity of the books."""
        return await as_pdf(await assembling.of_count(count_id, by=request.user))


class LabelController(Controller):
    """Labels, and what they say when they are scanned."""

    tags = ("labels",)

    @get(
        "/labels",
        operation_id="PrintLabels",
        guards=[requires("stock.read")],
        responses=printed(404),
        media_type=PDF,
        opt=PAPER,
    )
    async def print_labels(
        self,
        request: ApiRequest,
        kind: FromQuery[choosing.Kind],
        serial: Codes = None,
        part: Codes = None,
        depot: FromQuery[str | None] = None,
        bin_code: Annotated[list[str] | None, QueryParameter(name="bin", max_items=choosing.LABELS_AT_MOST)] = None,
        size: FromQuery[labels.Size] = "a4_3x8",
        start: Start = 1,
        copies: Copies = 1,
    ) -> Response[bytes]:
        """Print labels: of units by serial or tag, of parts by number, of a store's bins (all of them without `bin`)."""
        wanted = choosing.Choice(
            kind=kind, codes=(serial if kind == "unit" else part if kind == "part" else bin_code) or [], depot=depot
        )
        sheet = await choosing.sheet(wanted, size=size, start=start, copies=copies, by=request.user)
        return pdf_response(await asyncio.to_thread(labels.pdf, sheet), f"labels-{kind}.pdf")

    @get("/scan", operation_id="Scan", guards=[requires("stock.read")], responses=refusals(404))
    async def scan(self, request: ApiRequest, text: Scan) -> ScanView:
        """Say what a scanned text is: a unit, a part, a bin or a document of yours, or what a maker's label tells."""
        found = await scanning.identify(text, seen_by=request.user)
        if found.kind != "document" or found.document is None:
            return ScanView(found=found)
        document = await finding.find(found.document, seen_by=request.user)
        if document is None:
            raise Unknown(what="document", what_zh="单据", key=found.document)
        return ScanView(found=found, document=document)
