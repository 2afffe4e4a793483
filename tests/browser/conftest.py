"""Fixtures for the browser: real Chromium before the real server, and people who watch what goes wrong."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from granian.constants import Interfaces
from granian.server.embed import Server
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright
from playwright.async_api import Error as PageError

from api.access import SESSION_COOKIE
from inventory.people import sessions
from tests.conftest import the_application
from tests.integration.pages.conftest import add_person
from tests.services import free_port

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""The browser itself calls nobody."""

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

TELL_OF_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile ?? ""}`));
"""


def chromium() -> str | None:
    """A browser on this machine; `CHROMIUM` names another one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests."""
    program = chromium()
    if program is None:
        reason = "no Chromium on this machine: install Debian's `chromium` and `fonts-noto-cjk`, or set CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield started
        await started.close()


class Person:
    """Somebody at a browser; whatever went wrong before their eyes is kept in `complaints`."""

    def __init__(self, page: Page, url: str, username: str) -> None:
        self.page, self.url, self.username = page, url, username
        self.complaints: list[str] = []
        self.refusals_expected = self.offline_expected = False
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error in the page: {error}"))
        page.on("request", lambda request: self._watch(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource") and "status of 4" in message.text
        offline = "net::ERR_INTERNET_DISCONNECTED" in message.text
        expected = (refused and self.refusals_expected) or (offline and self.offline_expected)
        if message.type in ("error", "warning") and not expected:
            self.complaints.append(f"{message.type}: {message.text}")

    def _watch(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"request to another host: {url}")

    async def open(self, path: str) -> None:
        """Open a page."""
        await self.page.goto(f"{self.url}{path}")

    async def sees(self, words: str) -> None:
        """Wait until words can be read."""
        await self.page.get_by_text(words).first.wait_for()

    async def until(self, fact: str) -> None:
        """Wait until a fact holds in the page, or in the one that follows it; the page itself may not evaluate anything."""
        async with asyncio.timeout(15):
            while True:
                try:
                    if await self.page.evaluate(fact):
                        return
                except PageError as left:
                    if "context was destroyed" not in str(left):
                        raise
                await asyncio.sleep(0.05)

    async def fits(self) -> None:
        """Nothing reaches beyond the screen."""
        assert await self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, self.page.url

    async def sees_state(self, words: str) -> None:
        """Wait until a document's state reads so."""
        await self.page.locator(".head-actions .badge", has_text=words).wait_for()

    async def does(self, dialog: str, **fields: str) -> None:
        """Open a dialog, fill it in and send it."""
        await self.page.click(f"[data-opens={dialog}]")
        for field, text in fields.items():
            await self.page.fill(f"dialog[open] [name={field}]", text)
        await self.page.click("dialog[open] [type=submit]")


People = Callable[..., Awaitable[Person]]


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    """The pages over the database of this process, by the real server on this loop; their address."""
    port = free_port()
    server = Server(the_application(), port=port, interface=Interfaces.ASGI, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient() as client:
        while True:
            try:
                (await client.get(f"{url}/ready")).raise_for_status()
                break
            except httpx.TransportError:
                await asyncio.sleep(0.02)
    yield url
    server.stop()
    await serving


@pytest.fixture
async def people(own_company: str, browser: Browser, password_hash: str) -> AsyncIterator[People]:
    """Makes people who are signed in to a real server over a company of the test's own."""
    contexts: list[BrowserContext] = []
    made: list[Person] = []
    async with served() as url:

        async def person(
            role: str,
            *,
            depot: str | None = None,
            vendor: str | None = None,
            language: str = "zh-CN",
            phone: bool = False,
            **options: object,
        ) -> Person:
            username = f"{role}-{len(made)}"
            known = await add_person(username, role, password_hash, depot=depot, vendor=vendor)
            size = {"viewport": PHONE, "is_mobile": True, "has_touch": True} if phone else {"viewport": DESKTOP}
            context = await browser.new_context(locale=language, **size, **options)
            context.set_default_timeout(15_000)
            await context.add_init_script(TELL_OF_VIOLATIONS)
            contexts.append(context)
            made.append(Person(await context.new_page(), url, username))
            await context.add_cookies([{"name": SESSION_COOKIE, "value": await sessions.begin(known), "url": url}])
            return made[-1]

        yield person
        for context in contexts:
            await context.close()
    assert [complaint for somebody in made for complaint in somebody.complaints] == []
