"""What routes take can be taken: every type of a body or parameter is one that the decoder knows, bounds and all."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct

from inventory.ground.bounds import Bounded, Within, bounds_of
from tests.conftest import the_application


def handlers() -> dict[str, HTTPRouteHandler]:
    """Every handler of the service, by the name of its function."""
    application = the_application()
    return {
        f"{route.path} {handler.handler_name}": handler
        for route in application.routes
        for handler in getattr(route, "route_handlers", [])
        if isinstance(handler, HTTPRouteHandler)
    }


HANDLERS = handlers()


def taken() -> dict[str, Any]:
    """The types of what is taken out of bodies, forms and addresses."""
    return {
        f"{name} {field}": told.annotation if field == "data" else told.raw
        for name, handler in HANDLERS.items()
        for field, told in handler.parsed_fn_signature.parameters.items()
        if told.kwarg_definition is not None and "UploadFile" not in str(get_hints(told.annotation))
    }


def get_hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True) if isinstance(kind, type) and issubclass(kind, Struct) else {}


def structs_in(kind: Any, seen: set[type]) -> Iterator[type[Struct]]:
    """The Structs that a type is made of."""
    if isinstance(kind, type) and issubclass(kind, Struct) and kind not in seen:
        seen.add(kind)
        yield kind
        for hint in get_hints(kind).values():
            yield from structs_in(hint, seen)
    for inner in get_args(kind):
        yield from structs_in(inner, seen)


def test_the_decoder_knows_every_type_that_a_route_takes():
    unknown = {}
    for name, kind in taken().items():
        try:
            msgspec.json.Decoder(kind, dec_hook=lambda *_: None)
        except TypeError as error:  # it would be told to the first caller, as a crash
            unknown[name] = str(error)

    assert unknown == {}
    assert len(taken()) > 300


def test_every_decimal_that_comes_in_has_bounds_and_a_struct_that_keeps_them():
    seen: set[type] = set()
    structs = [struct for kind in taken().values() for struct in structs_in(kind, seen)]
    decimals = [
        (struct, name) for struct in structs for name, hint in get_hints(struct).items() if "Decimal" in str(hint)
    ]

    assert [(s.__name__, name) for s, name in decimals if not issubclass(s, Bounded) or name not in bounds_of(s)] == []
    assert decimals
    # outside of bodies there is nothing that would keep a decimal within bounds
    assert [name for name, kind in taken().items() if not name.endswith(" data") and "Decimal" in str(kind)] == []


class Priced(Bounded, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something with a price."""

    price_cny: Annotated[Decimal, Within(0, 100)]
    discount_cny: Annotated[Decimal | None, Within(0, 10)] = None


@pytest.mark.parametrize("price", ["-0.01", "100.01", "NaN", "sNaN", "Infinity", "-Infinity", "1e999999"])
def test_a_decimal_out_of_bounds_is_a_complaint_about_its_field(price):
    with pytest.raises(msgspec.ValidationError, match="Expected `decimal` from 0 to 100 in field `price_cny`"):
        msgspec.json.decode(f'{{"price_cny": "{price}"}}', type=Priced)
    with pytest.raises(msgspec.ValidationError, match="from 0 to 10 in field `discount_cny`"):
        msgspec.convert({"price_cny": "1", "discount_cny": "11"}, Priced)


def test_a_decimal_within_its_bounds_is_taken_as_it_is():
    taken = msgspec.json.decode('{"price_cny": "99.90"}', type=Priced)

    assert (str(taken.price_cny), taken.discount_cny) == ("99.90", None)


def test_bounds_in_the_decoders_own_words_are_still_more_than_it_knows():
    """Once it knows them, `Within` is needed no more."""
    with pytest.raises(TypeError, match="Can only set `ge` on a numeric type"):
        msgspec.json.Decoder(Annotated[Decimal, Meta(ge=0)])
