"""Every page by every right: anonymous, without the right, and with it, in both languages."""

import re

import pytest

from inventory.master_data.records import KINDS
from inventory.people.roles import ROLES
from tests.documents import one_of_each
from tests.world import DRIVE, FAN, PSU

PAGES = [
    ("/", "inspector", None),
    ("/find?q=PSU-750", "inspector", None),
    ("/stock", "inspector", "vendor"),
    ("/stock?below=critical_point&depot=GZ", "warehouse_keeper", "vendor"),
    ("/parts", "vendor", None),
    ("/parts?search=风扇&kind=fan", "engineer", None),
    (f"/parts/{DRIVE}", "engineer", None),
    ("/parts/0YT39Y", "vendor", None),
    ("/units/ZL2-0001", "inspector", "vendor"),
    ("/requests", "engineer", "inspector"),
    ("/requests?state=reserved&depot=GZ", "engineer", "vendor"),
    ("/returns", "engineer", "inspector"),
    ("/returns?when=this_week&depot=GZ&debtor=somebody&vendor=DISTI", "buyer", "vendor"),
    ("/returns/{debt}", "warehouse_keeper", "inspector"),
    ("/my-returns", "engineer", "vendor"),
    ("/failure-analysis?by=vendor&days=30", "buyer", "inspector"),
    ("/requests/new", "engineer", "auditor"),
    ("/requests/new/device?device_serial=BANK-007", "dispatcher", "auditor"),
    ("/quotations?state=open", "engineer", "inspector"),
    ("/requests/{request}", "engineer", "inspector"),
    ("/requests/{quoted}", "engineer", "inspector"),
    ("/requests/{waiting}", "quality_supervisor", "vendor"),
    ("/requests/{waiting}/approval", "project_manager", "dispatcher"),
    ("/emergencies", "engineer", "inspector"),
    ("/emergencies/new", "buyer", "engineer"),
    ("/emergencies/rehearsal", "engineer", "inspector"),
    ("/emergencies/{case}", "auditor", "vendor"),
    ("/maker-cases", "engineer", "inspector"),
    ("/maker-cases/{maker_case}", "engineer", "vendor"),
    ("/force-majeure", "engineer", "inspector"),
    ("/force-majeure/new", "buyer", "engineer"),
    ("/force-majeure/{force_majeure}", "auditor", "vendor"),
    ("/radar", "engineer", "inspector"),
    ("/radar?dimension=batch&every=true", "warehouse_keeper", "vendor"),
    ("/batches?receipt={receipt}&part=PSU-750", "quality_supervisor", "vendor"),
    ("/quality-claims?state=open", "buyer", "engineer"),
    ("/coverage", "inspector", "vendor"),
    ("/coverage?depot=GZ", "engineer", "vendor"),
    ("/coverage/parts?state=yes&depot=GZ&part=PSU-750", "engineer", "vendor"),
    ("/coverage/devices?contract=C-BANK&site=BANK-GZ&state=yes", "auditor", "vendor"),
    ("/contracts/C-BANK/coverage", "inspector", "vendor"),
    ("/sites/BANK-GZ/coverage", "inspector", "vendor"),
    ("/depots/GZ/coverage", "warehouse_keeper", "vendor"),
    ("/devices/BANK-007/coverage", "engineer", "vendor"),
    ("/vendors", "buyer", "engineer"),
    ("/vendors/DISTI", "auditor", "warehouse_keeper"),
    ("/suspected-counterfeits?state=blocked", "warehouse_keeper", "vendor"),
    ("/orders", "buyer", "engineer"),
    ("/vendor-orders", "vendor", "buyer"),
    ("/vendor-inquiries?state=to_answer", "vendor", "buyer"),
    ("/vendor-rmas?state=requested", "vendor", "buyer"),
    ("/rmas?state=draft&vendor=DISTI", "buyer", "vendor"),
    ("/rmas/new?depot=GZ&part=PSU-750", "warehouse_keeper", "engineer"),
    ("/return-terms", "auditor", "vendor"),
    ("/repairs?state=in_work&bench=own", "engineer", "vendor"),
    ("/collections?state=planned", "dispatcher", "vendor"),
    ("/orders?state=draft&part=PSU-750", "buyer", "inspector"),
    ("/orders/{order}", "warehouse_keeper", "engineer"),
    ("/invoices?state=differs&vendor=DISTI&order=PO-1", "auditor", "vendor"),
    ("/invoices/new", "buyer", "project_manager"),
    ("/invoices/new?order={number}", "buyer", "planner"),
    ("/invoices/{invoice}", "planner", "warehouse_keeper"),
    ("/invoices/{invoice}/red-letter", "buyer", "auditor"),
    ("/accruals?what=not_received&vendor=DISTI", "buyer", "engineer"),
    ("/replenishment", "buyer", "vendor"),
    ("/replenishment?state=open&depot=GZ&vendor=DISTI&urgent=true", "planner", "engineer"),
    ("/replenishment/{proposal}", "project_manager", "vendor"),
    ("/picks", "warehouse_keeper", "engineer"),
    ("/picks/waiting", "warehouse_keeper", "auditor"),
    ("/picks/waiting?depot=GZ&kind=transfer&severity=&to=2099-12-31", "warehouse_keeper", "engineer"),
    ("/picks/{pick_list}", "warehouse_keeper", "engineer"),
    ("/policies", "engineer", "inspector"),
    ("/shipments", "engineer", "inspector"),
    ("/shipments/{shipment}", "engineer", "vendor"),
    ("/provisional-issues", "auditor", "inspector"),
    ("/provisional-issues/{issue}", "warehouse_keeper", "vendor"),
    ("/provisional-issues/{conflict}", "warehouse_keeper", "vendor"),
    ("/transfers", "engineer", "inspector"),
    ("/transfers/{transfer}", "warehouse_keeper", "vendor"),
    ("/counts", "inspector", "vendor"),
    ("/counts?state=counting&depot=GZ", "warehouse_keeper", "vendor"),
    ("/counts/{count}", "inspector", "vendor"),
    ("/counts/{count}/bin", "warehouse_keeper", "vendor"),
    ("/movements", "inspector", "vendor"),
    ("/movements?part=PSU-750&depot=GZ&kind=adjustment&from=2026-01-01&to=2099-12-31", "engineer", "vendor"),
    ("/movements/{movement}", "inspector", "vendor"),
    ("/seals", "inspector", "vendor"),
    ("/units", "inspector", "vendor"),
    ("/units?part=ST12000NM0008&depot=GZ&condition=good", "engineer", "vendor"),
    ("/stock/as-of", "inspector", "vendor"),
    ("/stock/as-of?at=2026-01-01T10:00&against=2026-02-01T00:00&depot=GZ", "auditor", "vendor"),
    ("/stock/as-of?what=units&part=ST12000NM0008", "engineer", "vendor"),
    ("/stock/as-of?what=bins", "buyer", "vendor"),
    ("/labels", "warehouse_keeper", "engineer"),
    ("/labels?kind=part&codes=PSU-750&size=50x30", "warehouse_keeper", "auditor"),
    ("/advance-shipping-notices", "buyer", "engineer"),
    (
        "/advance-shipping-notices?state=expected&kind=transfer&depot=GZ&from=2026-01-01&to=2099-12-31",
        "auditor",
        "planner",
    ),
    ("/advance-shipping-notices/new", "buyer", "auditor"),
    ("/advance-shipping-notices/{notice}", "quality_supervisor", "engineer"),
    ("/receiving", "warehouse_keeper", "vendor"),
    ("/receiving/{number}", "warehouse_keeper", "engineer"),
    ("/receipts", "warehouse_keeper", "inspector"),
    ("/receipts?differing=yes&depot=GZ", "warehouse_keeper", "vendor"),
    ("/receipts/{receipt}", "auditor", "vendor"),
    ("/bins?depot=GZ", "engineer", "vendor"),
    ("/bins/GZ/A-01-1", "inspector", "vendor"),
    ("/put-away?depot=GZ", "warehouse_keeper", "engineer"),
    ("/conditions", "quality_supervisor", "vendor"),
    ("/conditions/judge?depot=GZ&part=FAN-2U&condition=frozen&piece=L-1", "warehouse_keeper", "engineer"),
    ("/plans", "planner", "engineer"),
    ("/plans/{plan}", "project_manager", "warehouse_keeper"),
    ("/plans/{plan}/rows/PSU-750?depot=GZ", "project_manager", "warehouse_keeper"),
    ("/plans/{plan}/surplus", "project_manager", "warehouse_keeper"),
    ("/plans/rates", "project_manager", "engineer"),
    ("/plans/last-time-buy", "planner", "project_manager"),
    ("/plans/last-time-buy?part=PSU-750&until=2031-12-31&shortage_cny=9000", "planner", "engineer"),
    ("/plans/jobs/{job}", "planner", "engineer"),
    ("/plans/{plan}/replay", "planner", "engineer"),
    ("/imports", "planner", "engineer"),
    ("/imports?kind=units", "quality_supervisor", "auditor"),
    ("/imports/{run}", "administrator", "warehouse_keeper"),
    ("/people", "administrator", "auditor"),
    ("/people/new", "administrator", "planner"),
    ("/people/{username}", "administrator", "planner"),
    ("/api-keys", "administrator", "auditor"),
    ("/profile", "vendor", None),
    ("/audit?subject=GZ&actor=x&from=2026-01-01&to=2099-01-01", "auditor", "planner"),
    ("/audit", "quality_supervisor", "engineer"),
    ("/verify", "auditor", "planner"),
    ("/keepings", "dispatcher", "vendor"),
    ("/depots/GZ", "auditor", "inspector"),
    ("/handovers/{handover}", "warehouse_keeper", "inspector"),
    ("/keepings", "auditor", None),
    ("/inspections?depot=GZ&part=FAN-2U", "auditor", "vendor"),
    ("/inspections/on-receipt", "quality_supervisor", "vendor"),
    ("/inspections/on-receipt", "engineer", None),
    ("/master-data", "engineer", "vendor"),
    *((f"/master-data/{name}", "auditor", "vendor") for name in KINDS),
    ("/master-data/contracts", "planner", "engineer"),
    ("/master-data/lanes/new?of=from_place&key=GZ", "administrator", "auditor"),
    ("/master-data/calendars/new", "planner", "quality_supervisor"),
    ("/master-data/depots/rows/GZ", "planner", "vendor"),
    ("/master-data/devices/rows/BANK-001", "engineer", "vendor"),
    ("/master-data/calendars/rows/CN", "administrator", "engineer"),
    (f"/master-data/parts/rows/{PSU}", "engineer", "vendor"),
    ("/transfers/new", "warehouse_keeper", "engineer"),
    ("/adjustments/new?depot=GZ&part=FAN-2U", "quality_supervisor", "warehouse_keeper"),
    ("/reservations/new?part=FAN-2U&depot=GZ", "dispatcher", "engineer"),
    ("/reservations", "engineer", "inspector"),
    ("/reservations?state=pending&depot=GZ&part=FAN-2U&holder=x", "auditor", "vendor"),
    ("/reservations/{reservation}", "dispatcher", "vendor"),
    ("/reservations/{promise}", "dispatcher", "vendor"),
    ("/pool-crossings", "warehouse_keeper", "vendor"),
    ("/pool-crossings/{crossing}", "project_manager", "vendor"),
    ("/my-parts", "engineer", "auditor"),
    ("/statements", "project_manager", "vendor"),
    ("/contracts/C-BANK/statement", "quality_supervisor", "vendor"),
    ("/steps", "engineer", "inspector"),
    ("/steps?which=my_store&depot=GZ", "warehouse_keeper", "vendor"),
    ("/steps/{step}", "buyer", "inspector"),
    ("/steps/policy", "auditor", "vendor"),
    ("/roster", "dispatcher", "vendor"),
    ("/roster?week=2027-02-08&depot=GZ&role=warehouse_keeper", "warehouse_keeper", "inspector"),
    ("/roster/shifts/{shift}", "project_manager", "inspector"),
    ("/inquiries?state=open", "planner", "engineer"),
    ("/inquiries/new", "buyer", "auditor"),
    (f"/stock-values?day=2026-11-01&part={PSU}", "buyer", "engineer"),
    (f"/prices?part={PSU}", "planner", "warehouse_keeper"),
    ("/delegations?ended=yes", "engineer", "inspector"),
    ("/contacts?stale=yes", "administrator", "vendor"),
    ("/duty-sheets", "engineer", "inspector"),
    ("/contracts/C-BANK/duty-sheet", "project_manager", "vendor"),
    ("/messages", "inspector", None),
    ("/messages/outgoing?state=failed", "administrator", "project_manager"),
]

