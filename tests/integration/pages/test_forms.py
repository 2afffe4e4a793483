"""A form is taken from our own pages only, and from each of them."""

import httpx
import pytest

from tests.conftest import PASSWORD
from tests.integration.pages.conftest import add_person


@pytest.fixture
async def sign_in_form(visitor, password_hash):
    await add_person("somebody", "engineer", password_hash)
    nobody = await visitor()
    page = await nobody.get("/sign-in")
    token = page.cookies["beijian_csrf"]
    assert token in page.text

    async def send(form_token: str = token, **headers: str) -> httpx.Response:
        form = {"_csrf_token": form_token, "username": "somebody", "password": PASSWORD}
        return await nobody.client.post("/sign-in", data=form, headers=headers)

    return send


async def test_the_form_of_a_page_is_taken(sign_in_form):
    assert (await sign_in_form()).status_code == 303


async def test_a_form_of_a_page_that_opened_before_another_took_its_cookie_is_taken_too(sign_in_form):
    answer = await sign_in_form("the-token-of-the-other-page", **{"Sec-Fetch-Site": "same-origin"})

    assert answer.status_code == 303


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
async def test_a_form_from_elsewhere_is_refused(sign_in_form, site):
    assert (await sign_in_form("forged", **{"Sec-Fetch-Site": site})).status_code == 403


async def test_an_icon_leaves_the_token_of_an_open_form_alone(visitor):
    nobody = await visitor()

    assert "set-cookie" not in (await nobody.client.get("/static/icon.svg")).headers
    assert "beijian_csrf" in (await nobody.client.get("/sign-in")).headers["set-cookie"]
