"""Part requests on pages: asked for, handed out, accounted for, withdrawn."""

import re
from datetime import date

from inventory.catalogue import register as catalogue
from inventory.ground import db
from inventory.installed_base import severities
from inventory.requests import requests, shipping
from inventory.returns import counter
from inventory.stock import levels
from tests.integration.requests.test_fault_reports import replaced
from tests.integration.requests.test_requests import new
from tests.world import ADMIN, DISPATCHER, DRIVE, FAN, KEEPER, PSU

ASKED = {
    "reference": "f00d",
    "device_serial": " BANK-007 ",
    "severity": "severe",
    "part_number": PSU,
    "quantity": "1",
    "note": "no light",
}


async def ask(visitor, *, by=None, **changes: object) -> str:
    answer = await (by or await visitor("engineer")).post("/requests/new", ASKED | changes)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def free(part: str) -> int:
    return (await levels.level(part, "GZ", "common", seen_by=ADMIN)).free


async def test_a_request_is_answered_with_its_promise_and_the_ladder(visitor):
    address = await ask(visitor)
    engineer = await visitor("engineer")

    chinese, english = await engineer.get(address), await engineer.get(address, language="en")

    assert "送达现场" in chinese.text
    assert "已锁定库存" in chinese.text
    assert "能按时送达的最低成本来源" in chinese.text
    assert "the cheapest source that is on time" in english.text
    assert "another depot" in english.text
    assert await free(PSU) == 5


async def test_sending_the_form_twice_asks_once(visitor):
    engineer = await visitor("engineer")
    form = {
        **ASKED,
        "reference": re.search(r'name="reference" value="(\w+)"', (await engineer.get("/requests/new")).text)[1],
    }

    first, second = await engineer.post("/requests/new", form), await engineer.post("/requests/new", form)

    assert first.headers["location"] == second.headers["location"]
    assert await free(PSU) == 5


async def test_several_parts_are_asked_for_at_once(visitor):
    address = await ask(visitor, part_number=[PSU, "", FAN], quantity=["1", "1", "2"])

    lines = await db.fetch_value(
        "SELECT count(*) FROM request_line WHERE request = $1::uuid", address.rsplit("/", 1)[1]
    )
    assert lines == 2


async def test_a_quantity_that_is_none_is_refused(visitor):
    answer = await (await visitor("engineer")).post("/requests/new", ASKED | {"quantity": "many"})

    assert answer.status_code == 422
    assert "“many”不是有效数量" in answer.text
    assert await free(PSU) == 6


async def test_the_device_is_checked_while_it_is_typed(visitor):
    engineer = await visitor("engineer")
    asked = {"HX-Request": "true", "HX-Target": "device"}

    known = await engineer.get("/requests/new/device?device_serial=BANK-007", language="en", **asked)
    unknown = await engineer.get("/requests/new/device?device_serial=BANK-7", language="en", **asked)

    assert "R740 · BANK · BANK-GZ" in known.text
    assert f'<option value="{PSU}">750 W power supply' in known.text
    assert "There is no device “BANK-7”." in unknown.text
    assert unknown.headers["HX-Reswap"] == "innerHTML"


async def test_a_keeper_hands_out_and_the_engineer_accounts_for_it(visitor):
    keeper, engineer = await visitor("warehouse_keeper", depot="GZ"), await visitor("engineer")
    address = await ask(visitor, by=engineer, part_number=DRIVE)

    shipped = await keeper.post(f"{address}/ship", {"serials": "ZL2-0003"})
    page = (await engineer.get(address)).text
    accounted = await engineer.post(
        f"{address}/debrief", {"part_number": DRIVE, "outcome": "used", "serial_out": "OLD-1"}
    )
    again = await engineer.post(f"{address}/debrief", {"part_number": DRIVE, "outcome": "used", "serial_out": ""})
    after = (await engineer.get(address)).text

    assert (shipped.status_code, shipped.headers["location"]) == (303, address)
    assert "ZL2-0003" in page
    assert 'id="debrief"' in page
    assert accounted.status_code == 303
    assert again.status_code == 409
    assert "已核销" in after
    assert "OLD-1" in after


