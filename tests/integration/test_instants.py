"""Times as they come in: with a time zone, in years that mean something, wherever the API takes one."""

from uuid import UUID

import pytest

from api.answers import encode_cursor
from tests.world import FAN

TOO_FAR = ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2300-01-01T00:00:00Z")
NAIVE = "2026-11-20T00:00:00"


@pytest.mark.parametrize(
    "address",
    [
        "/stock?as_of={}",
        "/stock?as_of=2026-01-01T00:00:00Z&known_at={}",
        "/units?as_of={}",
        "/units?known_at={}",
        "/movements?from={}",
        "/movements?to={}",
        "/movements.csv?from={}",
        f"/parts/{FAN}/availability?site=BANK-GZ&need_by={{}}",
        "/devices/BANK-001/entitlement?at={}",
    ],
)
async def test_a_question_takes_no_time_that_cannot_be(api, address):
    role = "dispatcher" if "availability" in address else "administrator"
    for value in (*TOO_FAR, NAIVE, "yesterday"):
        answer = await api.get(address.format(value.replace("+", "%2B")), role=role)
        assert answer.status_code in (400, 422), (value, answer.text)
    fine = await api.get(address.format("2026-11-20T08:00:00%2B08:00"), role=role)
    assert fine.status_code == 200, fine.text


@pytest.mark.parametrize(
    ("address", "field", "body"),
    [
        ("/reservations", "expires_at", {"part_number": FAN, "depot": "GZ", "quantity": 1}),
        ("/reservations", "starts_at", {"part_number": FAN, "depot": "GZ", "quantity": 1}),
        (f"/reservations/{UUID(int=7)}/extend", "expires_at", {}),
        (f"/reservations/{UUID(int=7)}/post", "occurred_at", {}),
        (f"/shipments/{UUID(int=7)}/hand-over", "occurred_at", {"to": "Mr Li"}),
        ("/provisional-issues", "taken_at", {"client_id": "1", "depot": "GZ", "code": FAN}),
        ("/failures", "occurred_at", {"device": "BANK-001", "part_number": FAN}),
        (
            "/advance-shipping-notices",
            "due_at",
            {"depot": "GZ", "origin": "V-DISTI", "lines": [{"part_number": FAN, "quantity": 1}]},
        ),
        ("/api-keys", "expires_at", {"name": "k", "role": "auditor"}),
    ],
)
async def test_an_act_takes_no_time_that_cannot_be(api, address, field, body):
    role = {"/failures": "dispatcher", "/api-keys": "administrator"}.get(address, "warehouse_keeper")
    for value in (*TOO_FAR, NAIVE):
        answer = await api.post(address, body | {field: value}, role=role)
        assert answer.status_code == 422, (value, answer.text)
        assert f"/{field}" in answer.text


async def test_a_forged_cursor_is_none_of_ours(api):
    forged = encode_cursor(["9999-12-31T23:59:59-14:00", str(UUID(int=7))])
    answer = await api.get(f"/movements?cursor={forged}", role="administrator")

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
