"""Signing in and out, and the language of the pages."""

import pytest

from tests.conftest import PASSWORD
from tests.integration.pages.conftest import add_person


async def test_whoever_is_not_signed_in_is_asked_to_and_comes_back(visitor):
    answer = await (await visitor()).get("/stock?below=base_stock")

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/stock%3Fbelow%3Dbase_stock")


async def test_signing_in_begins_a_session_that_scripts_cannot_read(visitor, password_hash):
    await add_person("keeper", "warehouse_keeper", password_hash)
    somebody = await visitor()

    answer = await somebody.post(
        "/sign-in", {"username": " keeper ", "password": PASSWORD, "next": "/stock"}, live=False
    )

    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/stock")
    assert all(part in cookie for part in ("beijian_session=", "HttpOnly", "SameSite=lax"))
    assert (await somebody.get("/stock")).status_code == 200


@pytest.mark.parametrize(
    ("language", "sentence"), [("zh", "用户名或密码错误。"), ("en", "User name or password is wrong.")]
)
async def test_a_wrong_password_is_refused_in_the_readers_language(visitor, password_hash, language, sentence):
    await add_person("keeper", "warehouse_keeper", password_hash)

    answer = await (await visitor()).post(
        "/sign-in", {"username": "keeper", "password": "wrong"}, language=language, live=False
    )

    assert answer.status_code == 403
    assert sentence in answer.text
    assert 'value="keeper"' in answer.text
    assert "beijian_session" not in answer.headers.get("set-cookie", "")


async def test_guessing_is_slowed_down(visitor, password_hash):
    await add_person("keeper", "warehouse_keeper", password_hash)
    somebody = await visitor()
    for _ in range(5):
        await somebody.post("/sign-in", {"username": "keeper", "password": "wrong"}, live=False)

    answer = await somebody.post("/sign-in", {"username": "keeper", "password": PASSWORD}, live=False)

    assert answer.status_code == 429
    assert "登录失败次数过多" in answer.text


@pytest.mark.parametrize("next_page", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"])
async def test_signing_in_never_leads_elsewhere(visitor, password_hash, next_page):
    await add_person("keeper", "warehouse_keeper", password_hash)

    answer = await (await visitor()).post(
        "/sign-in", {"username": "keeper", "password": PASSWORD, "next": next_page}, live=False
    )

    assert answer.headers["location"] == "/"


async def test_whoever_is_signed_in_is_not_asked_again(visitor):
    answer = await (await visitor("engineer")).get("/sign-in?next=/requests")

    assert (answer.status_code, answer.headers["location"]) == (302, "/requests")


async def test_signing_out_ends_the_session(visitor):
    engineer = await visitor("engineer")
    session = engineer.client.cookies["beijian_session"]

    answer = await engineer.post("/sign-out", live=False)
    engineer.client.cookies.set("beijian_session", session)

    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert (await engineer.get("/")).status_code == 303


async def test_the_language_is_the_switchs_then_the_browsers_then_chinese(visitor):
    somebody = await visitor()

    by_default = await somebody.client.get("/sign-in")
    by_browser = await somebody.get("/sign-in", language="en-GB")
    await somebody.post("/language", {"language": "zh", "next": "/sign-in"}, live=False)
    by_switch = await somebody.get("/sign-in", language="en-GB")

    assert '<html lang="zh-CN"' in by_default.text
    assert '<html lang="en"' in by_browser.text
    assert '<html lang="zh-CN"' in by_switch.text


async def test_switching_the_language_comes_back_to_the_page(visitor):
    answer = await (await visitor("engineer")).post(
        "/language", {"language": "en", "next": "/parts?kind=psu"}, live=False
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/parts?kind=psu")


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/language", "/requests/new"])
async def test_a_form_without_our_token_is_refused(visitor, path):
    engineer = await visitor("engineer")
    await engineer.get("/")

    answer = await engineer.client.post(
        path, data={"username": "a", "password": "b"}, headers={"Accept-Language": "en"}
    )

    assert answer.status_code == 403
    assert "You may not" in answer.text