async def test_a_keeper_of_another_depot_is_told_whom_to_ask(visitor):
    address = await ask(visitor)

    answer = await (await visitor("warehouse_keeper", depot="SH")).post(f"{address}/ship", {"serials": ""})

    assert answer.status_code == 403
    assert "请联系 GZ 的库管员" in answer.text


async def test_a_request_is_withdrawn_with_its_reason(visitor):
    engineer = await visitor("engineer")
    address = await ask(visitor, by=engineer)
    keeper = await visitor("warehouse_keeper", depot="GZ")

    refused = await keeper.post(f"{address}/cancel", {"reason": "not wanted"})
    without = await engineer.post(f"{address}/cancel", {"reason": ""})
    cancelled = await engineer.post(f"{address}/cancel", {"reason": "found one in the van"})

    assert 'id="cancel"' not in (await keeper.get(address)).text
    assert refused.status_code == 403
    assert "不是该申请指定的工程师" in refused.text
    assert without.status_code == 422
    assert cancelled.status_code == 303
    assert await free(PSU) == 6


async def test_the_list_tells_what_is_late(visitor):
    await ask(visitor)
    await ask(visitor, reference="beef", part_number=DRIVE, quantity="9")
    engineer = await visitor("engineer")

    page = (await engineer.get("/requests", language="en")).text
    waiting = (await engineer.get("/requests?state=backordered", language="en")).text

    assert "on time" in page
    assert f"9 × {DRIVE}" in waiting
    assert f"1 × {PSU}" not in waiting


async def test_what_waits_is_bought_from_the_ladder_and_its_order_is_told(visitor):
    engineer = await visitor("engineer")
    address = await ask(visitor, by=engineer, quantity="13")
    button = re.search(r'name="vendor" value="([A-Z-]+)"', (await engineer.get(address)).text)

    bought = await engineer.post(f"{address}/buy", {"part_number": PSU, "vendor": button[1]})
    again = await engineer.post(f"{address}/buy", {"part_number": PSU, "vendor": button[1]})
    page = (await engineer.get(address)).text
    order = await db.fetch_one("SELECT id, number, request_number FROM purchase_order")

    assert bought.status_code == 303
    assert again.status_code == 409
    assert f"已为 {order['request_number']} 起草 {order['number']}" in again.text
    assert "为此采购" in page
    assert 'name="vendor"' not in page  # once is enough
    assert order["number"] in page
    assert order["request_number"] in (await (await visitor("buyer")).get(f"/orders/{order['id']}")).text
    assert 'name="vendor"' not in (await (await visitor("engineer")).get(address)).text  # nobody else's engineer buys


PLANNED = {"severity": "", "planned_at": "2031-03-01T09:00", "device_serial": "BANK-007"}


async def test_parts_are_planned_for_a_date_moved_and_withdrawn(visitor):
    dispatcher = await visitor("dispatcher")
    form = (await dispatcher.get("/requests/new?planned=true")).text
    assert 'name="planned_at"' in form
    assert 'name="severity"' not in form
    device = (await dispatcher.get("/requests/new/device?device_serial=BANK-007&planned=true")).text
    assert 'name="severity"' not in device
    address = await ask(visitor, by=dispatcher, **PLANNED)

    chinese, english = await dispatcher.get(address), await dispatcher.get(address, language="en")
    assert "已按日期预约" in chinese.text
    assert "promised for its day" in english.text
    assert "held from" in english.text
    assert "/pause" not in english.text
    assert 'value="2031-03-01T09:00"' in english.text
    assert await free(PSU) == 6

    for language, words in (("zh", "计划"), ("en", "planned for")):
        assert words in (await dispatcher.get("/requests?state=planned", language=language)).text
    moved = await dispatcher.post(f"{address}/change", {"planned_at": "2031-04-01T09:00", "engineer": ""})
    assert moved.status_code == 303
    assert 'value="2031-04-01T09:00"' in (await dispatcher.get(address)).text
    past = await dispatcher.post(f"{address}/change", {"planned_at": "2020-04-01T09:00", "engineer": ""})
    assert "计划开工时间" in past.text
    await dispatcher.post(f"{address}/cancel", {"reason": "the customer has no window"})
    assert (await levels.level(PSU, "GZ", "common", seen_by=ADMIN)).promised == 0


