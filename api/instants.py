"""Instants: the one form in which a time comes in, with its time zone and within years that mean something."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, override

import msgspec
from litestar.datastructures import UploadFile
from litestar.openapi.spec import OpenAPIFormat, OpenAPIType, Schema
from litestar.plugins import OpenAPISchemaPlugin

if TYPE_CHECKING:
    Instant = datetime
else:

    class _DateTime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Instant(metaclass=_DateTime):
        """A `datetime` that came in: with a time zone, from `EARLIEST` to before `LATEST`.

        It has a name of its own so that bodies, query parameters and cursors are all read by `instant`; what they hold is
        a plain `datetime`.
        """


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC)


def instant(value: Any) -> datetime:
    """Read a time that came in.

    >>> instant("2026-11-20T08:00:00+08:00").isoformat()
    '2026-11-20T00:00:00+00:00'
    >>> instant("9999-12-31T23:59:59-14:00")
    Traceback (most recent call last):
        ...
    ValueError: Expected a time between the years 1970 and 2200

    Raises:
        ValueError: it is no time, has no time zone, or lies too far away.

    """
    try:
        read = msgspec.convert(value, Annotated[datetime, msgspec.Meta(tz=True)])
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    try:
        utc = read.astimezone(UTC)
    except OverflowError:
        utc = None
    if utc is None or not within(utc):
        raise ValueError("Expected a time between the years 1970 and 2200")
    return utc


def within(at: datetime) -> bool:
    """Whether a time lies where times may lie."""
    return EARLIEST <= at < LATEST


def reading(into: type, value: Any) -> Any:
    """Read what msgspec leaves to others: instants.

    Raises:
        TypeError: it is something else.

    """
    if into is Instant:
        return instant(value)
    raise TypeError(f"{into} is not read here")


def no_file(_into: type, _value: Any) -> Any:
    """Refuse what came where a file belongs, in words; a file itself needs no reading.

    Raises:
        ValueError: always.

    """
    raise ValueError("Expected a file")


DECODERS: list[tuple[Callable[[Any], bool], Callable[[type, Any], Any]]] = [
    (lambda into: into is Instant, lambda _, value: instant(value)),
    (lambda into: into is UploadFile, no_file),
]
"""How Litestar reads what it has no words of its own for: an instant in a body or a query parameter, no file in a form."""


class InstantSchema(OpenAPISchemaPlugin):
    """Describe an instant as what it is on the wire."""

    @override
    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        return value is Instant

    @override
    def to_openapi_schema(self, field_definition: Any, schema_creator: Any) -> Schema:
        return Schema(
            type=OpenAPIType.STRING,
            format=OpenAPIFormat.DATE_TIME,
            description="RFC 3339 with a time zone, in the years 1970 to 2200",
        )
