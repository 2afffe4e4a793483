"""Every page by every right: anonymous, without the right, and with it, in both languages."""

import re
from datetime import timedelta

import pytest

from inventory.assurance import attachments
from inventory.ground import clock, steps
from inventory.imports import imports
from inventory.people import duty
from inventory.places import bins
from inventory.planning import plans
from inventory.requests import requests, waves
from inventory.stock import (
    movements,
    pool_crossings,
    promises,
    provisional,
    receipts,
    reservations,
    shipments,
    transfers,
)
from inventory.stock.counting import sheets
from tests.integration.emergency.test_cases import a_case, propose
from tests.integration.people.test_duty import a_shift, person
from tests.integration.planning.test_plans import made
from tests.integration.procurement.test_orders import placed
from tests.world import ADMIN, DISPATCHER, DRIVE, FAN, KEEPER, PLANNER, PSU, SETUP

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
    ("/requests/new", "engineer", "auditor"),
    ("/requests/new/device?device_serial=BANK-007", "dispatcher", "auditor"),
    ("/requests/{request}", "engineer", "inspector"),
    ("/emergencies", "engineer", "inspector"),
    ("/emergencies/new", "buyer", "engineer"),
    ("/emergencies/{case}", "auditor", "vendor"),
    ("/coverage", "inspector", "vendor"),
    ("/coverage?depot=GZ", "engineer", "vendor"),
    ("/coverage/parts?state=yes&depot=GZ&part=PSU-750", "engineer", "vendor"),
    ("/coverage/devices?contract=C-BANK&site=BANK-GZ&state=yes", "auditor", "vendor"),
    ("/contracts/C-BANK/coverage", "inspector", "vendor"),
    ("/sites/BANK-GZ/coverage", "inspector", "vendor"),
    ("/depots/GZ/coverage", "warehouse_keeper", "vendor"),
    ("/devices/BANK-007/coverage", "engineer", "vendor"),
    ("/orders", "vendor", "engineer"),
    ("/orders?state=draft&part=PSU-750", "buyer", "inspector"),
    ("/orders/{order}", "warehouse_keeper", "engineer"),
    ("/picks", "warehouse_keeper", "engineer"),
    ("/picks/{pick_list}", "warehouse_keeper", "engineer"),
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
    ("/plans/jobs/{job}", "planner", "engineer"),
    ("/imports", "planner", "engineer"),
    ("/imports?kind=units", "quality_supervisor", "auditor"),
    ("/imports/{run}", "administrator", "warehouse_keeper"),
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
    ("/emergencies/{case}/close", "buyer"),
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
    ("/provisional-issues/{issue}/paper", "auditor"),
    ("/provisional-issues/{issue}/resolve", "engineer"),
    ("/provisional-issues/{issue}/dismiss", "engineer"),
    ("/provisional-issues/{issue}/bring-back", "auditor"),
    ("/provisional-issues/{issue}/report-lost", "auditor"),
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
    ("/receiving/{number}/scan", "engineer"),
    ("/receiving/{number}/book", "engineer"),
    ("/hand-ins", "engineer"),
    ("/bins", "engineer"),
    ("/put-away", "engineer"),
    ("/conditions/judge", "engineer"),
    ("/conditions/BJ1/identify", "engineer"),
    ("/scrappings/SC-1/decide", "engineer"),
    ("/plans", "project_manager"),
    ("/plans/jobs/{job}/cancel", "project_manager"),
    ("/plans/{plan}/approve", "planner"),
    ("/plans/{plan}/reject", "planner"),
    ("/imports", "buyer"),
    ("/imports/{run}/confirm", "auditor"),
    ("/imports/{run}/cancel", "buyer"),
    ("/attachments", "auditor"),
    ("/attachments/{file}/withdraw", "inspector"),
    ("/reservations/{reservation}/extend", "auditor"),
    ("/reservations/{reservation}/void", "auditor"),
    ("/reservations/{reservation}/take-over", "warehouse_keeper"),
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
    case = await a_case()
    await propose(case)
    asked = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="R-1",
            device_serial="BANK-007",
            severity="severe",
            lines=[
                requests.NewRequestLine(part_number=PSU, quantity=1),
                requests.NewRequestLine(part_number=DRIVE, quantity=1),
            ],
        ),
        by=DISPATCHER,
    )
    items = [transfers.TransferItem(part_number=FAN, quantity=1)]
    sent = await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)
    gone = await transfers.draft_transfer("GZ", "SH", items, by=KEEPER)
    await transfers.ship(gone.id, by=KEEPER)
    (shipment,) = await shipments.shipments(limit=2, seen_by=KEEPER)
    walk = await waves.begin_picking("GZ", [sent.number, asked.number], by=KEEPER)
    issue, conflict = [
        await provisional.take(provisional.NewProvisionalIssue(client_id=code, depot="GZ", code=code), by=KEEPER)
        for code in ("ZL2-0004", "UNHEARD-OF")
    ]
    job = await plans.ask_for_plan(by=PLANNER)
    run = await imports.upload("parts", "parts.csv", b"part number", by=ADMIN, most_bytes=1000)
    file = await attachments.attach("transfer", sent.id, "form.pdf", b"%PDF-1.7", by=KEEPER, most_bytes=1000)
    order = await placed((DRIVE, 2), (FAN, 3))
    await bins.enter_bins([bins.NewBin(place="GZ", code="A-01-1")], by=SETUP)
    line = receipts.Incoming(part_number=FAN, quantity=1, condition="quarantine")
    received = await receipts.receive("GZ", [line], by=KEEPER, origin="V-DISTI")
    tomorrow = clock.now() + timedelta(days=1)
    await person("li", "warehouse_keeper", depot="GZ")
    (shift,) = await duty.enter_shifts([a_shift("li", "warehouse_keeper", depot="GZ")], by=SETUP)
    return {
        "shift": shift,
        "step": (await steps.open_steps(limit=1, seen_by=SETUP))[0].id,
        "case": case.id,
        "request": asked.id,
        "number": order.number,
        "receipt": received.number,
        "order": order.id,
        "transfer": sent.id,
        "pick_list": walk.id,
        "pick": walk.lines[0].id,
        "shipment": shipment.id,
        "issue": issue.id,
        "conflict": conflict.id,
        "plan": (await made()).id,
        "reservation": (await reservations.reserve(FAN, "GZ", 1, by=KEEPER, priority_class="planned")).id,
        "promise": (await promises.promise(FAN, "GZ", 1, by=KEEPER, starts_at=tomorrow)).id,
        "crossing": (
            await pool_crossings.ask_crossing(
                "GZ", FAN, 1, by=KEEPER, from_pool="common", to_pool="C-TELCO", reason="none left"
            )
        ).id,
        "handover": job.id,
        "job": job.id,
        "count": (await sheets.draw_up("GZ", "full", by=KEEPER)).id,
        "movement": (await movements.movements(limit=1, seen_by=KEEPER))[0].id,
        "run": run.id,
        "file": file.id,
    }


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
        "username": "u",
        "role": "engineer",
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
    async def menu(role: str) -> list[str]:
        page = (await (await visitor(role)).get("/")).text
        return re.findall(r'<li><a href="([^"]+)"', page)

    assert await menu("vendor") == ["/", "/parts", "/orders"]
    assert await menu("inspector") == [
        "/",
        *("/stock", "/coverage", "/parts", "/bins", "/counts", "/movements", "/units", "/statements"),
    ]
    assert "/plans" in await menu("planner")


async def test_what_lies_outside_ones_scope_is_not_found(visitor, documents):
    keeper = await visitor("warehouse_keeper", depot="SH")

    for path in ("/emergencies/{case}", "/orders/{order}", "/units/ZL2-0001"):
        assert (await keeper.get(path.format(**documents))).status_code == 404
    assert "ZL2-0001" not in (await keeper.get(f"/parts/{DRIVE}")).text
