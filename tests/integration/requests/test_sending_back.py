"""Sending back for a request: pieces of one fault go to several vendors, and the request, its page and its ticket know each."""

import pytest

from inventory.ground import db
from inventory.ground.errors import Unknown
from inventory.requests import fault_reports, sending_back, tickets
from inventory.returns import counter, rmas
from tests.integration.requests.test_fault_reports import replaced
from tests.world import BUYER, DISPATCHER, DRIVE, KEEPER, actor


@pytest.fixture
async def came_out(company):
    """A request whose removed drive OLD-1 lies defective at GZ."""
    view = await replaced(serial_out="OLD-1")
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    return view


def old(vendor: str = "DISTI") -> rmas.NewLine:
    return rmas.NewLine(vendor=vendor, part_number=DRIVE, serial="OLD-1", asked="exchange")


async def test_a_return_belongs_to_the_request_its_piece_came_out_for(came_out):
    (made,) = await sending_back.draft("GZ", [old()], by=KEEPER)
    theirs = await rmas.rmas(limit=5, seen_by=BUYER, request=came_out.number)
    ticket = await tickets.ticket_view("glpi", "INC-1", seen_by=DISPATCHER)
    told = await db.fetch("SELECT payload, contract_code FROM event WHERE kind = 'rma.drafted'")

    assert (made.request, made.contract) == (came_out.number, came_out.contract)
    assert [each.number for each in theirs] == [made.number]
    assert await rmas.rmas(limit=5, seen_by=BUYER, request="PR-00-000000") == []
    assert [(each.request, each.number, each.state, each.part_numbers) for each in ticket.sent_back] == [
        (came_out.number, made.number, "draft", [DRIVE])
    ]
    assert [(row["payload"]["request"], row["contract_code"]) for row in told] == [(came_out.number, came_out.contract)]


async def test_what_the_vendor_says_is_in_the_report(came_out):
    (made,) = await sending_back.draft("GZ", [old()], by=KEEPER, request=came_out.id)
    report = await fault_reports.report(came_out.id, seen_by=DISPATCHER)

    assert [(each.found_by, each.number, each.result) for each in report.findings] == [("rma", made.number, None)]


async def test_a_piece_that_came_out_for_nothing_names_no_request(company):
    await db.execute("UPDATE unit SET condition = 'defective' WHERE serial = 'ZL2-0002'")
    (made,) = await sending_back.draft(
        "GZ", [rmas.NewLine(vendor="DISTI", part_number=DRIVE, serial="ZL2-0002", asked="repair")], by=KEEPER
    )

    assert made.request is None


async def test_a_request_out_of_reach_is_not_named(came_out):
    with pytest.raises(Unknown):
        await sending_back.draft(
            "GZ", [old()], by=actor("warehouse_keeper", contracts={"C-TELCO"}), request=came_out.id
        )


async def test_the_api_drafts_for_a_request_and_lists_by_it(api, company):
    view = await replaced(serial_out="OLD-1")
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    body = {
        "depot": "GZ",
        "lines": [{"vendor": "DISTI", "part_number": DRIVE, "serial": "OLD-1", "asked": "repair"}],
        "request": str(view.id),
    }
    unknown = await api.post("/rmas", {**body, "request": "0" * 8 + "-0000-7000-8000-000000000000"}, role="buyer")
    made = (await api.post("/rmas", body, role="buyer")).json()
    listed = (await api.get("/rmas", role="buyer", params={"request": view.number})).json()["items"]

    assert unknown.status_code == 404
    assert [each["number"] for each in listed] == [each["number"] for each in made]
    assert made[0]["request"] == view.number