async def test_what_planned_work_is_short_of_is_said_with_the_day_it_must_be_there(visitor):
    dispatcher = await visitor("dispatcher")
    address = await ask(visitor, by=dispatcher, **PLANNED, quantity="20")

    assert "须于" in (await dispatcher.get(address)).text
    assert "9 missing by then" in (await dispatcher.get(address, language="en")).text
    duties = (await dispatcher.get("/steps")).text
    assert "为预约备货" in duties


async def test_the_ladder_shows_the_chain_to_a_substitute(visitor):
    for part, substitute in ((DRIVE, FAN), (FAN, PSU)):
        new = catalogue.NewSubstitution(part=part, substitute=substitute, valid_from=date(2024, 1, 1))
        await catalogue.enter_substitutions([new], by=ADMIN)
    address = await ask(visitor, part_number=DRIVE)

    assert f"{DRIVE} → {FAN} → {PSU}" in (await (await visitor("engineer")).get(address)).text


async def test_a_contracts_own_words_for_a_severity_are_shown_everywhere(visitor):
    own = severities.SeverityView(
        code="P1", name_zh="一级事件", name_en="Incident one", rank=9, priority_class="severe"
    )
    await severities.define_severities("C-BANK", [own], by=ADMIN)
    address = await ask(visitor, severity="P1")
    keeper = await visitor("warehouse_keeper", depot="GZ")

    for page in (address, "/requests", "/picks", "/picks/waiting"):
        assert "一级事件" in (await keeper.get(page)).text, page
        assert "Incident one" in (await keeper.get(page, language="en")).text, page
    table = await keeper.get("/api/v1/part-requests.csv")
    assert "一级事件" in table.text


async def test_a_fault_report_is_printed_and_handed_over_from_the_request(visitor):
    done = await replaced(serial_out="OLD-1")
    dispatcher = await visitor("dispatcher")
    before = (await dispatcher.get(f"/requests/{done.id}", language="en")).text
    nobody = await dispatcher.post(f"/requests/{done.id}/hand-over-report", {"received_by": ""}, language="en")
    await dispatcher.post(f"/requests/{done.id}/hand-over-report", {"received_by": "王工", "remark": "邮件"})
    after = (await dispatcher.get(f"/requests/{done.id}", language="en")).text
    auditor = (await (await visitor("auditor")).get(f"/requests/{done.id}")).text

    assert f"/api/v1/part-requests/{done.id}/papers/fault_report?language=en" in before
    assert "Not handed over to the customer yet" in before
    assert nobody.status_code == 422
    assert "Handed over to 王工" in after
    assert "已提交给 王工" in auditor
    assert "hand-over-report" not in auditor


async def test_a_request_lists_what_went_back_to_vendors_for_it(visitor):
    done = await replaced(serial_out="OLD-1")
    await counter.take_in("GZ", "OLD-1", by=KEEPER)
    keeper = await visitor("warehouse_keeper", depot="GZ")
    before = (await keeper.get(f"/requests/{done.id}", language="en")).text
    form = (await keeper.get(f"/rmas/new?part_request={done.number}", language="en")).text
    piece = {
        "depot": "GZ",
        "vendor": "DISTI",
        "part_number": DRIVE,
        "serial": "OLD-1",
        "lot": "",
        "quantity": "1",
        "asked": "repair",
        "failure_code": "",
        "complaint": "",
        "dead_on_arrival": "",
    }
    await keeper.post("/rmas", {**piece, "request": done.number})
    after = (await keeper.get(f"/requests/{done.id}", language="en")).text

    assert "Nothing went back to a vendor for this request." in before
    assert f'value="{done.number}"' in form
    assert "RMA-" in after


async def test_the_debrief_offers_the_failure_codes_in_use(visitor):
    await replaced(failure_code="no post")
    view = await requests.open_request(new(reference="R-2", device="BANK-002"), by=DISPATCHER)
    await shipping.ship(view.id, by=KEEPER)
    page = (await (await visitor("dispatcher")).get(f"/requests/{view.id}")).text

    assert '<option value="NO POST">' in page
    assert 'list="failure-codes"' in page
