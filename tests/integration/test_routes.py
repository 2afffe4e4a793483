"""Every route of the API: its ladder of refusals, its pages, its errors; and the service's own addresses."""

from uuid import uuid4

import pytest
from litestar.handlers import HTTPRouteHandler

from tests.conftest import the_application
from tests.world import FAN, PSU

OPEN_TO_ALL = {"VendorCallback", "ReceiveCxml"}
SIGNED_IN_ONLY = {
    *("GetMe", "GetJob", "ChangeMyPassword", "ChooseMyLanguage", "Delegate", "WithdrawDelegation"),
    *("ListMyMessages", "ExportMyMessages", "ReadMyMessages", "ChangeContact", "VerifyPhone"),
}
VENDORS_MAY = {
    "ListParts", "ExportParts", "GetPart", "ListDeviceModels", "ExportDeviceModels", "ListVendorOrders",
    "ExportVendorOrders", "GetVendorOrder", "PrintVendorOrder", "PrintVendorDeliveryNote", "PrintVendorLabels",
    "ListVendorInquiries", "ExportVendorInquiries", "GetVendorInquiry",
    "ListNotices", "ExportNotices", "GetNotice", "ListVendorRmas", "ExportVendorRmas", "GetVendorRma",
}  # fmt: skip

POSTED_QUESTIONS = {"RehearsePast", "RehearseBurst", "CancelRehearsal"}
"""Whoever may read may ask them: they are posted because they start work, or end one's own, and change nothing else."""


def _routes() -> list[tuple[str, str, str]]:
    """Method, path (with ids that exist nowhere) and operation of every API route."""
    found: list[tuple[str, str, str]] = []
    for route in the_application().routes:
        if not route.path.startswith("/api/v1"):
            continue
        path = route.path.removeprefix("/api/v1")
        for part in route.path_components:
            if not isinstance(part, str):
                path = path.replace(
                    f"{{{part.full}}}", str(uuid4()) if "uuid" in part.full else "7" if ":int" in part.full else "NOPE"
                )
        for handler in route.route_handlers:
            if isinstance(handler, HTTPRouteHandler) and handler.operation_id:
                found += [(m, path, handler.operation_id) for m in handler.http_methods if m != "OPTIONS"]
    return sorted(found, key=lambda route: route[2])  # every process of a run has to collect the same order


ROUTES = _routes()


@pytest.mark.parametrize(("method", "path", "operation"), ROUTES, ids=[f"{r[0]} {r[2]}" for r in ROUTES])
async def test_nobody_gets_in_unsigned_and_no_role_beyond_its_rights(api, method, path, operation):
    if operation in OPEN_TO_ALL:
        return
    anonymous = await api.call(method, path, {} if method != "GET" else None, role=None)
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "not_authenticated")
    if operation in SIGNED_IN_ONLY:
        return
    # an auditor may read everything and change nothing; a vendor may hardly read
    role = "vendor" if method == "GET" or operation in POSTED_QUESTIONS else "auditor"
    answer = await api.call(
        method, path, {} if method != "GET" else None, role=role, vendor="DISTI" if role == "vendor" else None
    )
    if method != "GET" or operation not in VENDORS_MAY:
        assert (answer.status_code, answer.json()["code"]) == (403, "not_granted")


