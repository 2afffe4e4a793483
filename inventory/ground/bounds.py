"""Bounds of decimals, which msgspec knows none of.

With `Meta(ge=0)` on a Decimal it refuses the type itself, and only when it first decodes it: every request to the route
fails, the right ones too. So a decimal is marked `Annotated[Decimal, Within(0, 100)]` in a Struct that is `Bounded`.
"""

from decimal import Decimal
from functools import cache
from typing import Any, get_type_hints

from msgspec import Struct


class Within(Struct, frozen=True):
    """From `least` to `most`, both included; never NaN or infinite."""

    least: int
    most: int

    def holds(self, value: Decimal) -> bool:
        """Whether a value lies within.

        >>> Within(0, 5).holds(Decimal("5.00")), Within(0, 5).holds(Decimal("-0.01")), Within(0, 5).holds(Decimal("NaN"))
        (True, False, False)
        """
        return value.is_finite() and self.least <= value <= self.most


class Bounded(Struct, frozen=True):
    """A Struct whose decimals lie within their bounds, however it is made; the decoder names the one that does not."""

    def __post_init__(self) -> None:
        """Check every bound.

        Raises:
            ValueError: a decimal lies outside; the decoder makes a complaint about the input of it.

        """
        for name, within in bounds_of(type(self)).items():
            value = getattr(self, name)
            if isinstance(value, Decimal) and not within.holds(value):
                raise ValueError(f"Expected `decimal` from {within.least} to {within.most} in field `{name}`")


@cache
def bounds_of(struct: type[Any]) -> dict[str, Within]:
    """The bounds of a Struct's decimals, by field."""
    return {
        name: mark
        for name, hint in get_type_hints(struct, include_extras=True).items()
        for mark in getattr(hint, "__metadata__", ())
        if isinstance(mark, Within)
    }
