"""Reservations over HTTP: the ladder from anonymous to done, idempotency, and the race."""

import asyncio
import re
from uuid import uuid4

import pytest

from inventory.assurance.invariants import violations
from inventory.ground import db
from inventory.stock import receipts
from tests.world import FAN, PSU, SETUP

ONE_FAN = {"part_number": FAN, "depot": "GZ", "quantity": 1, "reference": "INC-1"}


async def reserved(part_number: str, depot: str = "GZ") -> int:
    return await db.fetch_value(
        """SELECT reserved FROM level JOIN part ON part.id = level.part JOIN place ON place.id = level.place
           WHERE part_number = $1 AND place.code = $2 AND condition = 'good'""",
        part_number,
        depot,
    )


async def test_nobody_reserves_without_signing_in(api):
    answer = await api.post("/reservations", ONE_FAN, role=None)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_an_auditor_may_look_but_not_reserve(api):
    answer = await api.post("/reservations", ONE_FAN, role="auditor")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_granted")


async def test_a_keeper_of_another_depot_is_refused(api):
    answer = await api.post("/reservations", ONE_FAN, role="warehouse_keeper", depot="SH")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_your_depot")
    assert await reserved(FAN) == 0


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"quantity": 0}, "/quantity"),
        ({"quantity": "one"}, "/quantity"),
        ({"quantity": -3}, "/quantity"),
        ({"part_number": ""}, "/part_number"),
        ({"surprise": 1}, "/surprise"),
        ({"expires_at": "2026-01-01T00:00:00"}, "/expires_at"),
    ],
)
async def test_an_invalid_field_is_named(api, change, pointer):
    answer = await api.post("/reservations", ONE_FAN | change, role="warehouse_keeper", depot="GZ")

    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


GOOD = '"part_number": "FAN-2U", "depot": "GZ"'

WRONG_BODIES = [
    ("{", 400, "", "Input data was truncated", "内容不完整，在末尾中断"),
    ("{]", 400, "", "JSON is malformed: object keys must be strings (byte 1)", "JSON 格式有误，问题在第 1 字节处"),
    ('{"quantity": 1e999}', 400, "", "Number out of range - at `$[...]`", "数值超出允许范围"),
    ("", 422, "", "The body is missing", "缺少请求正文"),
    ("[]", 422, "", "Expected `object`, got `array`", "应为对象，收到的是列表"),
    (f"{{{GOOD}}}", 422, "/quantity", "Object missing required field `quantity`", "缺少必填字段 quantity"),
    (f'{{{GOOD}, "quantity": "2 or 3"}}', 422, "/quantity", "Expected `int`, got `str`", "应为整数，收到的是文本"),
    (f'{{{GOOD}, "quantity": 0}}', 422, "/quantity", "Expected `int` >= 1", "应为不小于 1 的整数"),
    (f'{{{GOOD}, "quantity": 1, "x": 1}}', 422, "/x", "Object contains unknown field `x`", "没有名为 x 的字段"),
]


@pytest.mark.parametrize(("body", "status", "pointer", "english", "chinese"), WRONG_BODIES)
async def test_a_wrong_body_is_told_in_the_callers_language(api, body, status, pointer, english, chinese):
    key = await api.key("dispatcher")
    for language, told in (("en", english), ("zh", chinese)):
        headers = {"Authorization": f"Bearer {key}", "Accept-Language": language, "Idempotency-Key": language}
        answer = await api.client.post("/api/v1/reservations", content=body, headers=headers)
        problem = answer.json()

        assert (answer.status_code, problem["code"]) == (status, "unparsable" if status == 400 else "invalid_input")
        assert [error["pointer"] for error in problem["errors"]] == ([pointer] if status == 422 else [])
        assert told in problem["detail"]
        assert pointer in problem["detail"]
    assert not re.search("[A-Za-z]{3}", problem["detail"].replace("JSON", "").replace("quantity", ""))