ACTIONS = [
    ("/requests/{request}/ship", "engineer"),
    ("/requests/{request}/debrief", "auditor"),
    ("/requests/{request}/cancel", "auditor"),
    ("/requests/new", "auditor"),
    ("/emergencies/new", "engineer"),
    ("/emergencies/{case}/approve", "engineer"),
    ("/emergencies/{case}/stand-down", "buyer"),
    ("/emergencies/{case}/make-real", "auditor"),
    ("/emergencies/{case}/close", "buyer"),
    ("/force-majeure/new", "engineer"),
    ("/force-majeure/{force_majeure}/measures", "engineer"),
    ("/force-majeure/{force_majeure}/close", "buyer"),
    ("/requests/{request}/expert-attempts", "auditor"),
    ("/requests/{request}/expert-attempts/{attempt}/report", "auditor"),
    ("/requests/{request}/maker-cases", "engineer"),
    ("/maker-cases/{maker_case}/progress", "auditor"),
    ("/maker-cases/{maker_case}/close", "buyer"),
    ("/maker-cases/{maker_case}/withdraw", "engineer"),
    ("/batches/quarantine", "buyer"),
    ("/quality-claims", "warehouse_keeper"),
    ("/quality-claims/{case}/send", "quality_supervisor"),
    ("/quality-claims/{case}/answer", "project_manager"),
    ("/quality-claims/{case}/close", "auditor"),
    ("/orders/{order}/approve", "planner"),
    ("/orders/{order}/cancel", "warehouse_keeper"),
    ("/orders/{order}/receive", "buyer"),
    ("/picks", "engineer"),
    ("/picks/{pick_list}/scan", "engineer"),
    ("/picks/{pick_list}/cancel", "engineer"),
    ("/picks/{pick_list}/ship", "engineer"),
    ("/picks/lines/{pick}/not-found", "engineer"),
    ("/picks/lines/{pick}/unpick", "engineer"),
    ("/shipments/{shipment}/hand-over", "auditor"),
    ("/shipments/{shipment}/fail", "auditor"),
    ("/shipments/{shipment}/send-again", "auditor"),
    ("/shipments/{shipment}/bring-back", "engineer"),
    ("/policies/papers", "warehouse_keeper"),
    ("/policies/counts", "auditor"),
    ("/provisional-issues/{issue}/paper", "auditor"),
    ("/provisional-issues/{issue}/resolve", "engineer"),
    ("/provisional-issues/{issue}/dismiss", "engineer"),
    ("/provisional-issues/{issue}/bring-back", "auditor"),
    ("/provisional-issues/{issue}/report-lost", "auditor"),
    ("/quotations/{quotation}/accept", "auditor"),
    ("/quotations/{quotation}/reject", "buyer"),
    ("/requests/{quoted}/quote-again", "auditor"),
    ("/requests/{waiting}/approve", "dispatcher"),
    ("/requests/{waiting}/refuse", "buyer"),
    ("/policies/requests", "dispatcher"),
    ("/provisional-issues/{issue}/confirm-lost", "warehouse_keeper"),
    ("/transfers/{transfer}/ship", "engineer"),
    ("/transfers/{transfer}/receive", "engineer"),
    ("/transfers/{transfer}/cancel", "engineer"),
    ("/counts", "engineer"),
    ("/counts/{count}/bin", "engineer"),
    ("/counts/{count}/lines/{count}/explain", "engineer"),
    ("/counts/{count}/finish", "engineer"),
    ("/counts/{count}/post", "auditor"),
    ("/counts/{count}/cancel", "auditor"),
    ("/movements/{movement}/reverse", "vendor"),
    ("/units/ZL2-0001/tag", "engineer"),
    ("/transfers/{transfer}/lost", "warehouse_keeper"),
    ("/transfers/{transfer}/found", "warehouse_keeper"),
    ("/advance-shipping-notices/new", "auditor"),
    ("/advance-shipping-notices/{notice}/close", "quality_supervisor"),
    ("/advance-shipping-notices/{notice}/cancel", "auditor"),
    ("/receiving/{number}/scan", "engineer"),
    ("/receiving/{number}/book", "engineer"),
    ("/hand-ins", "engineer"),
    ("/returns/{debt}/keep", "vendor"),
    ("/returns/{debt}/tell-lost", "inspector"),
    ("/returns/{debt}/confirm-lost", "dispatcher"),
    ("/returns/{debt}/due", "engineer"),
    ("/wrong-returns/{debt}/answer", "warehouse_keeper"),
    ("/policies/returns", "dispatcher"),
    ("/bins", "engineer"),
    ("/put-away", "engineer"),
    ("/conditions/judge", "engineer"),
    ("/conditions/BJ1/identify", "engineer"),
    ("/scrappings/SC-1/decide", "engineer"),
    ("/plans", "project_manager"),
    ("/plans/rates", "project_manager"),
    ("/plans/jobs/{job}/cancel", "project_manager"),
    ("/plans/{plan}/approve", "planner"),
    ("/plans/{plan}/frontier", "project_manager"),
    ("/plans/{plan}/rebalancing", "project_manager"),
    ("/plans/jobs/{job}/draft-transfers", "project_manager"),
    ("/plans/{plan}/what-if", "project_manager"),
    ("/plans/{plan}/reject", "planner"),
    ("/imports", "project_manager"),
    ("/imports/{run}/confirm", "auditor"),
    ("/imports/{run}/cancel", "project_manager"),
    ("/invoices", "project_manager"),
    ("/invoices/{invoice}/withdraw", "auditor"),
    ("/invoices/answers", "planner"),
    ("/attachments", "auditor"),
    ("/attachments/{file}/withdraw", "inspector"),
    ("/people/new", "auditor"),
    ("/people/x/roles", "auditor"),
    ("/people/x/roles/7/withdraw", "auditor"),
    ("/people/x/active", "auditor"),
    ("/people/x/password", "auditor"),
    ("/api-keys", "auditor"),
    ("/api-keys/{job}/revoke", "auditor"),
    ("/verify", "planner"),
    ("/keepings", "engineer"),
    ("/depots/GZ/out-of-service", "warehouse_keeper"),
    ("/depots/GZ/in-service", "warehouse_keeper"),
    ("/keepings/GZ", "engineer"),
    ("/engineer-stocks", "engineer"),
    ("/inspections/on-receipt", "warehouse_keeper"),
    ("/master-data/depots/new", "engineer"),
    ("/master-data/depots/rows/GZ", "auditor"),
    ("/transfers/new", "engineer"),
    ("/adjustments/new", "warehouse_keeper"),
    ("/reservations/new", "engineer"),
    ("/reservations/{reservation}/post", "dispatcher"),
    ("/reservations/{reservation}/extend", "auditor"),
    ("/reservations/{reservation}/void", "auditor"),
    ("/reservations/{reservation}/take-over", "warehouse_keeper"),
    ("/vendors/DISTI/contacts", "engineer"),
    ("/units/ZL2-0001/proof", "warehouse_keeper"),
    ("/suspected-counterfeits", "engineer"),
    ("/pool-crossings", "engineer"),
    ("/pool-crossings/{crossing}/approve", "dispatcher"),
    ("/pool-crossings/{crossing}/refuse", "dispatcher"),
    ("/my-parts/give", "auditor"),
    ("/my-parts/issue", "auditor"),
    ("/my-parts/{handover}/accept", "auditor"),
    ("/my-parts/{handover}/decline", "auditor"),
    ("/contracts/C-BANK/statement/links", "engineer"),
    ("/contracts/C-BANK/statement/links/{job}/revoke", "engineer"),
    ("/contracts/C-BANK/statement/recount", "engineer"),
    ("/steps/{step}/acknowledge", "auditor"),
    ("/roster", "engineer"),
    ("/roster/shifts/{shift}/change", "warehouse_keeper"),
    ("/roster/shifts/{shift}/withdraw", "buyer"),
    ("/roster/shifts/{shift}/swap", "engineer"),
    ("/roster/posts", "planner"),
    ("/roster/posts/withdraw", "auditor"),
    ("/contacts/nobody/verify", "engineer"),
    ("/contracts/C-BANK/duty-sheet/check", "warehouse_keeper"),
    ("/messages/{job}/send-again", "project_manager"),
]


