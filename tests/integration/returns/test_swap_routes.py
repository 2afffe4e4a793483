"""Swaps, loans and erasures over HTTP: who may do what, what is refused, what the papers say."""

from uuid import uuid4

from inventory.ground import clock
from inventory.returns import erasing, loaners, swaps
from tests.integration.returns.test_swaps import fault, promised, the_swap
from tests.integration.stock.test_papers import text_of
from tests.world import KEEPER, SETUP, SUPERVISOR


async def test_a_swap_is_read_and_decided_by_who_may(api):
    await promised("SW-1")
    asked = await fault()
    swap = await the_swap()
    path = f"/swaps/{swap.id}"
    assert (await api.get(path, role=None)).status_code == 401
    assert (await api.get(path, role="vendor")).status_code == 403
    assert (await api.get(path, role="engineer", depot="ZJ")).status_code == 404
    found = (await api.get(f"/swaps?part_request={asked.id}", role="ticket_system")).json()["items"]
    assert [each["number"] for each in found] == [swap.number]
    assert (await api.get(f"{path}/outlook", role="engineer")).json()["misses"] == []
    assert (await api.post(f"{path}/decide", {"decision": "swap"}, role="engineer")).status_code == 403
    for wrong in ({}, {"decision": "perhaps"}, {"decision": "swap", "surprise": 1}, {"decision": 7}):
        assert (await api.post(f"{path}/decide", wrong, role="dispatcher")).status_code == 422
    unsaid = await api.post(f"{path}/decide", {"decision": "no_swap"}, role="dispatcher")
    done = await api.post(f"{path}/decide", {"decision": "swap"}, role="dispatcher")
    twice = await api.post(f"{path}/decide", {"decision": "swap"}, role="dispatcher")

    assert (unsaid.json()["code"], done.json()["state"], twice.json()["code"]) == (
        "reason_missing",
        "decided",
        "wrong_state",
    )
    assert (await api.post(f"/swaps/{uuid4()}/decide", {"decision": "swap"}, role="dispatcher")).status_code == 404
    nothing = await api.post("/swaps", {"device_serial": "TELCO-001", "severity": "general"}, role="dispatcher")
    assert nothing.json()["code"] == "no_swap_promised"


async def test_a_loan_goes_out_and_comes_back_with_its_papers(api):
    await promised("SW-1")
    new = {"device_serial": "BANK-001", "depot": "GZ", "contact": "Wang", "reason": "goodwill"}
    at_gz = {"role": "warehouse_keeper", "depot": "GZ"}
    assert (await api.post("/loans", new, role="warehouse_keeper", depot="SH")).status_code in (403, 404)
    assert (await api.post("/loans", {**new, "due_at": "2020-01-01T00:00:00Z"}, **at_gz)).status_code == 422
    loan = (await api.post("/loans", new, **at_gz)).json()
    path = f"/loans/{loan['id']}"
    note = await api.get(f"{path}/papers/loan_note", **at_gz)
    early = await api.get(f"{path}/papers/loan_return_note", **at_gz)
    signed = await api.post(f"{path}/sign", {"name": "Wang", "strokes": [[[1, 2], [30, 40]]]}, **at_gz)
    checks = {"powers_on": True, "undamaged": False, "complete": True}
    untold = await api.post(f"{path}/return", {"depot": "GZ", "checks": checks}, **at_gz)
    wild = await api.post(f"{path}/return", {"depot": "GZ", "checks": checks, "charge_cny": "-1"}, **at_gz)
    back = await api.post(f"{path}/return", {"depot": "GZ", "checks": checks, "damage": "dented"}, **at_gz)
    returned = await api.get(f"{path}/papers/loan_return_note", **at_gz)

    assert all(words in text_of(note.content) for words in ("借用单", "SW-1", "BANK-001", "Wang"))
    assert (early.status_code, signed.json()["signed_by"], untold.json()["code"], wild.status_code) == (
        409,
        "Wang",
        "damage_untold",
        422,
    )
    assert (back.json()["condition_back"], "dented" in text_of(returned.content)) == ("defective", True)


async def test_a_certificate_is_printed_of_what_two_people_saw(api):
    await promised("SW-1")
    new = loaners.NewLoan(device_serial="BANK-001", depot="GZ", contact="Wang", reason="goodwill")
    loan = await loaners.lend(new, by=KEEPER)
    checks = loaners.Checks(powers_on=True, undamaged=True, complete=True)
    await loaners.take_back(loan.id, loaners.Return(depot="GZ", checks=checks), by=KEEPER)
    keeper = {"role": "warehouse_keeper", "depot": "GZ"}
    asked = {"serial": "SW-1", "method": "crypto_erase", "tool": "vendor tool"}
    assert (await api.post("/data-erasures", asked, role="engineer")).status_code == 403
    assert (await api.post("/data-erasures", {**asked, "method": "prayer"}, **keeper)).status_code == 422
    erased = (await api.post("/data-erasures", asked, **keeper)).json()
    path = f"/data-erasures/{erased['id']}"
    assert (await api.get(f"{path}/papers/erasure_certificate", **keeper)).status_code == 409
    await erasing.verify(erased["id"], by=SUPERVISOR, passed=True, finding="all zeros")
    printed = await api.get(f"{path}/papers/erasure_certificate", **keeper)
    paper = text_of(printed.content).replace("\u200b", "")  # long names may break anywhere

    assert all(words in paper for words in ("数据清除证明", "SW-1", "vendor tool", SUPERVISOR.name, loan.number))


async def test_the_policy_of_swaps_is_set_by_the_project_manager(api):
    wanted = {
        "reserve_before_minutes": 180,
        "answer_within_minutes": 5,
        "prepare_minutes": 20,
        "loan_days": 14,
        "remind_hours": 24,
    }
    assert (await api.post("/swaps/policy", wanted, role="dispatcher")).status_code == 403
    assert (await api.post("/swaps/policy", {**wanted, "loan_days": 0}, role="project_manager")).status_code == 422
    assert (await api.post("/swaps/policy", wanted, role="project_manager")).status_code == 201
    await promised("SW-1")
    opened = await swaps.open_swap("BANK-001", "general", by=SETUP, reported_at=clock.now())
    assert opened.leave_by is not None
    assert opened.reserve_at is not None
    assert (opened.leave_by - opened.reserve_at).total_seconds() == 180 * 60


async def test_another_device_that_comes_back_is_told_by_its_serial(api):
    await promised("SW-1")
    new = loaners.NewLoan(device_serial="BANK-001", depot="GZ", contact="Wang", reason="goodwill")
    loan = await loaners.lend(new, by=KEEPER)
    path, keeper = f"/loans/{loan.id}/return", {"role": "warehouse_keeper", "depot": "GZ"}
    checks = {"powers_on": True, "undamaged": True, "complete": True, "serial_matches": False}
    unsaid = await api.post(path, {"depot": "GZ", "checks": checks, "damage": "another one"}, **keeper)
    said = {"depot": "GZ", "checks": checks, "damage": "another one", "found_serial": "SW-9"}
    no_right = await api.post(path, said, role="buyer")
    still = await api.post(path, said, role="dispatcher")  # whoever takes loaners back takes in what came instead

    assert (unsaid.json()["code"], no_right.status_code) == ("found_serial_wrong", 403)
    assert (still.json()["state"], still.json()["came_instead"] is None) == ("lent", False)
