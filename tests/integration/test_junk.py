"""Whatever is sent, nothing crashes: every route and every form is given junk, and answers in words of both languages."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from api.access import SESSION_COOKIE
from api.vendors.signing import headers_for, secret_for
from inventory.assurance import shared_links
from inventory.emergency import claiming, rehearsals
from inventory.ground import clock, db, progress
from inventory.master_data.places import LANES
from inventory.people import delegations, keys, persons, sessions
from inventory.people.roles import ROLES
from inventory.procurement import counterfeits, inquiries, vendor_contacts
from inventory.procurement.orders import NewLine
from inventory.procurement.quote_sheets import QuotedLine
from inventory.returns import collecting, repairs, rmas
from inventory.stock import (
    conditions,
    handing_in,
    handovers,
    keeping,
    notices,
    provisional,
    receipts,
    shipments,
    transfers,
)
from inventory.stock.counting import closing
from inventory.stock.handovers import Item
from inventory.stock.notices import NewNoticeLine
from inventory.stock.pieces import Pieces
from inventory.stock.transfers import TransferItem
from tests.conftest import SECRET
from tests.documents import one_of_each, swapped_and_lent
from tests.integration.emergency.test_radar import delivered
from tests.integration.pages.conftest import add_person
from tests.integration.procurement.test_orders import drafted
from tests.junk import CURSORS, IN_ADDRESSES, IN_FORMS, TEXTS, TOO_LATE, Description, Operation
from tests.world import ADMIN, BUYER, DRIVE, FAN, KEEPER, SETUP, SUPERVISOR

CHINESE = re.compile(r"[\u4e00-\u9fff]")

OF_THE_COMPANY = {
    "part_number": FAN,
    "part": FAN,
    "depot": "GZ",
    "from_depot": "GZ",
    "to_depot": "SH",
    "ship_to": "GZ",
    "from_place": "GZ",
    "to": "BANK-GZ",
    "site": "BANK-GZ",
    "place": "TELCO-ZJ",
    "sites code": "BANK-GZ",
    "maker": "SEAGATE",
    "cause": "fire",
    "vendor": "DISTI",
    "origin": "V-DELL",
    "owner": "OWN",
    "contract": "C-BANK",
    "device": "BANK-007",
    "device_serial": "BANK-007",
    "serial": "ZL2-0003",
    "bin": "A-01-1",
    "code": "ZL2-0003",
    "to_bin": "A-01-1",
    "pool": "common",
    "from_pool": "common",
    "to_pool": "C-TELCO",
    "was": "good",
    "becomes": "frozen",
    "kind": "full",
    "source": "glpi",
    "role": "auditor",
    "key_holder": "handy",
    "engineer": "handy",
    "to_place": "handy",
    "priority_class": "severe",
    "four_eyes_above_cny": "5000",
    "contracts code": "C-BANK",
    "vendors code": "DISTI",
    "depots code": "GZ",
    "{depot} code": "A-01-1",
    "devices serial": "BANK-007",
    "people username": "handy",
    "import-templates kind": "parts",
    "master-data kind": "lanes",
    "status": "delayed",
}
"""What fits a field of this name in the tests' company."""


