"""Inquiries over HTTP and on their pages: the ladder of rights, a sheet there and back, and the record for the file."""

from datetime import timedelta

import pytest

from inventory.ground import clock
from inventory.procurement import inquiries
from tests.integration.pages.conftest import visitors  # noqa: F401  fixtures of the pages
from tests.integration.procurement.test_inquiries import three_vendors
from tests.world import BUYER, FAN, SETUP


def asking(**more: object) -> dict[str, object]:
    return {
        "ship_to": "GZ", "lines": [{"part_number": FAN, "quantity": 10}], "vendors": ["DISTI", "DELL", "THIRD"],
        "answer_by": (clock.now() + timedelta(days=3)).isoformat(), **more,
    }  # fmt: skip


@pytest.fixture
async def opened(api) -> str:
    """The address of an inquiry of three vendors."""
    await three_vendors()
    answer = await api.post("/inquiries", asking(), role="buyer")
    assert answer.status_code == 201, answer.text
    return f"/inquiries/{answer.json()['id']}"


async def test_who_may_ask_and_what_is_no_inquiry(api):
    await three_vendors()
    for body, who, status, code in (
        ({}, {"role": None}, 401, None),
        ({}, {"role": "engineer"}, 403, "not_granted"),
        ({}, {"role": "buyer", "depot": "SH"}, 403, "not_your_depot"),
        ({"vendors": ["DISTI"]}, {"role": "buyer"}, 409, "few_vendors"),
        ({"vendors": ["DISTI", "DELL", "NOBODY"]}, {"role": "buyer"}, 404, "unknown"),
        ({"lines": []}, {"role": "buyer"}, 422, None),
        ({"lines": [{"part_number": FAN, "quantity": 0}]}, {"role": "buyer"}, 422, None),
        ({"surprise": 1}, {"role": "buyer"}, 422, None),
    ):
        answer = await api.post("/inquiries", asking(**body), **who)
        assert answer.status_code == status, answer.text
        assert code is None or answer.json()["code"] == code
    assert (await api.get("/inquiries", role="buyer")).json()["items"] == []
    assert (await api.get("/inquiries", role="warehouse_keeper")).status_code == 403


async def test_a_sheet_goes_out_comes_back_and_is_compared_chosen_and_printed(api, opened):
    sheet = await api.get(f"{opened}/sheets/DISTI", role="buyer")
    assert sheet.content.startswith(b"PK")
    assert (await api.get(f"{opened}/sheets/NOBODY", role="buyer")).json()["code"] == "not_asked"
    empty = await api.upload(f"{opened}/sheets", sheet.content, name="q.xlsx", vendor="DISTI", role="buyer", key="k0")
    assert empty.json()["code"] == "sheet_empty"
    good = f"料号,单价,货期,有效期至\n{FAN},¥226.00,7天,2031-12-31\n".encode()
    bad = f"料号,单价,货期,有效期至\n{FAN},#REF!,soon,2031-12-31\n".encode()
    wrong = await api.upload(f"{opened}/sheets", bad, vendor="DISTI", role="buyer", key="k1")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "sheet_wrong")
    assert [error["code"] for error in wrong.json()["errors"]] == ["formula_error", "not_a_number"]
    only = await api.upload(f"{opened}/sheets", bad, vendor="DISTI", only_check="yes", role="buyer", key="k2")
    assert (only.json()["taken"], len(only.json()["findings"])) == (False, 2)
    assert (await api.get(opened, role="auditor")).json()["inquiry"]["answered"] == 0
    taken = await api.upload(f"{opened}/sheets", good, vendor="DISTI", role="buyer", key="k3")
    assert taken.json()["lines"][0]["unit_price"] == "226.00"
    told = {
        "vendor": "DELL",
        "valid_to": "2031-12-31",
        "lines": [{"part_number": FAN, "unit_price": "210", "lead_time_days": 9}],
    }
    assert (await api.post(f"{opened}/quotes", told, role="buyer")).status_code == 201

    compared = (await api.get(f"{opened}/comparison", role="auditor")).json()
    assert (compared["cheapest"], compared["single"], compared["split"]["vendors"]) == (
        {FAN: ["DELL"]},
        "DELL",
        ["DELL"],
    )
    listed = (await api.get(f"{opened}/quotes", role="auditor")).json()["items"]
    assert [(each["vendor"], each["unit_cost_cny"]) for each in listed] == [("DELL", "185.8407"), ("DISTI", "200.0000")]
    assert (await api.get(f"{opened}/quotes.csv", role="auditor")).text.count("FAN-2U") == 2
    paper = await api.get(f"{opened}/papers/quote_comparison", role="auditor")
    assert paper.content.startswith(b"%PDF")
    picks = {"picks": [{"part_number": FAN, "vendor": "DISTI", "quantity": 10}]}
    assert (await api.post(f"{opened}/choose", picks, role="engineer")).status_code == 403
    assert (await api.post(f"{opened}/choose", picks, role="buyer")).json()["code"] == "reason_missing"
    done = await api.post(f"{opened}/choose", picks | {"reason": "sooner", "order": True}, role="buyer")
    assert (done.json()["inquiry"]["state"], len(done.json()["orders"])) == ("decided", 1)
    assert (await api.post(f"{opened}/cancel", {"reason": "x"}, role="buyer")).json()["code"] == "wrong_state"


async def test_the_pages_ask_take_compare_and_choose(visitors, application, company):  # noqa: F811
    await three_vendors()
    buyer = await visitors(application)("buyer")
    form = {
        "part_number": FAN, "quantity": "10", "ship_to": "GZ", "vendor": ["DISTI", "DELL", "THIRD"], "pool": "common",
        "answer_by": (clock.today() + timedelta(days=3)).isoformat(),
    }  # fmt: skip
    assert (await buyer.get("/inquiries/new")).status_code == 200
    assert (await buyer.post("/inquiries", form | {"answer_by": "soon"})).status_code == 422
    place = (await buyer.post("/inquiries", form)).headers["location"]
    (opened,) = await inquiries.inquiries(limit=2, seen_by=SETUP)
    rows = f"料号,单价,货期,有效期至\n{FAN},¥226.00,2周,2031-12-31\n".encode()
    token = buyer.client.cookies["beijian_csrf"]
    sent = await buyer.client.post(
        f"{place}/sheets", data={"vendor": "DISTI", "_csrf_token": token}, files={"file": ("q.csv", rows)},
        headers={"HX-Request": "true"},
    )  # fmt: skip
    assert sent.status_code == 303, sent.text
    page = (await buyer.get(place)).text
    assert all(words in page for words in ("¥200.00", "最低组合", "2周 → 14", "尚未答复"))
    picks = {"part_number": FAN, "vendor": "DISTI", "quantity": "10", "order": "yes"}
    await buyer.post(f"{place}/choose", picks)
    assert (await inquiries.summary(opened.id)).state == "decided"
    assert "已选 10" in (await buyer.get(place)).text
    assert opened.opened_by != BUYER.name