async def test_a_parameter_that_is_missing_is_named(api):
    english = (await api.get("/stock?limit=9", role="auditor")).json()
    chinese = (await api.call("GET", "/stock?limit=9", role="auditor", language="zh")).json()

    assert english["detail"] == "The input is not valid: as_of: Missing required query parameter 'as_of'."
    assert chinese["detail"] == "输入无效：as_of：缺少必填参数 as_of。"
    assert [error["pointer"] for error in chinese["errors"]] == ["as_of"]


async def test_a_shortage_is_refused_in_the_callers_language(api):
    wanted = ONE_FAN | {"quantity": 11}

    english = (await api.post("/reservations", wanted, role="dispatcher", language="en")).json()
    chinese = (await api.post("/reservations", wanted, role="dispatcher", language="zh-CN")).json()

    assert english["status"] == chinese["status"] == 409
    assert english["detail"] == "FAN-2U at GZ (pool common): 11 asked, 10 free."
    assert chinese["detail"] == "GZ 的 FAN-2U（库存归属 common）：需要 11，可用 10。"
    assert english["facts"]["elsewhere"] == [{"depot": "SH", "pool": "common", "free": 4}]


async def test_an_unknown_part_is_not_found(api):
    answer = await api.post("/reservations", ONE_FAN | {"part_number": "PSU-751"}, role="dispatcher")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_part")
    assert PSU in answer.json()["help"]


async def test_a_reservation_is_made_seen_and_voided(api):
    made = await api.post("/reservations", ONE_FAN, role="warehouse_keeper", depot="GZ")
    path = f"/reservations/{made.json()['id']}"
    seen = await api.get(path, role="warehouse_keeper", depot="GZ")
    hidden = await api.get(path, role="warehouse_keeper", depot="SH")
    voided = await api.post(f"{path}/void", role="warehouse_keeper", depot="GZ")

    assert (made.status_code, made.json()["state"]) == (201, "pending")
    assert seen.json() == made.json()
    assert hidden.status_code == 404
    assert (voided.status_code, voided.json()["state"]) == (200, "voided")
    assert await reserved(FAN) == 0


async def test_the_same_key_and_body_is_answered_again_without_acting_again(api):
    key = uuid4().hex

    first = await api.post("/reservations", ONE_FAN, role="dispatcher", idempotency_key=key)
    again = await api.post("/reservations", ONE_FAN, role="dispatcher", idempotency_key=key)

    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await reserved(FAN) == 1


async def test_the_same_key_with_another_body_is_refused(api):
    key = uuid4().hex
    await api.post("/reservations", ONE_FAN, role="dispatcher", idempotency_key=key)

    other = await api.post("/reservations", ONE_FAN | {"quantity": 2}, role="dispatcher", idempotency_key=key)

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await reserved(FAN) == 1


async def test_a_refusal_is_the_first_answer_too(own_company, caller):
    api = await caller(own_company)
    key, wanted = uuid4().hex, ONE_FAN | {"quantity": 11}

    first = await api.post("/reservations", wanted, role="dispatcher", idempotency_key=key)
    await receipts.adjust("GZ", FAN, 10, by=SETUP, reason="found")
    again = await api.post("/reservations", wanted, role="dispatcher", idempotency_key=key)

    assert first.status_code == again.status_code == 409
    assert again.json() == first.json()


async def test_rivals_with_one_key_act_once(own_company, caller):
    api = await caller(own_company)
    key = uuid4().hex
    await api.key("dispatcher")

    answers = await asyncio.gather(
        *(api.post("/reservations", ONE_FAN, role="dispatcher", idempotency_key=key) for _ in range(12))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await reserved(FAN) == 1


async def test_a_thousand_rivals_for_a_hundred_pieces(own_company, caller):
    api = await caller(own_company)
    await receipts.adjust("GZ", FAN, 90, by=SETUP, reason="found")
    await api.key("dispatcher")

    answers = await asyncio.gather(
        *(api.post("/reservations", ONE_FAN | {"reference": f"R-{n}"}, role="dispatcher") for n in range(1000))
    )

    granted = [answer for answer in answers if answer.status_code == 201]
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert (len(granted), len(refused)) == (100, 900)
    assert {problem["code"] for problem in refused} == {"insufficient_stock"}
    assert await reserved(FAN) == 100
    assert await violations() == []