async def known(password_hash: str) -> dict[str, Any]:
    """What fits a field, with one document of every kind."""
    made = await one_of_each()
    await add_person("handy", "engineer", password_hash)
    await keeping.set_up_stock("handy", by=SETUP)
    await receipts.adjust("GZ", FAN, 500, by=SETUP, reason="so that it lasts")
    given = await handovers.give("GZ", "handy", [Item(part_number=FAN, quantity=1)], by=SETUP)
    piece = await handing_in.hand_in("GZ", "a box", by=SETUP)
    await receipts.adjust("GZ", DRIVE, 1, by=SETUP, reason="dead", condition="defective", serials=["DEAD-1"])
    (scrapping,) = await conditions.propose_scrap(Pieces("GZ", DRIVE, serials=["DEAD-1"]), by=KEEPER, reason="dead")
    now, soon = clock.now(), clock.now() + timedelta(days=1)
    await add_person("standing-in", "planner", password_hash)
    await add_person("approving", "buyer", password_hash)
    (delegation,) = await delegations.delegate(
        ["orders.approve"], "standing-in", by=ADMIN, of="approving", ends_at=soon, reason="on leave"
    )
    inquiry = await inquiries.open_inquiry(
        inquiries.NewInquiry(
            ship_to="GZ",
            lines=[NewLine(part_number=FAN, quantity=3)],
            vendors=["DISTI"],
            answer_by=soon,
            few_reason="sole source",
        ),
        by=BUYER,
    )
    await inquiries.take_quote(
        inquiry.id,
        "DISTI",
        [QuotedLine(part_number=FAN, unit_price=Decimal(200), lead_time_days=3)],
        by=BUYER,
        valid_to=soon.date(),
    )
    link = await shared_links.share("C-BANK", by=SETUP, expires_at=soon, remark="inspector")
    key = await keys.make_key(keys.NewKey(name="glpi", role="auditor"), by=SETUP)
    (line, *_) = await closing.lines(made["count"], seen_by=SETUP)
    taken = await provisional.take(provisional.NewProvisionalIssue(client_id="c", depot="GZ", code=FAN), by=KEEPER)
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    gone = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=9)], by=KEEPER)
    await transfers.ship(gone.id, by=KEEPER)
    (failed,) = await shipments.shipments(limit=2, seen_by=KEEPER, document=gone.number)
    await shipments.fail(failed.id, by=KEEPER, reason="nobody there")
    lines = [NewNoticeLine(part_number=FAN, quantity=9)]
    notice = await notices.announce("GZ", lines, by=KEEPER, origin="V-DELL", due_at=soon)
    order = await drafted((FAN, 1))
    claimed = await claiming.claim(await delivered(DRIVE, 2), DRIVE, by=SUPERVISOR, reason="they die within weeks")
    suspected = await counterfeits.suspect(
        (await _one_that_came(claimed.receipt)), DRIVE, by=SUPERVISOR, reason="its label looks copied"
    )
    desk = vendor_contacts.NewVendorContact(name="desk", role="emergency", phone="020-8888", around_the_clock=True)
    contact = await vendor_contacts.enter("DISTI", desk, by=SETUP)
    rehearsed = await progress.begin_job(
        rehearsals.KIND,
        by=msgspec.structs.replace(SETUP, name="everybody"),
        stopping_right="emergency.read",
        payload={"asked": msgspec.to_builtins(rehearsals.PastPeriod(since=now - timedelta(days=1), until=now))},
    )
    await receipts.adjust("GZ", DRIVE, 3, by=SETUP, reason="dead", condition="defective",
                          serials=["DEAD-2", "DEAD-3", "DEAD-4"])  # fmt: skip
    (rma,) = await rmas.draft(
        "GZ", [rmas.NewLine(vendor="DISTI", part_number=DRIVE, serial="DEAD-2", asked="exchange")], by=KEEPER
    )
    repair = await repairs.open_repair("GZ", DRIVE, "DEAD-3", by=KEEPER)
    collection = await collecting.plan(
        collecting.NewCollection(device="BANK-007", depot="GZ", part_number=DRIVE, serial="CUST-9"), by=KEEPER
    )
    names = {"pick_list": "list_id", "run": "import_id", "file": "attachment_id", "crossing": "crossing_id"}
    ids = {names.get(kind, f"{kind}_id"): str(value) for kind, value in made.items()}
    standing_in = await swapped_and_lent()
    return {
        **OF_THE_COMPANY,
        **{f"{kind}_id": str(value) for kind, value in standing_in.items()},
        "rows key": str(await db.fetch_value("SELECT id FROM lane ORDER BY id LIMIT 1")),
        **ids,
        "count": ids["count_id"],
        "issue_id": str(taken.id),
        **dict.fromkeys((f"{act} transfer_id" for act in ("DeclareLost", "FindAgain", "ReceiveTransfer")), gone.id),
        **dict.fromkeys((f"{act} number" for act in ("CloseNoticeShort", "CancelNotice")), notice.number),
        **dict.fromkeys((f"{act} order_id" for act in ("ApproveOrder", "CancelOrder")), order.id),
        "SendShipmentAgain shipment_id": failed.id,
        "document": draft.number,
        "username": "newcomer",
        "handover_id": str(given.id),
        "link_id": str(link.id),
        "delegation_id": str(delegation.id),
        "inquiry_id": str(inquiry.id),
        "key_id": str(key.id),
        "claim_id": str(claimed.id),
        "rma_id": str(rma.id),
        "repair_id": str(repair.id),
        "collection_id": str(collection.id),
        "position": 1,
        "calendar": "CN",
        "suspicion_id": str(suspected.suspicion.id),
        "contact_id": str(contact.id),
        "letter": await db.fetch_value("SELECT id FROM authorisation ORDER BY id LIMIT 1"),
        "line_id": str(line.id),
        "hand-ins tag": piece.tag,
        "invoice-lines line_id": ids["invoice_line_id"],
        "line": ids["invoice_line_id"],
        **dict.fromkeys(("rehearsal job_id", "emergency-rehearsals job_id"), str(rehearsed.id)),
        "scrappings number": scrapping.number,
        "receipts number": made["receipt"],
        "advance-shipping-notices number": made["notice"],
        "deliveries number": made["number"],
        "receiving number": made["number"],
        "purchase_order": made["number"],
        "order_number": made["number"],
        "number": made["number"],
        "subject": ids["transfer_id"],
        "subject_kind": "transfer",
        **dict.fromkeys(("expires_at", "starts_at", "due_at", "need_by", "promised_at"), soon.isoformat()),
        **dict.fromkeys(("counted_at", "began_at", "occurred_at", "taken_at", "attempted_at"), now.isoformat()),
    }


