"""Goods going out over HTTP: invalid, refused, done; what is sent twice is done once."""

from datetime import timedelta
from uuid import uuid4

from inventory.ground import clock
from inventory.places import places
from inventory.stock import receipts
from tests.integration.stock.test_picking import asked
from tests.world import BATTERY, DRIVE, FAN, PSU, SETUP

KEEPER = {"role": "warehouse_keeper", "depot": "GZ"}
ELSEWHERE = {"role": "warehouse_keeper", "depot": "SH"}


async def test_a_request_is_picked_packed_sent_and_signed_for(api):
    request = await asked((DRIVE, 1))
    (waiting,) = (await api.get("/pick-lists/waiting?depot=GZ", **KEEPER)).json()["items"]
    made = await api.post("/pick-lists", {"depot": "GZ", "documents": [waiting["document"]]}, **KEEPER)
    address = f"/pick-lists/{made.json()['id']}"
    picked = await api.post(f"{address}/scans", {"code": "ZL2-0002"}, **KEEPER)
    how = {"mode": "own_car", "packages": [{"weight_kg": 0.8}]}
    shipped = await api.post(f"/part-requests/{request.id}/ship", {"how": how}, **KEEPER)
    (sent,) = (await api.get(f"/shipments?document={request.number}", **KEEPER)).json()["items"]
    signed = await api.post(
        f"/shipments/{sent['id']}/hand-over", {"to": "王工", "strokes": [[[1, 2], [30.5, 40]]]}, role="engineer"
    )
    drawing = await api.get(f"/shipments/{sent['id']}/signature", **KEEPER)

    assert (made.status_code, picked.json()["state"], shipped.json()["state"]) == (201, "picked", "shipped")
    assert shipped.json()["lines"][0]["serial_in"] == "ZL2-0002"
    assert (signed.status_code, signed.json()["state"]) == (200, "handed_over")
    assert drawing.headers["content-type"].startswith("image/svg+xml")
    assert drawing.content.startswith(b"<svg")


async def test_a_transfer_of_others_stock_over_http(api):
    line = receipts.Incoming(part_number=FAN, quantity=2)
    await receipts.receive("GZ", [line], by=SETUP, origin="V-DISTI", owner=await places.find_party("DISTI"))

    def wanted(**more: object) -> dict[str, object]:
        return {"from_depot": "GZ", "to_depot": "SH", "lines": [{"part_number": FAN, "quantity": 2, **more}]}

    made = await api.post("/transfers", wanted(owner="DISTI"), **KEEPER)
    more = await api.post("/transfers", wanted(owner="DISTI"), **KEEPER)
    nobody = await api.post("/transfers", wanted(owner="NOBODY"), language="zh", **KEEPER)

    assert (made.status_code, made.json()["lines"][0]["owner"]) == (201, "DISTI")
    assert (more.status_code, more.json()["code"]) == (409, "insufficient_stock")
    assert (nobody.status_code, "NOBODY" in nobody.json()["detail"]) == (404, True)


async def test_who_does_not_serve_the_depot_does_not_pick_there(api):
    request = await asked((DRIVE, 1))
    refused = await api.post("/pick-lists", {"depot": "GZ", "documents": [request.number]}, **ELSEWHERE)
    made = (await api.post("/pick-lists", {"depot": "GZ", "documents": [request.number]}, **KEEPER)).json()
    hidden = await api.get(f"/pick-lists/{made['id']}", **ELSEWHERE)
    acting = await api.post(f"/pick-lists/{made['id']}/scans", {"code": "ZL2-0000"}, **ELSEWHERE)

    assert [answer.status_code for answer in (refused, hidden, acting)] == [403, 404, 403]


