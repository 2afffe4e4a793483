"""Filters of lists: what is named and not there is refused, with what is near; the future is not asked for."""

from datetime import timedelta

import pytest

from inventory.ground import clock

UNKNOWN = [
    ("/levels?part=PSU-75O", "PSU-750"),
    ("/levels?part=0YT39Y", "PSU-750"),
    ("/movements?depot=G", ""),
    ("/levels?pool=C-TELC", "C-TELCO"),
    ("/devices?contract=C-BANKK", "C-BANK"),
    ("/devices?model=R740X", "R740"),
    ("/failures?device=BANK-01", "BANK-001"),
    ("/levels.csv?part=PSU-75O", "PSU-750"),
]


@pytest.mark.parametrize(("path", "near"), UNKNOWN)
async def test_an_unknown_filter_is_not_found_and_names_what_is_near(api, path, near):
    answer = await api.get(path, role="auditor")

    assert answer.status_code == 404, answer.text
    assert near in answer.text


async def test_a_store_outside_ones_scope_is_no_filter_either(api):
    assert (await api.get("/movements?depot=SH", role="warehouse_keeper", depot="GZ")).status_code == 404
    assert (await api.get("/movements?depot=GZ", role="warehouse_keeper", depot="GZ")).status_code == 200


async def test_whoever_may_not_read_a_list_learns_nothing_from_its_filters(api):
    assert (await api.get("/levels?part=NOPE", role="vendor")).status_code == 403
    assert (await api.get("/levels?part=NOPE", role=None)).status_code == 401


async def test_the_future_is_refused(api):
    later = (clock.now() + timedelta(days=2)).isoformat().replace("+00:00", "Z")
    for path in (f"/stock?as_of={later}", f"/units?as_of={later}"):
        answer = await api.get(path, role="auditor")
        assert (answer.status_code, answer.json()["code"]) == (422, "in_the_future")


async def test_receipts_that_differ_are_asked_for_by_yes_or_true(api):
    for said in ("yes", "true"):
        assert (await api.get(f"/receipts?differing={said}", role="auditor")).status_code == 200