async def _one_that_came(receipt: str) -> str:
    return await db.fetch_value(
        "SELECT serial FROM unit JOIN receipt ON receipt.id = unit.receipt WHERE receipt.number = $1 LIMIT 1", receipt
    )


class Caller:
    """Somebody with every role of ours, and a browser's cookies."""

    def __init__(self, application: Litestar, fitting: dict[str, Any]) -> None:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        self.application, self.fitting = application, fitting
        self.client = httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60)
        self.sent = 0

    async def send(self, method: str, address: str, body: bytes | None, **headers: str) -> httpx.Response:
        """Send something as a page's script would, by turns in Chinese and English."""
        self.sent += 1
        token = self.client.cookies.get("beijian_csrf", "")
        told = {"x-csrftoken": token, "Accept-Language": self.language, "Idempotency-Key": f"key-{self.sent}"}
        return await self.client.request(method, address, content=body, headers=told | headers)

    @property
    def language(self) -> str:
        """The language of the request that is being sent."""
        return "zh" if self.sent % 2 else "en"

    def speaks(self, sentence: str) -> bool:
        """Whether a sentence is in the language that was asked for."""
        return bool(CHINESE.search(sentence.replace("长", ""))) == (self.language == "zh")


@pytest.fixture
async def everybody(own_company: str, application: Litestar) -> AsyncIterator[Caller]:
    password_hash = await persons.hashed("a-long-enough-word")
    person = await add_person("everybody", None, password_hash)
    for role in ROLES.keys() - {"vendor", "inspector", "ticket_system"}:
        await persons.grant_role("everybody", role, by=SETUP)
    caller = Caller(application, await known(password_hash))
    caller.client.cookies.set(SESSION_COOKIE, await sessions.begin(person))
    await caller.client.get("/sign-in")
    yield caller
    await caller.client.aclose()


async def test_no_route_crashes_on_junk_and_each_refusal_speaks_both_languages(everybody):
    described = Description(everybody.application.openapi_schema.to_schema(), everybody.fitting)
    operations = described.operations()
    wrong: list[str] = []

    for operation in operations:
        for shot in described.shots(operation):
            answer = await everybody.send(operation.method, shot.address, shot.body, **signed(operation, shot.body))
            complaint = complaint_about(answer, everybody)
            if complaint:
                wrong.append(f"{operation.name}, {shot.what}: {answer.status_code} {complaint}")

    assert wrong == []
    assert everybody.sent > 10 * len(operations)


def signed(operation: Operation, body: bytes | None) -> dict[str, str]:
    """The headers of a request with a body; a vendor signs its own."""
    told = {} if body is None else {"Content-Type": "application/json"}
    if operation.name != "VendorCallback" or body is None:
        return told
    try:
        return told | headers_for(secret_for(SECRET, "DISTI", 1), "m-1", body)
    except UnicodeDecodeError:
        return told


def complaint_about(answer: httpx.Response, caller: Caller) -> str:
    """What is wrong with an answer of the API; empty where nothing is."""
    if answer.status_code >= 500:
        return answer.text[:200]
    if answer.status_code < 400:
        return ""
    if not answer.headers["content-type"].startswith("application/problem+json"):
        return answer.headers["content-type"]
    if INSIDE.search(answer.text):
        return f"tells of the program: {answer.text[:300]}"
    problem = answer.json()
    if not (problem["code"] and problem["status"] == answer.status_code):
        return answer.text[:200]
    return "" if caller.speaks(problem["detail"]) else f"in {caller.language}: {problem['detail'][:200]}"


INSIDE = re.compile(r"Unsupported type|(?:<|&lt;)class |Traceback|msgspec|litestar\.")
"""What no answer says: words of the program's own."""

WORDS = re.compile(r'<h[13] class="(?:alert-heading|empty-title)">([^<]*)<')
"""What a page says when it refuses something."""


def page_handlers(application: Litestar, method: str) -> list[tuple[str, HTTPRouteHandler]]:
    """The pages, or their forms, with their addresses."""
    return sorted(
        (
            (route.path, handler)
            for route in application.routes
            for handler in getattr(route, "route_handlers", [])
            if isinstance(handler, HTTPRouteHandler) and handler.opt.get("page") and method in handler.http_methods
        ),
        key=lambda found: found[0],
    )


