"""Junk for every field of the API's own description: the same at every run, and as close to sense as junk can be.

A request is first made sensible, so that whatever is then wrong with one of its fields gets as far as it can.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from api.answers import encode_cursor

Schema = dict[str, Any]
At = tuple[str | int, ...]

NUL, SURROGATE, LONG = "a\0b", "\ud800", "长" * 5000
NOBODY = "00000000-0000-4000-8000-000000000000"
HUGE = 10**30
TOO_EARLY, TOO_LATE = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
INSTANT = "2026-11-20T08:00:00Z"

IN_ADDRESSES = ("%00", "%FF%FE", quote("长" * 200), str(HUGE), NOBODY, "..%2F..")
TEXTS = ("", "%00", "%FF", quote(LONG[:1200]))
IN_QUERIES = {"instant": (TOO_EARLY, TOO_LATE, "many"), "integer": ("-1", str(HUGE), "many"), "choice": ("many",)}
CURSORS = tuple(
    encode_cursor(place) for place in (None, HUGE, NUL, [NUL, NUL, NUL], [TOO_LATE, NOBODY], [None, TOO_EARLY, "", ""])
)
IN_FORMS = ("", NUL, SURROGATE, LONG, "-1", "1.5", str(HUGE), TOO_LATE)
"""What people, scanners and programs put where something else belongs."""


class Shot(Struct, frozen=True):
    """A request, and what is wrong with it."""

    what: str
    address: str
    body: bytes | None = None


class Operation(Struct, frozen=True):
    """What the description says of one method at one path."""

    method: str
    path: str
    told: Schema

    @property
    def name(self) -> str:
        """Its id."""
        return self.told["operationId"]

    def parameters(self, place: str) -> dict[str, Schema]:
        """Its parameters in the path or query, by name."""
        found = [each for each in self.told.get("parameters") or [] if each["in"] == place]
        return {each["name"]: each for each in found}


class Description:
    """The API's description.

    `known` says what fits a field by its name; in a path also by what stands before it, or by the operation.
    """

    def __init__(self, document: Schema, known: Mapping[str, Any]) -> None:
        self.document, self.known = document, known

    def operations(self) -> list[Operation]:
        """All of them: those that end something last, so that what they end was there for the others."""
        found = [Operation(m, path, told) for path, at in self.document["paths"].items() for m, told in at.items()]
        return sorted(
            found, key=lambda each: (each.method != "get", each.path.rpartition("/")[2] in ENDINGS, each.name)
        )

    def shots(self, operation: Operation) -> Iterator[Shot]:
        """Requests that are wrong in one way each, and at last those that are right."""
        schema = operation.told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        right = encoded(self.least(schema)) if schema else None
        asked = operation.parameters("query")
        needed = {
            name: quote(str(self.sense(each["schema"], name))) for name, each in asked.items() if each["required"]
        }
        for name in operation.parameters("path"):
            for junk in IN_ADDRESSES:
                yield Shot(f"{name} is {junk[:20]}", self.address(operation, needed, {name: junk}), right)
        if not operation.path.endswith(".csv"):  # an export asks what its list asks
            for name, each in asked.items():
                sort = self.sort_of(self.resolved(each["schema"]))
                for junk in CURSORS if name == "cursor" else IN_QUERIES.get(sort, TEXTS):
                    yield Shot(f"{name}={junk[:20]}", self.address(operation, needed | {name: junk}), right)
        address = self.address(operation, needed)
        for what, body in self.bodies(schema) if schema else ():
            yield Shot(what, address, body)
        yield Shot("nothing", address, right)

    def address(self, operation: Operation, query: Mapping[str, str], junk: Mapping[str, str] | None = None) -> str:
        """An operation's address with its path filled in."""
        path, before = "", ""
        for step in operation.path.split("/"):
            if step.startswith("{"):
                name = step.strip("{}").removesuffix("}.csv")
                told = operation.parameters("path")[name]["schema"]
                fits = self.known.get(f"{operation.name} {name}", self.known.get(f"{before} {name}"))
                path += "/" + (junk or {}).get(name, quote(str(fits or self.sense(told, name)), safe=""))
            elif step:
                path += f"/{step}"
            before = step
        return path + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")

    def resolved(self, schema: Schema) -> Schema:
        """A schema without references; of several, the first that is not null."""
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
            if choice.get("type") != "null":
                return self.resolved({**choice, **{k: v for k, v in schema.items() if k not in ("oneOf", "anyOf")}})
        return schema

    def kind(self, schema: Schema) -> str:
        """The JSON type of a schema, null aside."""
        kinds = schema.get("type", "object" if "properties" in schema else "string")
        return kinds if isinstance(kinds, str) else next(kind for kind in kinds if kind != "null")

    def sense(self, schema: Schema, name: str = "") -> Any:
        """A value that a field of this schema and name takes."""
        schema = self.resolved(schema)
        choices = [value for value in schema.get("enum", [schema.get("const")]) if value is not None]
        if choices:
            return self.known[name] if self.known.get(name) in choices else choices[0]
        kind = self.kind(schema)
        if kind == "object":
            return {key: self.sense(of, key) for key, of in schema.get("properties", {}).items()}
        if kind == "array":
            several = schema.get("prefixItems") or [schema.get("items", {})]
            return [self.sense(each, name.removesuffix("s")) for each in several]
        if kind in ("integer", "number"):
            return self.known.get(name, max(1, schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1))
        if kind == "boolean":
            return False
        formats = {"date-time": INSTANT, "date": INSTANT[:10], "uuid": NOBODY}
        return self.known.get(name, formats.get(schema.get("format", ""), "1" if "pattern" in schema else "xy"))

    def least(self, schema: Schema) -> Any:
        """A body with what is required, and how many."""
        schema = self.resolved(schema)
        wanted = {*schema.get("required", []), "quantity"}
        return {key: self.sense(of, key) for key, of in schema.get("properties", {}).items() if key in wanted}

    def wrong(self, schema: Schema) -> list[Any]:
        """Values that a field does not take, and some that it just takes, last."""
        schema = self.resolved(schema)
        most = int(schema.get("maximum", 2**31))
        longest = "长" * min(int(schema.get("maxLength", 5000)), 10_000)
        junk = {
            "choice": ["no such thing", 7],
            "instant": ["yesterday", "2026-11-20T08:00:00", TOO_EARLY, TOO_LATE],
            "format": ["no such thing", NOBODY, "0001-01-01", "9999-12-31"],
            "string": [7, "", NUL, SURROGATE, f"{longest}长", longest],
            "integer": ["many", -1, HUGE, most + 1, 0, most],
            "number": ["many", -1.0, 1e308, 1e-308],
            "boolean": ["perhaps"],
            "array": ["x", [None], [], [self.sense(schema.get("items", {}))] * 3],
            "object": [[], {NUL: 1}, {LONG: "1"}, {}],
        }
        return junk[self.sort_of(schema)]

    def sort_of(self, schema: Schema) -> str:
        """Its kind, and among texts which sort."""
        if "enum" in schema or "const" in schema:
            return "choice"
        if "format" in schema:
            return "instant" if schema["format"] == "date-time" else "format"
        return self.kind(schema)

    def fields(self, schema: Schema, at: At = ()) -> Iterator[tuple[At, Schema]]:
        """Every field of a body, those of its lines too, with where it stands."""
        schema = self.resolved(schema)
        if self.kind(schema) == "array" and "items" in schema and at:
            yield from self.fields(schema["items"], (*at, 0))
        for key, of in schema.get("properties", {}).items():
            yield (*at, key), of
            yield from self.fields(of, (*at, key))

    def bodies(self, schema: Schema) -> Iterator[tuple[str, bytes]]:
        """Bodies of a route, each wrong in one way, then those that are right."""
        whole, least = self.sense(schema), self.least(schema)
        yield "no body", b""
        yield "no JSON", b"{"
        yield "no UTF-8", b'{"x": "\xff\xfe"}'
        yield "very deep", b'{"x":' * 2000 + b"1" + b"}" * 2000
        for body in (None, [], "x", 7, {}, {**least, "surprise": 1}):
            yield f"the body {str(body)[:40]}", encoded(body)
        for at, of in self.fields(schema):
            for value in (*self.wrong(of), None):
                body = put(least, at, value)
                if body is not None:
                    yield f"{'/'.join(map(str, at))} = {str(value)[:30]!r}", encoded(body)
        yield "all that it takes", encoded(whole)
        yield "as little as it takes", encoded(least)


ENDINGS = frozenset(
    ("cancel", "void", "close", "reject", "stand-down", "revoke", "withdraw", "refuse", "decline", "post", "decide")
)
"""The last words of the addresses that end something."""


def put(body: Any, at: At, value: Any) -> Any | None:
    """A body with another value at a place; None where it has no such place."""
    changed = deepcopy(body)
    inside = changed
    for step in at[:-1]:
        try:
            inside = inside[step]
        except (KeyError, IndexError):
            return None
    inside[at[-1]] = value
    return changed


def encoded(body: Any) -> bytes:
    """JSON in ASCII; whatever no UTF-8 can say stands there as an escape."""
    return json.dumps(body).encode()
