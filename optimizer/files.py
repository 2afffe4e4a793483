"""Reading input files strictly: an error names the JSON path of what is wrong."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec

from optimizer.errors import InvalidInput

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
"""An id or a name in a file."""

Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
"""A finite number, zero or more: money, hours, days, rates."""

Positive = Annotated[float, msgspec.Meta(gt=0, le=1e12)]
"""A finite number above zero."""

Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""A share between 0 and 1."""

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
"""A whole number of pieces, zero or more."""


def decode[T](content: bytes, into: type[T]) -> T:
    """Decode a JSON file into a Struct.

    >>> class Point(msgspec.Struct, forbid_unknown_fields=True):
    ...     x: Amount
    >>> decode(b'{"x": 2}', Point)
    Point(x=2.0)
    >>> decode(b'{"x": -1}', Point)
    Traceback (most recent call last):
    optimizer.errors.InvalidInput: $.x: Expected `float` >= 0.0

    Raises:
        InvalidInput: the text is no JSON, a field is unknown, missing or out of bounds.

    """
    try:
        return msgspec.json.decode(content, type=into)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).rpartition(" - at `")
        if not problem:
            problem, path = str(error), "$"
        raise InvalidInput(path.rstrip("`"), problem) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("$", f"not valid JSON: {error}") from None


def encode(document: object) -> bytes:
    """A document as a JSON file for people too: indented, with every digit, ending with a line."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def member(path: str, key: str) -> str:
    """The JSON path of what stands under a key.

    >>> member("$.targets", "gold"), member("$.targets", "2.5 h")
    ('$.targets.gold', '$.targets["2.5 h"]')

    """
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{json.dumps(key)}]"


def pointer(path: str) -> str:
    """The JSON pointer (RFC 6901) to what stands at a JSON path.

    >>> pointer('$.targets["2.5 h"]'), pointer("$.closed_depots[0]"), pointer('$.budgets["A/B~"]'), pointer("$")
    ('/targets/2.5 h', '/closed_depots/0', '/budgets/A~1B~0', '')

    """
    steps = (json.loads(step[1:-1]) if step.startswith("[") else step[1:] for step in _STEP.findall(path))
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


_STEP = re.compile(r'\.[^.\[]+|\[(?:\d+|"(?:[^"\\]|\\.)*")\]')
"""A step of a path as `member` writes it: a field, an index, or a key in quotes."""


def require_known(name: str, names: set[str], path: str) -> None:
    """Refuse a name that is not among those there are.

    Raises:
        InvalidInput: it is not; `path` is where it stands.

    """
    if name not in names:
        raise InvalidInput(path, f"no such id: {name}")


def require_unique(keys: Iterable[tuple[str, ...]], path: Callable[[int], str]) -> None:
    """Refuse a second row of one key.

    Raises:
        InvalidInput: there is one; `path` says where each row stands.

    """
    seen: set[tuple[str, ...]] = set()
    for index, key in enumerate(keys):
        if key in seen:
            raise InvalidInput(path(index), f"{' at '.join(key)} is listed twice")
        seen.add(key)