@pytest.fixture
async def documents(company) -> dict[str, object]:
    """One document of every kind, so that every page has something to show."""
    return await one_of_each()


@pytest.mark.parametrize(("path", "right", "wrong"), PAGES)
async def test_a_page_is_for_those_who_may_see_it(visitor, documents, path, right, wrong):
    address = path.format(**documents)
    anonymous = await (await visitor()).get(address)
    assert anonymous.status_code == 303
    assert anonymous.headers["location"].startswith("/sign-in?next=")
    if wrong is not None:
        refused = await (await visitor(wrong)).get(address, language="en")
        assert refused.status_code == 403
        assert "needs the right" in refused.text
        assert refused.headers["content-type"].startswith("text/html")
    reader = await visitor(right)
    for language, lang in (("zh", "zh-CN"), ("en", "en")):
        answer = await reader.get(address, language=language)
        if address.startswith("/find"):
            assert (answer.status_code, answer.headers["location"]) == (303, "/parts/PSU-750")
            return
        assert answer.status_code == 200, answer.text
        assert f'<html lang="{lang}"' in answer.text or 'id="device"' in answer.text


@pytest.mark.parametrize(("path", "wrong"), ACTIONS)
async def test_an_action_is_for_those_who_may_do_it(visitor, documents, path, wrong):
    form = {
        "depot": "GZ",
        "codes": "c",
        "bin": "b",
        "part_number": FAN,
        "was": "good",
        "piece": "p",
        "becomes": "frozen",
        "approve": "yes",
        "reason": "r",
        "note": "n",
        "device_serial": "d",
        "reference": "r",
        "severity": "general",
        **dict.fromkeys(("within_hours", "resume_hour", "a_share", "b_share"), "1"),
        **dict.fromkeys(("a_days", "b_days", "c_days", "parts_per_sheet", "hours_to_count"), "1"),
        "four_eyes_above_cny": "1",
        "said_by": "s",
        **dict.fromkeys(("margin_percent", "labour_cny", "freight_cny", "valid_hours", "decide_within_minutes"), "1"),
        "due_at": "2099-01-01",
        "proposed_at": "2026-01-01T00:00:00Z",
        "quantity": "1",
        "serials": "",
        "from_depot": "GZ",
        "to_depot": "SH",
        "direction": "found",
        "username": "somebody",
        "name_zh": "某人",
        "name_en": "Somebody",
        "password": "x",
        "role": "engineer",
        "active": "no",
        "name": "glpi",
        "engineer": "e",
        "what": "part",
        "key": FAN,
        "inspect": "yes",
        "first": "2027-02-06",
        "starts_at": "2027-02-06T08:00",
        "ends_at": "2027-02-07T08:00",
        "other": documents["job"],
    }
    address = path.format(**documents)

    anonymous = await (await visitor()).post(address, form)
    refused = await (await visitor(wrong)).post(address, form)

    assert (anonymous.status_code, anonymous.headers["HX-Redirect"]) == (401, "/sign-in?next=/")
    assert refused.status_code == 403
    assert "权限" in refused.text


