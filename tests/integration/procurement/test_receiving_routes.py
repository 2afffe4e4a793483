"""The dock over HTTP: another depot, an invalid body, a refusal, and done; the same key gives the same answer."""

import pytest

from inventory.places import bins
from inventory.stock import conditions, placing, transfers
from inventory.stock.pieces import Pieces
from inventory.stock.transfers import TransferItem
from tests.integration.procurement.test_deliveries import soon
from tests.integration.procurement.test_orders import placed
from tests.world import DRIVE, FAN, KEEPER, SETUP

GZ = {"role": "warehouse_keeper", "depot": "GZ"}
SH = {"role": "warehouse_keeper", "depot": "SH"}
QUALITY = {"role": "quality_supervisor"}


def answered(answer) -> tuple[int, str | None]:
    body = answer.json()
    return answer.status_code, body.get("code") if isinstance(body, dict) else None


async def test_a_vendor_announces_and_a_keeper_receives(api):
    order = await placed((DRIVE, 2))
    due = soon().isoformat()
    line = {"part_number": DRIVE, "quantity": 2, "serials": ["A-1", "A-2"]}
    notice = {"purchase_order": order.number, "due_at": due, "lines": [line]}
    path = "/advance-shipping-notices"

    assert answered(await api.post(path, notice, role="vendor", vendor="DELL")) == (404, "unknown")
    assert answered(await api.post(path, {**notice, "lines": []}, role="vendor", vendor="DISTI"))[0] == 422
    assert answered(await api.post(path, notice, role="vendor", vendor="DISTI", idempotency_key=None))[0] == 400
    by_hand = {"due_at": due, "lines": [line], "depot": "GZ", "origin": "V-DELL"}
    assert answered(await api.post(path, by_hand, role="vendor", vendor="DISTI")) == (403, "not_granted")
    assert answered(await api.post(path, {"due_at": due, "lines": [line]}, **GZ)) == (422, "addressee_missing")
    made = await api.post(path, notice, role="vendor", vendor="DISTI")
    number = made.json()["number"]
    assert (made.status_code, made.json()["lines"][0]["serials"]) == (201, ["A-1", "A-2"])
    assert (await api.get(f"{path}/{number}", role="vendor", vendor="DISTI")).json()["state"] == "expected"
    assert answered(await api.get(f"{path}/{number}", role="vendor", vendor="DELL")) == (404, "unknown")

    came = {"scans": [{"part_number": DRIVE, "serials": ["A-1"]}]}
    assert answered(await api.post(f"/deliveries/{number}/receive", came, **SH)) == (404, "unknown")
    assert answered(await api.post(f"/deliveries/{number}/receive", {"scans": [{"part_number": "NOPE"}]}, **GZ)) == (
        404,
        "unknown_part",
    )
    refused = await api.post(f"/deliveries/{number}/receive", came, **GZ)
    assert answered(refused) == (422, "difference_unexplained")
    checked = (await api.post(f"/deliveries/{number}/check", came, **GZ)).json()
    assert [(line["difference"], line["missing"]) for line in checked] == [(None, 0), ("partial", 1)]
    booked = await api.post(f"/deliveries/{number}/receive", {**came, "reason": "later"}, idempotency_key="k-1", **GZ)
    again = await api.post(f"/deliveries/{number}/receive", {**came, "reason": "later"}, idempotency_key="k-1", **GZ)
    assert (booked.status_code, again.json()) == (201, booked.json())
    receipt = booked.json()["number"]
    assert (await api.get(f"/receipts/{receipt}", **GZ)).json()["document"] == order.number
    assert answered(await api.get(f"/receipts/{receipt}", **SH)) == (404, "unknown")
    assert (await api.get("/receipts?differing=yes", **GZ)).json()["items"][0]["number"] == receipt
    assert (await api.get(f"/deliveries/{number}", **GZ)).json()["lines"][0]["outstanding"] == 1
    closed = await api.post(f"{path}/{number}/close", {"reason": "lost by the vendor"}, **GZ)
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    assert answered(await api.post(f"{path}/{number}/cancel", {"reason": "r"}, **GZ)) == (409, "wrong_state")


