"""The promise meter over HTTP: scope, filters, paging, and what is refused."""

import pytest

from inventory.people import keys
from inventory.stock import reservations
from tests.meter import settle
from tests.world import FAN, PSU, SETUP


@pytest.fixture(autouse=True)
async def meter(company: str) -> None:
    await settle()


async def test_everything_is_counted_contract_by_contract_the_worst_first(api):
    await reservations.reserve(PSU, "GZ", 6, by=SETUP)
    await settle()
    body = (await api.get("/coverage/summary", role="auditor")).json()
    here = (await api.get("/coverage/summary?depot=ZJ", role="auditor")).json()

    assert body["devices"] == {"no": 160, "at_risk": 0, "yes": 40, "not_judged": 0}
    assert [(each["code"], each["state"]) for each in body["contracts"]] == [("C-BANK", "no"), ("C-TELCO", "yes")]
    assert [each["code"] for each in here["contracts"]] == ["C-TELCO"]


async def test_the_list_filters_pages_and_exports(api):
    first = (await api.get("/coverage?limit=1", role="auditor")).json()
    second = (await api.get(f"/coverage?limit=1&cursor={first['next_cursor']}", role="auditor")).json()
    none = (await api.get("/coverage?state=no", role="auditor")).json()
    file = await api.get("/coverage.csv?contract=C-BANK", role="auditor", language="zh")

    assert [page["items"][0]["contract"] for page in (first, second)] == ["C-BANK", "C-TELCO"]
    assert second["next_cursor"] is None
    assert none["items"] == []
    assert file.text.splitlines()[0].startswith("\ufeff合同,")
    assert "C-TELCO" not in file.text


async def test_a_device_a_contract_a_site_and_a_store_say_how_they_stand(api):
    device = (await api.get("/devices/REG-007/coverage?severity=severe", role="engineer")).json()
    contract = (await api.get("/contracts/C-TELCO/coverage", role="engineer")).json()
    site = (await api.get("/sites/BANK-GZ/coverage", role="engineer")).json()
    depot = (await api.get("/depots/GZ/coverage", role="engineer")).json()

    assert (device["serial"], device["state"], device["parts"][0]["limit_hours"]) == ("BANK-007", "yes", 2)
    assert (contract["devices"]["yes"], contract["consists_of"][0]["code"]) == (40, "TELCO-ZJ")
    assert (site["state"], site["consists_of"][0]["code"]) == ("yes", "C-BANK")
    assert [each["code"] for each in depot["consists_of"]] == ["C-BANK"]


async def test_a_preview_tells_and_changes_nothing(api):
    body = (await api.get(f"/cover/preview?part={PSU}&depot=GZ&quantity=6", role="dispatcher")).json()
    again = (await api.get(f"/cover/preview?part={PSU}&depot=GZ&quantity=6", role="dispatcher")).json()
    none = (await api.get(f"/cover/preview?part={FAN}&depot=GZ&quantity=6", role="dispatcher")).json()

    assert (body["devices_lost"], body["losses"][0]["after"]) == (160, "no")
    assert again == body
    assert none == {"devices_lost": 0, "devices_at_risk": 0, "losses": [], "breaks": []}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/cover/preview?part=NOPE&depot=GZ", 404, "unknown_part"),
        ("/cover/preview?part=0YT39Y&depot=GZ", 404, "unknown_part"),
        ("/cover/preview?part=PSU-750&depot=BANK-GZ", 404, "unknown"),
        ("/cover/preview?part=PSU-750&depot=GZ&pool=NOPE", 404, "unknown_filter"),
        ("/cover/preview?part=PSU-750&depot=GZ&quantity=0", 422, None),
        ("/cover/preview?depot=GZ", 422, None),
        ("/coverage?state=perhaps", 422, None),
        ("/coverage?cursor=W10", 400, "cursor_invalid"),
        ("/devices/NOPE/coverage", 404, "unknown_device"),
        ("/devices/BANK-001/coverage?severity=mild", 422, None),
        ("/contracts/NOPE/coverage", 404, "unknown"),
        ("/sites/GZ/coverage", 404, "unknown"),
        ("/depots/BANK-GZ/coverage", 404, "unknown"),
    ],
)
async def test_what_is_wrong_is_refused(api, path, status, code):
    answer = await api.get(path, role="auditor")

    assert answer.status_code == status, answer.text
    assert code in {None, answer.json()["code"]}


async def test_a_keeper_sees_what_their_store_serves_and_nothing_else(api):
    listed = (await api.get("/coverage", role="warehouse_keeper", depot="GZ")).json()["items"]
    statuses = [
        (await api.get(path, role="warehouse_keeper", depot="GZ")).status_code
        for path in (
            *("/contracts/C-TELCO/coverage", "/depots/ZJ/coverage", "/devices/TELCO-001/coverage"),
            *("/coverage?depot=ZJ", f"/cover/preview?part={PSU}&depot=ZJ"),
        )
    ]

    assert [each["contract"] for each in listed] == ["C-BANK"]
    assert set(statuses) == {404}


async def test_an_inspector_sees_one_contract_and_no_counts_of_other_stores(api):
    made = await keys.make_key(keys.NewKey(name="inspector", role="inspector", contract="C-TELCO"), by=SETUP)
    answer = await api.client.get("/api/v1/coverage", headers={"Authorization": f"Bearer {made.secret}"})

    assert [each["contract"] for each in answer.json()["items"]] == ["C-TELCO"]