@pytest.mark.parametrize(("role", "seen"), [("auditor", True), ("engineer", False)])
async def test_prices_are_for_those_who_may_see_costs(visitor, documents, role, seen):
    reader = await visitor(role)
    pages = [f"/parts/{DRIVE}", "/parts", "/emergencies/{case}", "/requests/{request}"]

    for path in pages:
        answer = await reader.get(path.format(**documents))
        assert ("¥" in answer.text) is seen, path


async def test_the_menu_shows_only_what_may_be_opened(visitor):
    async def menu(role: str, **scope: str) -> list[tuple[str, str]]:
        page = (await (await visitor(role, **scope)).get("/", language="en")).text
        side = page[page.index('<nav id="menu"') : page.index("</nav>")]
        return re.findall(r'<summary>([^<]+?) <|<li><a href="([^"]+)"', side)

    def of(*entries: str) -> list[tuple[str, str]]:
        return [("", entry) if entry.startswith("/") else (entry, "") for entry in entries]

    assert await menu("vendor") == of(
        "/", "/advance-shipping-notices", "Procurement", "/vendor-orders", "/vendor-inquiries", "/vendor-rmas", "/parts"
    )
    assert await menu("inspector", contract="C-BANK") == of(
        "/",
        "/coverage",
        "/counts",
        *("Stock and ledger", "/stock", "/units", "/bins", "/movements", "/statements"),
        "/parts",
    )
    assert ("", "/plans") in await menu("planner")
    administration = ("Administration", "/policies", "/people", "/api-keys", "/audit", "/verify")
    assert (
        of("Master data", "/parts", "/master-data", "/imports", *administration) == (await menu("administrator"))[-10:]
    )