async def test_bins_and_put_away(api):
    assert answered(await api.post("/bins", {"depot": "GZ", "code": "A-01"}, **SH)) == (403, "not_your_depot")
    assert answered(await api.post("/bins", {"depot": "GZ", "code": ""}, **GZ))[0] == 422
    assert (await api.post("/bins", {"depot": "GZ", "code": "A-01"}, **GZ)).status_code == 201
    move = {"depot": "GZ", "part_number": FAN, "to_bin": "A-01", "quantity": 4}

    assert answered(await api.post("/put-aways", move, **SH)) == (403, "not_your_depot")
    assert answered(await api.post("/put-aways", {**move, "quantity": -1}, **GZ))[0] == 422
    assert answered(await api.post("/put-aways", {**move, "quantity": 99}, **GZ)) == (409, "lot_not_here")
    assert (await api.post("/put-aways", move, **GZ)).json()[0]["quantity"] == 4
    assert (await api.get("/bins/GZ/A-01", **GZ)).json()[0]["part_number"] == FAN
    assert answered(await api.get("/bins/GZ/A-01", **SH)) == (404, "unknown")
    assert [b["pieces"] for b in (await api.get("/bins?depot=GZ", **GZ)).json()["items"]] == [4]
    assert await bins.bins(limit=5, seen_by=SETUP, depot="SH") == []


async def test_judging_scrapping_and_handing_in(api):
    bad = {"depot": "GZ", "part_number": DRIVE, "was": "good", "becomes": "defective", "finding": "clicks"}
    piece = {**bad, "serials": ["ZL2-0001"]}
    assert answered(await api.post("/inspections", piece, **SH)) == (403, "not_your_depot")
    assert answered(await api.post("/inspections", {**piece, "finding": ""}, **GZ))[0] == 422
    assert answered(await api.post("/inspections", {**piece, "was": "unknown", "becomes": "frozen"}, **GZ)) == (
        409,
        "no_such_step",
    )
    assert (await api.post("/inspections", piece, **GZ)).status_code == 201
    tested = {**piece, "was": "in_test", "becomes": "good", "finding": "clean"}
    assert answered(await api.post("/inspections", tested, **GZ)) == (403, "not_granted")
    assert answered(await api.post("/inspections", tested, **QUALITY)) == (409, "unit_not_here")

    scrap = {"depot": "GZ", "part_number": DRIVE, "reason": "dead", "serials": ["ZL2-0001"]}
    (proposal,) = (await api.post("/scrappings", scrap, **GZ)).json()
    decide = f"/scrappings/{proposal['number']}/decide"
    assert answered(await api.post(decide, {"approve": True}, **GZ)) == (403, "second_person")
    assert answered(await api.post(decide, {"approve": True}, **SH)) == (404, "unknown")
    assert (await api.post(decide, {"approve": True}, **QUALITY)).json()["state"] == "approved"
    assert [each["serial"] for each in (await api.get("/inspections", **GZ)).json()["items"]] == ["ZL2-0001"]

    handed = (await api.post("/hand-ins", {"depot": "GZ", "what": "a box"}, **GZ)).json()["unit"]
    assert answered(await api.post("/hand-ins", {"depot": "GZ", "what": "a box"}, **SH)) == (403, "not_your_depot")
    assert answered(await api.post("/hand-ins", {"depot": "GZ"}, **GZ)) == (422, "reason_missing")
    assert [p["piece"] for p in (await api.get("/blocked-stock", **GZ)).json()["items"]] == [handed["tag"]]
    identify = f"/hand-ins/{handed['tag']}/identify"
    assert answered(await api.post(identify, {"part_number": "NOPE"}, **GZ)) == (404, "unknown_part")
    assert (await api.post(identify, {"part_number": FAN}, **GZ)).status_code == 200
    part = await api.post(f"/parts/{FAN}/inspect-on-receipt", {"inspect": True}, **QUALITY)
    vendor = await api.post("/vendors/DISTI/inspect-on-receipt", {"inspect": True}, **QUALITY)
    assert (part.json()["inspect_on_receipt"], vendor.json()) == (True, {"inspect": True})
    assert answered(await api.post("/vendors/NOPE/inspect-on-receipt", {"inspect": True}, **QUALITY)) == (
        404,
        "unknown",
    )


