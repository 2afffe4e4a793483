"""Fixtures for pages: visitors, who are people with a role and a browser's cookies."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from litestar import Litestar

from api.access import SESSION_COOKIE
from inventory.people import persons, sessions
from tests.conftest import PASSWORD
from tests.world import SETUP


class Visitor:
    """Somebody who reads pages; without a role, somebody who is not signed in."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, *, language: str = "zh", **headers: str) -> httpx.Response:
        """Open a page."""
        return await self.client.get(path, headers={"Accept-Language": language, "Accept": "text/html", **headers})

    async def post(
        self, path: str, data: dict[str, object] | None = None, *, language: str = "zh", live: bool = True
    ) -> httpx.Response:
        """Send a form as its page would: with its token, through htmx unless `live` is off."""
        if "beijian_csrf" not in self.client.cookies:
            await self.get("/sign-in")
        headers = {"Accept-Language": language, **({"HX-Request": "true"} if live else {})}
        return await self.client.post(
            path, data={"_csrf_token": self.client.cookies["beijian_csrf"], **(data or {})}, headers=headers
        )


Visitors = Callable[..., Awaitable[Visitor]]


async def add_person(username: str, role: str | None, password_hash: str, **scope: str | None) -> int:
    """Somebody who can sign in, perhaps with a role, for one depot or contract."""
    person = await persons.add_person(
        persons.NewPerson(username=username, name_zh="测试员", name_en="Tester", password=PASSWORD),
        by=SETUP,
        password_hash=password_hash,
    )
    if role is not None:
        of = {"vendor": "DISTI"} if role == "vendor" else {}
        await persons.grant_role(username, role, by=SETUP, **(of | {k: v for k, v in scope.items() if v is not None}))
    return person


@pytest.fixture
async def visitors(password_hash: str) -> AsyncIterator[Callable[[Litestar], Visitors]]:
    """Makes visitors of an application."""
    clients: list[httpx.AsyncClient] = []

    def of(application: Litestar) -> Visitors:
        async def visitor(role: str | None = None, **scope: str | None) -> Visitor:
            client = httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://test", timeout=60)
            clients.append(client)
            if role is not None:
                username = f"{role}-{len(clients)}"
                person = await add_person(username, role, password_hash, **scope)
                client.cookies.set(SESSION_COOKIE, await sessions.begin(person))
            return Visitor(client)

        return visitor

    yield of
    for client in clients:
        await client.aclose()


@pytest.fixture
def visitor(company: str, application: Litestar, visitors: Callable[[Litestar], Visitors]) -> Visitors:
    """Visitors inside the test's own transaction."""
    return visitors(application)


@pytest.fixture
async def own_visitor(own_company: str, application: Litestar, visitors: Callable[[Litestar], Visitors]) -> Visitors:
    """Visitors of a company of the test's own: a refused action is undone there, as it is in life."""
    return visitors(application)