def test_every_route_is_covered_by_the_ladder():
    assert len(ROUTES) > 60
    assert len({operation for *_, operation in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize(
    "path",
    [
        "/parts", "/device-models", "/devices", "/failures", "/contracts", "/customers", "/sites", "/depots", "/lanes",
        "/levels", "/units", "/lots", "/movements", "/reservations", "/transfers", "/pick-lists", "/pick-lists/waiting",
        "/shipments", "/provisional-issues", "/provisional-issues/policy/versions", "/vendors", "/offers",
        "/purchase-orders", "/replenishment-proposals", "/invoices", "/accruals", "/replenishment-policy/versions",
        "/part-requests", "/quotations", "/plans", "/targets",
        "/emergency-cases", "/maker-cases", "/force-majeure", "/near-misses", "/radar", "/radar-alarms", "/quality-claims",
        "/audit", "/advance-shipping-notices", "/deliveries", "/receipts", "/bins",
        "/blocked-stock", "/inspections", "/scrappings", "/master-data/contracts", "/coverage", "/coverage/devices",
        "/duty-shifts", "/contacts", "/duty-sheets", "/steps", "/my-messages",
        "/rmas", "/return-terms", "/repairs", "/collections",
    ],
)  # fmt: skip
async def test_lists_come_in_pages_with_a_cursor_and_a_link(api, path):
    page = await api.get(f"{path}?limit=1", role="auditor")
    body = page.json()

    assert page.status_code == 200
    assert set(body) == {"items", "next_cursor"}
    assert len(body["items"]) <= 1
    if body["next_cursor"]:
        assert f"cursor={body['next_cursor']}" in page.headers["Link"]
        second = (await api.get(f"{path}?limit=1&cursor={body['next_cursor']}", role="auditor")).json()
        assert second["items"] != body["items"]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many"])
async def test_a_page_has_its_limits(api, limit):
    answer = await api.get(f"/parts?limit={limit}", role="auditor")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "limit")


@pytest.mark.parametrize("cursor", ["x", "bm90IG91cnM", "W10"])
async def test_a_cursor_that_is_not_ours_is_refused(api, cursor):
    answer = await api.get(f"/levels?cursor={cursor}", role="auditor")

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_costs_are_hidden_from_those_without_the_right(api):
    priced = (await api.get(f"/parts/{PSU}", role="buyer")).json()
    plain = (await api.get(f"/parts/{PSU}", role="engineer")).json()

    assert priced["unit_cost_cny"] == "1250.00"
    assert "unit_cost_cny" not in plain


async def test_availability_is_network_wide_for_those_who_ask_for_parts(api):
    body = (
        await api.get(f"/parts/{FAN}/availability?site=BANK-GZ&quantity=5", role="warehouse_keeper", depot="GZ")
    ).json()

    assert body["free_in_network"] == 14
    assert [(row["depot"], row["free"], row["enough"]) for row in body["stock"]] == [("GZ", 10, True), ("SH", 4, False)]


async def test_a_missing_key_is_refused_where_a_repeat_would_do_harm(api):
    body = {"vendor": "DISTI", "ship_to": "GZ", "lines": [{"part_number": FAN, "quantity": 1}]}
    answer = await api.post("/purchase-orders", body, role="buyer", idempotency_key=None)

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


async def test_an_address_that_is_not_there_and_a_method_it_does_not_take(api):
    nowhere = await api.get("/nowhere", role="auditor")
    wrong = await api.call("DELETE", "/parts", role="auditor")

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


async def test_every_answer_carries_the_request_id_and_a_sane_one_is_kept(api):
    given = await api.client.get("/api/v1/parts", headers={"X-Request-Id": "call-77"})
    wild = await api.client.get("/api/v1/parts", headers={"X-Request-Id": "x" * 200})

    assert given.headers["X-Request-Id"] == given.json()["request_id"] == "call-77"
    assert len(wild.headers["X-Request-Id"]) == 36


async def test_a_revoked_key_ends_at_once(api):
    made = (await api.post("/api-keys", {"name": "glpi", "role": "auditor"})).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    before = await api.client.get("/api/v1/me", headers=headers)
    await api.post(f"/api-keys/{made['id']}/revoke")
    after = await api.client.get("/api/v1/me", headers=headers)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_the_service_says_how_it_is(api):
    assert (await api.client.get("/health")).json() == {"status": "ok"}
    assert (await api.client.get("/ready")).json() == {"status": "ok"}
    metrics = await api.client.get("/metrics")
    assert metrics.status_code == 200
    assert "beijian_requests_total" in metrics.text


async def test_the_documentation_needs_no_other_host(api):
    page = await api.client.get("/docs")

    assert page.status_code == 200
    assert "http://" not in page.text.replace("http://test", "")
    assert "https://" not in page.text


async def test_the_books_are_checked_over_http(api):
    answer = await api.get("/audit/violations", role="auditor")

    assert (answer.status_code, answer.json()) == (200, [])


async def test_a_character_that_no_text_can_have_is_refused_wherever_it_comes_in(own_company, caller):
    api = await caller(own_company)
    adjusted = {"depot": "GZ", "part_number": FAN, "quantity": 1, "reason": "found\0behind the shelf"}
    answers = [
        await api.post("/adjustments", adjusted),
        await api.get("/parts?search=a%00b"),
        await api.get("/parts.csv?search=a%00b"),
        await api.get("/units/%00"),
        await api.get("/scan?text=BJU/%2500"),
        await api.get("/labels?kind=part&part=a%00"),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(422, "not_text")}