async def test_blocked_pieces_of_one_lot_are_each_on_a_page(api):
    codes = ("A-01", "A-02")
    await bins.enter_bins([bins.NewBin(place="GZ", code=code) for code in codes], by=SETUP)
    for code in codes:
        await placing.put_away(Pieces("GZ", FAN, quantity=3), code, by=KEEPER)
    await conditions.judge(Pieces("GZ", FAN, quantity=8), "good", "defective", by=KEEPER, reason="recall")
    await conditions.judge(Pieces("GZ", FAN, quantity=2), "good", "frozen", by=KEEPER, reason="recall")
    found, cursor = [], ""
    while cursor is not None:
        page = (await api.get(f"/blocked-stock?limit=1&cursor={cursor}", **GZ)).json()
        found += page["items"]
        cursor = page["next_cursor"]

    assert len(found) == 4
    assert found == (await api.get("/blocked-stock", **GZ)).json()["items"]


async def test_a_part_to_be_inspected_goes_to_quarantine(api):
    await api.post("/parts/ST12000NM0008/inspect-on-receipt", {"inspect": True}, **QUALITY)
    order = await placed((DRIVE, 1))
    came = {"scans": [{"part_number": DRIVE, "serials": ["A-1"]}]}
    (line,) = (await api.post(f"/deliveries/{order.number}/receive", came, **GZ)).json()["lines"]

    assert (line["condition"], line["difference"]) == ("quarantine", None)


@pytest.mark.parametrize("act", ["lost", "found"])
async def test_losses_over_http(api, act):
    draft = await transfers.draft_transfer("GZ", "SH", [TransferItem(part_number=FAN, quantity=2)], by=KEEPER)
    path = f"/transfers/{draft.id}/{act}"
    assert answered(await api.post(path, {"reason": "r"}, **QUALITY)) == (409, "wrong_state")
    assert answered(await api.post(path, {"reason": ""}, **QUALITY))[0] == 422
    await transfers.ship(draft.id, by=KEEPER)
    lost = await api.post(f"/transfers/{draft.id}/lost", {"reason": "stolen", "quantities": {FAN: 1}}, **QUALITY)
    assert [line["lost_quantity"] for line in lost.json()["lines"]] == [1]
    if act == "found":
        found = await api.post(path, {"reason": "found"}, **QUALITY)
        assert [line["lost_quantity"] for line in found.json()["lines"]] == [0]


@pytest.mark.parametrize("code", ["../../x", "A/1", "..", "A 1", "A\\1", "?", "", "A" * 41])
async def test_a_bin_code_fits_into_an_address_and_onto_a_label(api, code):
    refused = await api.post("/bins", {"depot": "GZ", "code": code}, **GZ)
    assert refused.status_code == 422


async def test_a_bin_code_may_be_chinese(api):
    assert (await api.post("/bins", {"depot": "GZ", "code": "甲-01.2_b"}, **GZ)).status_code == 201


async def test_a_vendor_hears_the_same_of_anothers_order_as_of_none(api):
    other = await placed((DRIVE, 2))  # of DISTI
    body = {"due_at": "2030-01-01T00:00:00Z", "lines": [{"part_number": DRIVE, "quantity": 1}]}
    answers = [
        await api.post("/advance-shipping-notices", {**body, "purchase_order": number}, role="vendor", vendor="DELL")
        for number in (other.number, "PO-0")
    ]
    assert [answered(answer) for answer in answers] == [(404, "unknown")] * 2
    first, second = (
        answer.text.replace(number, "#") for answer, number in zip(answers, (other.number, "PO-0"), strict=True)
    )
    assert first.partition("request_id")[0] == second.partition("request_id")[0]


async def test_vendors_do_not_see_how_often_parts_fail(api):
    mine = (await api.get(f"/parts/{DRIVE}", role="vendor", vendor="DISTI")).json()
    ours = (await api.get(f"/parts/{DRIVE}", role="engineer")).json()
    assert (mine["annual_failure_rate"], ours["annual_failure_rate"] is None) == (None, False)