def page_address(path: str, fitting: dict[str, Any], junk: dict[str, str]) -> str:
    """A page's address with its path filled in."""
    filled, before = "", ""
    for step in path.split("/"):
        if step.startswith("{"):
            name = step.strip("{}").partition(":")[0]
            fits = junk.get(name, fitting.get(f"{before} {name}", fitting.get(name, "xy")))
            filled += "/" + (fits if name in junk else quote(str(fits), safe=""))
        elif step:
            filled += f"/{step}"
        before = step
    return filled or "/"


def complaint_about_page(answer: httpx.Response, caller: Caller) -> str:
    """What is wrong with an answer of the pages; empty where nothing is."""
    if answer.status_code >= 500:
        return "".join(WORDS.findall(answer.text)) or answer.text[:200]
    if answer.status_code < 400:
        return ""
    if inside := INSIDE.search(answer.text):
        return f"tells of the program: {answer.text[inside.start() - 100 : inside.end() + 100]}"
    said = WORDS.findall(answer.text)
    if not said or not said[0].strip():
        return f"says nothing: {answer.text[:200]}"
    return "" if caller.speaks(said[0]) else f"in {caller.language}: {said[0]}"


def forms_of(data: type[Any], fitting: dict[str, Any]) -> list[tuple[str, bytes]]:
    """A form empty, unreadable, with junk in each of its fields, and as it should be."""
    fields = [field.name for field in LANES.fields]  # a form made from a description, of the kind that fits
    if isinstance(data, type) and issubclass(data, msgspec.Struct):
        fields = [field.encode_name for field in msgspec.structs.fields(data)]
    sense = {name: str(fitting.get(name, "1")) for name in fields}
    forms = [("nothing", b""), ("no UTF-8", b"&".join(f"{name}=%FF%FE".encode() for name in fields))]
    for name in fields:
        forms += [(f"{name} = {junk[:20]!r}", form(sense | {name: junk})) for junk in IN_FORMS]
        forms.append((f"{name} twice", form(sense) + f"&{name}=x".encode()))
    return [*forms, ("an unknown field", form(sense | {"surprise": "1"})), ("what it takes", form(sense))]


def form(fields: dict[str, str]) -> bytes:
    """Fields as a browser sends them; what UTF-8 cannot say goes as bytes that are none."""
    return "&".join(f"{name}={quote(value.encode(errors='surrogatepass'))}" for name, value in fields.items()).encode()


async def post_junk(everybody: Caller) -> list[str]:
    """Every form with junk in it; what was wrong with the answers."""
    wrong: list[str] = []
    for path, handler in page_handlers(everybody.application, "POST"):
        body = handler.parsed_fn_signature.parameters.get("data")
        if path == "/sign-out" or body is None:
            continue
        address = page_address(path, everybody.fitting, {})
        for what, sent in forms_of(body.annotation, everybody.fitting):
            everybody.client.cookies.delete("language")
            headers = {"Content-Type": "application/x-www-form-urlencoded"} | ({"HX-Request": "true"} if sent else {})
            answer = await everybody.send("POST", address, sent, **headers)
            complaint = complaint_about_page(answer, everybody)
            if complaint:
                wrong.append(f"{path}, {what}: {answer.status_code} {complaint}")

    return wrong


async def open_junk(everybody: Caller) -> list[str]:
    """Every page with junk in its address; what was wrong with the answers."""
    wrong: list[str] = []
    for path, handler in page_handlers(everybody.application, "GET"):
        asked = {
            getattr(field.kwarg_definition, "name", None) or name: field
            for name, field in handler.parsed_fn_signature.parameters.items()
            if type(field.kwarg_definition).__name__ == "QueryParameter"
        }
        in_path = [step.strip("{}").partition(":")[0] for step in path.split("/") if step.startswith("{")]
        addresses = [page_address(path, everybody.fitting, {name: junk}) for name in in_path for junk in IN_ADDRESSES]
        right = page_address(path, everybody.fitting, {})
        addresses += [
            f"{right}?{name}={junk}" for name in asked for junk in (CURSORS if name == "cursor" else (*TEXTS, TOO_LATE))
        ]
        for address in [*addresses, right]:
            answer = await everybody.send("GET", address, None, Accept="text/html")
            complaint = complaint_about_page(answer, everybody)
            if complaint:
                wrong.append(f"{address[:120]}: {answer.status_code} {complaint}")

    return wrong


async def test_no_page_crashes_on_junk_and_each_says_what_is_wrong(everybody):
    assert await open_junk(everybody) == []
    assert await post_junk(everybody) == []
