"""Reading XML that strangers send: no entities, no document type of their own, nothing fetched, and not too much of anything.

cXML names its document type by an address; that is read and not followed. What declares entities, or brings a document type
of its own along, is refused before anything is made of it: there is nothing to expand, and nothing to fetch.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

LARGEST = 256_000
DEEPEST = 40
MOST_ELEMENTS = 20_000


class NotReadable(Exception):
    """The document cannot be read, or will not be; the message says why."""


def parsed(document: bytes) -> Element:
    """The root of a document.

    >>> parsed(b'<a b="1"><c>two</c></a>').findtext("c")
    'two'
    >>> parsed(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    Traceback (most recent call last):
    api.vendors.markup.NotReadable: the document brings a document type of its own

    Raises:
        NotReadable: it is no well-formed XML, is too large or too deep, or declares what is not taken.

    """
    if len(document) > LARGEST:
        raise NotReadable(f"the document is longer than {LARGEST} bytes")
    parser = expat.ParserCreate(encoding=None, namespace_separator=None)
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    builder = TreeBuilder()
    depth = elements = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > DEEPEST or elements > MOST_ELEMENTS:
            raise NotReadable("the document is too deep or has too many elements")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def document_type(_name: str, _system: str | None, _public: str | None, brings_own: int) -> None:
        if brings_own:
            raise NotReadable("the document brings a document type of its own")

    def refused(*_: object) -> None:
        raise NotReadable("the document declares entities")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = document_type
    parser.EntityDeclHandler = refused
    parser.UnparsedEntityDeclHandler = refused
    parser.ExternalEntityRefHandler = refused
    parser.SkippedEntityHandler = refused
    try:
        parser.Parse(document, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError, ValueError) as error:
        raise NotReadable(f"the document is not well-formed: {error}") from error


def text_at(element: Element, path: str) -> str:
    """The text at a path, without the blanks around it; empty where there is none."""
    return (element.findtext(path) or "").strip()


def first(element: Element, paths: Sequence[str]) -> Element | None:
    """The first element that is found at one of some paths."""
    return next((found for path in paths if (found := element.find(path)) is not None), None)
