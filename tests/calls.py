"""Calling the API as somebody: keys made on the spot, answers as plain data."""

from typing import Any
from uuid import uuid4

import httpx

from inventory.ground.actor import service
from inventory.people import keys, persons

SETUP = service("setup")


class Api:
    """A client that can sign its calls with a key of any role."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self._keys: dict[tuple[str, str | None, str | None], str] = {}

    async def key(self, role: str, *, depot: str | None = None, vendor: str | None = None) -> str:
        """A key of a role, made at first need."""
        vendor = vendor or ("DISTI" if role == "vendor" else None)
        wanted = (role, depot, vendor)
        if wanted not in self._keys:
            username = "-".join(filter(None, (role, depot, vendor, uuid4().hex[:6])))
            person = persons.NewPerson(username=username, name_zh="测试员", name_en="Tester", password="")
            await persons.add_person(person, by=SETUP, password_hash="nobody signs in with this")
            await persons.grant_role(username, role, by=SETUP, depot=depot, vendor=vendor)
            made = await keys.make_key(
                keys.NewKey(name=username, role=role, person=username, depot=depot, vendor=vendor), by=SETUP
            )
            self._keys[wanted] = made.secret or ""
        return self._keys[wanted]

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str | None = "administrator",
        depot: str | None = None,
        vendor: str | None = None,
        idempotency_key: str | None = "",
        language: str = "en",
        headers_more: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        """Call the API; a write gets a fresh Idempotency-Key unless one is given (or None)."""
        headers = {"Accept-Language": language, **(headers_more or {})}
        if role is not None:
            headers["Authorization"] = f"Bearer {await self.key(role, depot=depot, vendor=vendor)}"
        if method != "GET" and idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key or uuid4().hex
        return await self.client.request(method, f"/api/v1{path}", json=body, headers=headers, **more)

    async def upload(
        self, path: str, content: bytes, *, name: str = "table.csv", key: str | None = None, **fields: str
    ) -> httpx.Response:
        """Send a file as a form does; `role`, `depot` and `language` say who, the other fields are the form's."""
        who = {word: fields.pop(word) for word in ("role", "depot", "language") if word in fields}
        return await self.call(
            "POST", path, idempotency_key=key or "", files={"file": (name, content)}, data=fields, **who
        )

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """Read."""
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Write."""
        return await self.call("POST", path, body if body is not None else {}, **more)