async def test_wrong_scans_are_told_in_both_languages(api):
    request = await asked((DRIVE, 1))
    made = (await api.post("/pick-lists", {"depot": "GZ", "documents": [request.number]}, **KEEPER)).json()
    address = f"/pick-lists/{made['id']}/scans"
    wrong = await api.post(address, {"code": PSU}, language="zh", **KEEPER)
    invalid = await api.post(address, {"code": "", "quantity": 0}, **KEEPER)
    unknown = await api.post(f"/pick-lists/picks/{uuid4()}/unpick", **KEEPER)

    assert (wrong.status_code, wrong.json()["code"]) == (409, "wrong_part")
    assert "本拣货单需要" in wrong.json()["detail"]
    assert (invalid.status_code, unknown.status_code) == (422, 404)


async def test_lithium_is_refused_by_the_wrong_way_and_the_help_says_what_would_do(api):
    request = await asked((BATTERY, 1))
    refused = await api.post(f"/part-requests/{request.id}/ship", {"how": {"mode": "courier"}}, **KEEPER)

    assert (refused.status_code, refused.json()["code"]) == (409, "lithium_may_not_fly")
    assert "own car" in refused.json()["help"]


async def test_what_was_taken_without_paper_is_recorded_once_and_papered(api):
    earlier = (clock.now() - timedelta(hours=3)).isoformat()
    body = {"client_id": "phone-7", "depot": "GZ", "code": FAN, "quantity": 2, "taken_at": earlier}
    engineer = {"role": "engineer", "depot": "GZ"}
    first = await api.post("/provisional-issues", body, idempotency_key="phone-7", **engineer)
    again = await api.post("/provisional-issues", body, idempotency_key="phone-7", **engineer)
    without_key = await api.post("/provisional-issues", body, **engineer)
    address = f"/provisional-issues/{first.json()['id']}"
    refused = await api.post(f"{address}/paper", {}, **engineer)
    request = await asked((FAN, 2))
    papered = await api.post(f"{address}/paper", {"request": request.number}, **engineer)

    assert first.status_code == again.status_code == 201
    assert again.headers["Idempotent-Replayed"] == "true"
    assert without_key.json()["id"] == first.json()["id"]
    assert (refused.status_code, refused.json()["code"]) == (422, "paper_missing")
    assert (papered.json()["state"], papered.json()["document"]) == ("papered", request.number)


async def test_a_conflict_is_an_answer_that_a_second_person_resolves(api):
    body = {"client_id": "1", "depot": "GZ", "code": "UNHEARD-OF"}
    taken = await api.post("/provisional-issues", body, role="engineer", depot="GZ")
    address = f"/provisional-issues/{taken.json()['id']}"
    outsider = await api.post(f"{address}/resolve", {"part_number": DRIVE}, **ELSEWHERE)
    how = {"part_number": DRIVE, "reason": "read off its label"}
    keeper = await api.post(f"{address}/resolve", how, **KEEPER)
    resolved = await api.post(f"{address}/resolve", how, role="quality_supervisor")
    lost = await api.post(f"{address}/report-lost", {"reason": "gone"}, role="engineer", depot="GZ")
    written_off = await api.post(f"{address}/confirm-lost", {}, role="quality_supervisor")

    assert (taken.status_code, taken.json()["conflict"]) == (201, "unit_unknown")
    assert (outsider.status_code, keeper.status_code) == (403, 403)
    assert [a.json()["state"] for a in (resolved, lost, written_off)] == ["open", "loss_reported", "lost"]


async def test_bad_input_never_is_a_crash(api):
    for body in ({}, {"client_id": "1", "depot": "GZ"}, {"client_id": "1", "depot": "GZ", "code": "X", "quantity": 0}):
        assert (await api.post("/provisional-issues", body, role="engineer", depot="GZ")).status_code in (400, 422)
    for number, at in enumerate(("2999-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "1970-01-01T00:00:00Z")):
        never = {"client_id": str(number), "depot": "GZ", "code": FAN, "taken_at": at}
        assert (await api.post("/provisional-issues", never, role="engineer", depot="GZ")).status_code == 422
