"""What browsers are told of every page: nothing from elsewhere, nothing inline, nothing kept."""

import re

import pytest

from tests.integration.emergency.test_cases import a_case
from tests.world import DRIVE


@pytest.mark.parametrize(
    ("path", "role"), [("/sign-in", None), ("/stock", "engineer"), ("/plans", "engineer"), ("/nothing-here", None)]
)
async def test_pages_are_strict_and_never_kept(visitor, path, role):
    answer = await (await visitor(role)).get(path)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert all(part in policy for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["permissions-policy"] == "camera=(self), microphone=(), geolocation=()"


async def test_only_the_apis_own_page_may_start_itself(visitor):
    answer = await (await visitor()).get("/docs")

    assert "script-src 'self' 'unsafe-inline'" in answer.headers["content-security-policy"]


async def test_pages_hold_no_inline_script_style_or_foreign_address(visitor):
    case = await a_case()
    manager = await visitor("project_manager")

    for path in (
        "/",
        "/stock",
        "/parts",
        f"/parts/{DRIVE}",
        "/requests/new",
        f"/emergencies/{case.id}",
        "/orders",
        "/plans",
        "/receipts",
    ):
        page = (await manager.get(path)).text
        assert not re.findall(r"<script(?![^>]*(?:src=|application/json))", page), path
        assert not re.findall(r"<[^>]+\s(?:style|on\w+)=", page), path
        assert not re.findall(r"(?:src|href|action)=\"(?:https?:)?//", page), path


async def test_static_files_that_name_their_version_are_kept(visitor):
    somebody = await visitor()
    page = (await somebody.get("/sign-in")).text
    address = re.search(r'"(/static/app\.css\?v=[0-9a-f]+)"', page)[1]

    versioned, plain = await somebody.get(address), await somebody.get("/static/app.css")

    assert "immutable" in versioned.headers["cache-control"]
    assert plain.headers["cache-control"] == "no-cache"


async def test_a_page_that_did_not_change_is_not_sent_again(visitor):
    engineer = await visitor("engineer")
    first = await engineer.get("/parts")

    again = await engineer.get("/parts", **{"If-None-Match": first.headers["etag"]})
    other = await engineer.get("/parts", language="en", **{"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200
