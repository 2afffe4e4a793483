"""Columns as the tables use them: nothing has a silent default, `optional_` may be empty."""

from decimal import Decimal
from typing import Any

from piccolo.columns import (
    JSONB,
    UUID,
    BigInt,
    Boolean,
    Bytea,
    Date,
    DoublePrecision,
    ForeignKey,
    Integer,
    Numeric,
    OnDelete,
    OnUpdate,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.columns.defaults.uuid import UUID7
from piccolo.columns.indexes import IndexMethod
from piccolo.constraints import Check

LONG = 200
"""Longest name, code or number, in characters."""


def key() -> UUID:
    """A document's id: time-ordered, made by the database."""
    return UUID(primary_key=True, default=UUID7())


def given_key() -> UUID:
    """The id of something else, of which this row tells more."""
    return UUID(primary_key=True, default=None, null=False)


def text(*, unique: bool = False, index: bool = False) -> Varchar:
    """A short text that must be given."""
    return Varchar(length=LONG, default=None, null=False, unique=unique, index=index)


def addressable(name: str) -> Check:
    """That the column by which addresses name a row is none of the two names that they lose (`OnlyDots`)."""
    return Check(f"{name} NOT IN ('.', '..')")


def optional_text(*, unique: bool = False, index: bool = False) -> Varchar:
    """A short text that may be missing."""
    return Varchar(length=LONG, default=None, null=True, unique=unique, index=index)


def note() -> Text:
    """A longer text; empty where there is nothing to say."""
    return Text(default="", null=False)


def whole(default: int | None = None) -> Integer:
    """A whole number."""
    return Integer(default=default, null=False)


def optional_whole() -> Integer:
    """A whole number that may be missing."""
    return Integer(default=None, null=True)


def long_whole() -> BigInt:
    """A large whole number."""
    return BigInt(default=None, null=False)


def real() -> DoublePrecision:
    """A measured or computed number."""
    return DoublePrecision(default=None, null=False)


def optional_real() -> DoublePrecision:
    """A measured or computed number that may be missing."""
    return DoublePrecision(default=None, null=True)


def money(default: Decimal | None = None) -> Numeric:
    """An amount of money, to the fen (0.01)."""
    return Numeric(digits=(14, 2), default=default, null=False)


def optional_money() -> Numeric:
    """An amount of money that may be missing."""
    return Numeric(digits=(14, 2), default=None, null=True)


def percent() -> Numeric:
    """A share in percent, to a hundredth of it."""
    return Numeric(digits=(5, 2), default=None, null=False)


def exact() -> Numeric:
    """A measured number that money is reckoned with, so that it must not be rounded: six decimals."""
    return Numeric(digits=(16, 6), default=None, null=False)


def flag(*, default: bool) -> Boolean:
    """Yes or no."""
    return Boolean(default=default, null=False)


def instant(*, index: bool = False) -> Timestamptz:
    """A point in time, UTC."""
    return Timestamptz(default=None, null=False, index=index)


def optional_instant() -> Timestamptz:
    """A point in time that may not have come."""
    return Timestamptz(default=None, null=True)


def day() -> Date:
    """A calendar day."""
    return Date(default=None, null=False)


def optional_day() -> Date:
    """A calendar day that may be missing."""
    return Date(default=None, null=True)


def link(to: Any, *, index: bool = False) -> ForeignKey[Any]:
    """A reference to a row that must exist and cannot be deleted under it."""
    return ForeignKey(
        references=to,
        default=None,
        null=False,
        index=index,
        index_method=IndexMethod.btree,
        on_delete=OnDelete.restrict,
        on_update=OnUpdate.restrict,
    )


def optional_link(to: Any, *, index: bool = False) -> ForeignKey[Any]:
    """A reference that may be missing."""
    return ForeignKey(
        references=to,
        default=None,
        null=True,
        index=index,
        index_method=IndexMethod.btree,
        on_delete=OnDelete.restrict,
        on_update=OnUpdate.restrict,
    )


def reference(*, index: bool = False) -> UUID:
    """The id of a document whose table stands on a higher floor."""
    return UUID(default=None, null=True, index=index)


def document(*, default: str | None = None) -> JSONB:
    """A frozen JSON document."""
    return JSONB(default=default, null=False)


def optional_document() -> JSONB:
    """A JSON document that may be missing."""
    return JSONB(default=None, null=True)


def binary() -> Bytea:
    """Raw bytes."""
    return Bytea(default=None, null=False)


def optional_binary() -> Bytea:
    """Raw bytes that may be missing."""
    return Bytea(default=None, null=True)
