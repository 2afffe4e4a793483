"""Fault analysis reports: what is known of a removed part is one paper, and somebody hands it over within three days."""

import struct
import zlib
from datetime import timedelta

import pypdfium2
import pytest

from inventory.assurance import attachments
from inventory.ground import clock, db, steps
from inventory.ground.errors import Unknown, WrongState
from inventory.requests import changing, debriefing, fault_reports, requests, shipping
from inventory.requests.debriefing import Debrief
from inventory.requests.scope import NotYourRequest
from inventory.returns import counter, repairs
from tests.world import DISPATCHER, DRIVE, ENGINEER, FAN, KEEPER, SUPERVISOR, actor


def picture() -> bytes:
    """A small photo."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([200, 40, 40]) * 8 for _ in range(6))
    head = struct.pack(">IIBBBBB", 8, 6, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


async def replaced(outcome: requests.Outcome = "used", **more: str) -> requests.RequestView:
    """A drive of BANK-001 that was asked for, handed out and accounted for."""
    view = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="INC-1/1",
            ticket="INC-1",
            device_serial="BANK-001",
            severity="general",
            engineer=ENGINEER.name,
            lines=[requests.NewRequestLine(part_number=DRIVE)],
        ),
        by=DISPATCHER,
    )
    await shipping.ship(view.id, by=KEEPER, serials=["ZL2-0001"])
    return await debriefing.debrief(view.id, [Debrief(part_number=DRIVE, outcome=outcome, **more)], by=ENGINEER)


def text_of(pdf: bytes) -> str:
    return "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))


def images_in(pdf: bytes) -> int:
    objects = (each for page in pypdfium2.PdfDocument(pdf) for each in page.get_objects(max_depth=8))
    return sum(each.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE for each in objects)


async def test_a_report_is_due_three_days_after_the_part_is_accounted_for(company):
    done = await replaced(serial_out="OLD-1")
    state = await fault_reports.state_of(done)
    (duty,) = [each for each in await steps.open_steps(limit=50, seen_by=DISPATCHER) if each.kind == fault_reports.DUTY]

    assert (state.wanted, state.handovers) == (True, [])
    assert done.closed_at
    assert state.due_at == duty.due_at == done.closed_at + timedelta(days=3)
    assert (duty.subject, duty.owner_role) == (done.number, "dispatcher")


@pytest.mark.parametrize("outcome", ["returned_good", "dead_on_arrival"])
async def test_where_nothing_was_replaced_no_report_is_due(company, outcome):
    done = await replaced(outcome)

    assert fault_reports.DUTY not in await steps.open_kinds("part_request", done.number)
    with pytest.raises(fault_reports.NotAFault):
        await fault_reports.hand_over(done.id, "王工", by=DISPATCHER)


async def test_handing_it_over_ends_the_duty_and_is_told(company):
    done = await replaced(serial_out="OLD-1")
    state = await fault_reports.hand_over(done.id, " 王工 ", by=ENGINEER, remark="by mail")
    again = await fault_reports.hand_over(done.id, "李工", by=DISPATCHER, remark="with the vendor's finding")

    assert fault_reports.DUTY not in await steps.open_kinds("part_request", done.number)
    assert [(each.received_by, each.handed_by, each.remark) for each in state.handovers] == [
        ("王工", ENGINEER.name, "by mail")
    ]
    assert [each.received_by for each in again.handovers] == ["王工", "李工"]
    told = await db.fetch(
        "SELECT payload, contract_code FROM event WHERE kind = 'part_request.report_handed_over' ORDER BY sequence"
    )
    assert [(row["payload"]["number"], row["contract_code"]) for row in told] == [(done.number, done.contract)] * 2


async def test_only_those_concerned_hand_over_what_is_accounted_for(company):
    done = await replaced()

    with pytest.raises(NotYourRequest):
        await fault_reports.hand_over(done.id, "王工", by=KEEPER)
    with pytest.raises(fault_reports.ReceiverMissing):
        await fault_reports.hand_over(done.id, "  ", by=DISPATCHER)
    with pytest.raises(Unknown):
        await fault_reports.hand_over(done.id, "王工", by=actor("dispatcher", contracts={"C-TELCO"}))


async def test_a_fault_under_way_has_no_report_to_hand_over(company):
    asked = await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="R-9",
            device_serial="BANK-001",
            severity="general",
            lines=[requests.NewRequestLine(part_number=FAN)],
        ),
        by=DISPATCHER,
    )
    with pytest.raises(WrongState):
        await fault_reports.hand_over(asked.id, "王工", by=DISPATCHER)


async def test_a_fault_that_goes_on_is_reported_when_it_is_resolved(company):
    done = await replaced()
    await changing.reopen(done.id, [requests.NewRequestLine(part_number=FAN)], by=DISPATCHER, reason="it fails still")

    assert fault_reports.DUTY not in await steps.open_kinds("part_request", done.number)


async def test_what_was_found_of_the_piece_is_told_until_it_leaves_again(company):
    done = await replaced(serial_out="OLD-1", failure_code="E-41", remark="clicks")
    before = await fault_reports.report(done.id, seen_by=DISPATCHER)
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    repair = await repairs.open_repair("GZ", DRIVE, "OLD-1", by=KEEPER, complaint="clicks")
    opened = await fault_reports.report(done.id, seen_by=DISPATCHER)
    await repairs.start(repair.id, by=KEEPER)
    await repairs.finish(repair.id, "part_replaced", "head replaced", by=KEEPER, diagnosis="worn head")
    await repairs.pass_test(repair.id, "72 h burn-in", by=SUPERVISOR)
    after = await fault_reports.report(done.id, seen_by=DISPATCHER)

    assert before.findings == []
    assert [(each.failure_code, each.serial_out, each.remark) for each in before.pieces] == [
        ("E-41", "OLD-1", "clicks")
    ]
    assert [(each.found_by, each.result) for each in opened.findings] == [("repair", None)]
    assert [(each.found_by, each.result, each.diagnosis, each.words) for each in after.findings] == [
        ("repair", "part_replaced", "worn head", "head replaced"),
        ("inspection", "passed", "", "72 h burn-in"),
    ]


async def test_the_paper_says_it_in_one_language_with_its_photos(api):
    done = await replaced(serial_out="OLD-1", failure_code="E-41")
    address = f"/part-requests/{done.id}/papers/fault_report"
    for content in (picture(), picture()[:50]):
        await attachments.attach(
            "part_request", done.id, "slot 4.png", content, by=ENGINEER, most_bytes=10**6, kind="photo"
        )
    english = (await api.get(address, role="engineer", params={"language": "en"})).content
    chinese = text_of((await api.get(address, role="engineer")).content)
    ticket_system = (await api.get(address, role="ticket_system")).content

    for words in (done.number, "BANK-001", "ZL2-0001", "OLD-1", "E-41", "No finding yet", "Photo 1 · slot 4.png"):
        assert words in text_of(english), words
    assert images_in(english) == 1  # the other one is cut off
    assert "尚无检验、返修或维修结论" in chinese
    assert "故障分析报告" in chinese
    assert "slot 4.png" not in text_of(ticket_system)  # it may not see attachments
    assert (await api.get(address, role="inspector")).status_code == 403
    assert (await api.get(address, role="engineer", params={"language": "fr"})).status_code in (400, 422)


async def test_the_report_is_handed_over_by_the_api(api):
    done = await replaced()
    address = f"/part-requests/{done.id}/fault-report"

    refused = await api.post(f"{address}/hand-over", {"received_by": ""}, role="dispatcher")
    stranger = await api.post(f"{address}/hand-over", {"received_by": "王工"}, role="warehouse_keeper", depot="GZ")
    assert (refused.status_code, stranger.status_code) == (422, 403)
    assert (await api.post(f"{address}/hand-over", {"received_by": "王工"}, role="dispatcher")).status_code == 200
    state = (await api.get(address, role="ticket_system")).json()
    assert (state["wanted"], [each["received_by"] for each in state["handovers"]]) == (True, ["王工"])
    assert clock.now().isoformat()[:10] == state["handovers"][0]["handed_at"][:10]