@pytest.mark.parametrize(("role", "contract"), [*((role, None) for role in sorted(ROLES)), ("inspector", "C-BANK")])
async def test_whatever_the_menu_shows_can_be_opened(visitor, role, contract):
    reader = await visitor(role, contract=contract)
    home = (await reader.get("/")).text

    for address in dict.fromkeys(re.findall(r'<li><a href="([^"]+)"', home)):
        page = await reader.get(address)
        assert page.status_code == 200, address
        if address != "/scan":
            marked = re.findall(r'<a href="([^"]+)" aria-current="page">', page.text[: page.text.index("</nav>")])
            assert marked == [address]


async def test_the_phones_bar_has_what_the_role_wants_most_and_everything_is_behind_it(visitor):
    async def bar(role: str) -> list[str]:
        page = (await (await visitor(role)).get("/")).text
        return re.findall(r'<a href="([^"]+)"', page[page.index('<nav id="bar"') : page.index('<nav id="everything"')])

    assert await bar("warehouse_keeper") == ["/", "/receiving", "/picks", "/scan"]
    assert await bar("engineer") == ["/", "/requests", "/my-parts", "/scan"]
    assert await bar("vendor") == ["/", "/vendor-orders", "/advance-shipping-notices", "/parts"]


async def test_a_page_behind_another_is_marked_under_its_entry_and_closed_groups_stay_closed(visitor):
    keeper = await visitor("warehouse_keeper")
    keeper.client.cookies.set("beijian_menu", "stock.demand")

    page = (await keeper.get("/receipts")).text

    assert '<a href="/receiving" aria-current="page">' in page
    assert re.findall(r'data-menu-group="(\w+)" (open)?', page) == [
        ("today", "open"), ("demand", ""), ("warehouse", "open"), ("stock", ""), ("returns", "open"),
        ("emergency", "open"), ("procurement", "open"),
    ]  # fmt: skip


async def test_what_lies_outside_ones_scope_is_not_found(visitor, documents):
    keeper = await visitor("warehouse_keeper", depot="SH")

    for path in ("/emergencies/{case}", "/orders/{order}", "/units/ZL2-0001"):
        assert (await keeper.get(path.format(**documents))).status_code == 404
    assert "ZL2-0001" not in (await keeper.get(f"/parts/{DRIVE}")).text
