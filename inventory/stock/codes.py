r"""Codes: what a scanner sends, read into part number, serial, tag, bin, lot and quantity. Pure.

Our own codes are short and can be typed where the scanner fails:

| on | code | example |
|---|---|---|
| a unit with our tag (备件条码) | the tag: `BJ`, seven digits, a check digit (ISO 7064, MOD 11-10) | `BJ00001235` |
| a unit with another tag | `BJU/` tag | `BJU/A-17` |
| a unit without a tag | `BJS/` part number `/` serial | `BJS/ST12000NM0008/ZL2-0001` |
| a part | `BJP/` part number | `BJP/PSU-750` |
| a bin | `BJB/` depot `/` bin | `BJB/GZ/A-01-02` |

In a field, `/`, `%` and whatever is not visible ASCII is percent-encoded (RFC 3986, section 2.1).

Makers' labels carry several data in one code:

- ISO/IEC 15434 envelopes, format 06 with the data identifiers of ANSI MH10.8.2 and format 05 with the application
  identifiers of GS1; also without the envelope, where separators part the fields;
- GS1 element strings (GS1 General Specifications, section 3), in brackets or with FNC1;
- named values, as in `SN:ZL2-0001;PN:ST12000NM0008` or `P/N 0YT39Y S/N CN0123`.

A keyboard-wedge scanner sends RS, GS and EOT as they are, as visible text (`<GS>`, `{GS}`, `^]`, `␝` …) or not at all.
What can be read in two ways stays plain text: a wrong serial is worse than one typed again.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from msgspec import Struct

Kind = Literal["unit", "part", "bin", "document", "label", "text"]

LONGEST = 1000
"""Longest text that is read, in characters; no label of one piece carries more."""

DOCUMENTS = ("GR", "TR", "PO", "PR", "EC", "PL", "CT", "ASN", "SH", "PK", "PI", "RD")
"""What our documents' numbers begin with."""

GS, RS, EOT = "\x1d", "\x1e", "\x04"


class Scanned(Struct, frozen=True, kw_only=True):
    """What a code says; `text` is all of it as it came, without blanks around it."""

    kind: Kind
    text: str
    part_number: str | None = None
    serial: str | None = None
    tag: str | None = None
    bin: str | None = None
    depot: str | None = None
    lot: str | None = None
    quantity: int | None = None


class _Unclear(Exception):
    """The text can be read in two ways, or in none."""


def read(text: str) -> Scanned:
    r"""What a scanned text says; whatever is not certainly one of the known codes is plain text.

    >>> read("BJB/GZ/A-01-02").bin, read("bj00001235").tag, read("ZL2-0001").kind
    ('A-01-02', 'BJ00001235', 'text')
    >>> label = read("[)>\x1e06\x1d1PST12000NM0008\x1dSZL2-0001\x1dQ1\x1e\x04")
    >>> label.part_number, label.serial, label.quantity
    ('ST12000NM0008', 'ZL2-0001', 1)
    >>> read("[)>{RS}06{GS}1P0YT39Y{GS}SCN0123{RS}{EOT}").serial
    'CN0123'
    >>> read("(01)09501101530003(21)A77").serial, read("SN:ZL2-0001;PN:ST12000NM0008").serial
    ('A77', 'ZL2-0001')
    """
    given = text.strip(" \t\r\n\x00")
    if not given or len(given) > LONGEST:
        return Scanned(kind="text", text=given[:LONGEST])
    for reader in (_ours, _document, _envelope, _element_string, _parted_fields, _named_values):
        try:
            found = reader(given)
        except _Unclear:
            break
        if found is not None:
            return found
    return Scanned(kind="text", text=given)


# ---- our own codes ----


def part_code(part_number: str) -> str:
    """What a part's label carries.

    >>> part_code("PSU-750"), part_code("00AR/327")
    ('BJP/PSU-750', 'BJP/00AR%2F327')
    """
    return f"BJP/{_escaped(part_number)}"


def bin_code(depot: str, code: str) -> str:
    """What a bin's label carries.

    >>> bin_code("GZ", "A-01-02")
    'BJB/GZ/A-01-02'
    """
    return f"BJB/{_escaped(depot)}/{_escaped(code)}"


def unit_code(part_number: str, serial: str, tag: str | None) -> str:
    """What a unit's label carries: our tag where there is one, else part number and serial.

    >>> unit_code("PSU-750", "CN-1", "BJ00001235"), unit_code("PSU-750", "CN-1", "A-17"), unit_code("PSU-750", "CN-1", None)
    ('BJ00001235', 'BJU/A-17', 'BJS/PSU-750/CN-1')
    """
    if tag is None:
        return f"BJS/{_escaped(part_number)}/{_escaped(serial)}"
    return tag if is_our_tag(tag) else f"BJU/{_escaped(tag)}"


def tag_of(number: int) -> str:
    """The tag with a number: short enough for the smallest label, with a digit that finds mistypings.

    >>> tag_of(1), tag_of(9_999_999)
    ('BJ00000015', 'BJ99999997')
    """
    digits = f"{number:07d}"
    return f"BJ{digits}{_check_digit(digits)}"


def is_our_tag(text: str) -> bool:
    """Whether a text is one of our tags, its check digit right.

    >>> is_our_tag("BJ00001235"), is_our_tag("BJ00001236")
    (True, False)
    """
    found = re.fullmatch(r"BJ([0-9]{7})([0-9])", text)
    return found is not None and _check_digit(found[1]) == found[2]


def _check_digit(digits: str) -> str:
    """The check digit of ISO 7064, MOD 11-10: it finds every mistyped digit and nearly every swapped pair.

    >>> _check_digit("0794")
    '5'
    """
    product = 10
    for digit in digits:
        product = (((int(digit) + product) % 10 or 10) * 2) % 11
    return str((11 - product) % 10)


def _escaped(value: str) -> str:
    return quote(value, safe="!\"#$&'()*+,-.:;<=>?@[\\]^_`{|}~")


def _unescaped(field: str) -> str:
    try:
        value = unquote_to_bytes(field).decode()
    except UnicodeDecodeError:
        raise _Unclear from None
    if not value or _escaped(value) != field:
        raise _Unclear
    return value


def _ours(text: str) -> Scanned | None:
    if is_our_tag(text.upper()):
        return Scanned(kind="unit", text=text, tag=text.upper())
    head, _, rest = text.partition("/")
    fields = rest.split("/")
    match (head.upper(), len(fields)):
        case ("BJU", 1):
            return Scanned(kind="unit", text=text, tag=_unescaped(fields[0]))
        case ("BJS", 2):
            return Scanned(kind="unit", text=text, part_number=_unescaped(fields[0]), serial=_unescaped(fields[1]))
        case ("BJP", 1):
            return Scanned(kind="part", text=text, part_number=_unescaped(fields[0]))
        case ("BJB", 2):
            return Scanned(kind="bin", text=text, depot=_unescaped(fields[0]), bin=_unescaped(fields[1]))
        case _:
            return None


def _document(text: str) -> Scanned | None:
    """A document's number, as `ground.numbers` makes them."""
    number = re.fullmatch(rf"(?:{'|'.join(DOCUMENTS)})-[0-9]{{2}}-[0-9]{{6,}}", text.upper())
    return Scanned(kind="document", text=number[0]) if number else None


# ---- separators, as scanners send them ----

_VISIBLE = {
    GS: ("<GS>", "{GS}", "[GS]", "(GS)", "<0x1D>", "\\x1d", "\\u001d", "\u241d", "\u2194", "^]"),
    RS: ("<RS>", "{RS}", "[RS]", "(RS)", "<0x1E>", "\\x1e", "\\u001e", "\u241e", "\u25b2", "^^"),
    EOT: ("<EOT>", "{EOT}", "[EOT]", "(EOT)", "<0x04>", "\\x04", "\\u0004", "\u2404", "\u2666", "^D"),
}
"""How scanners and terminals show the separators of ISO/IEC 15434."""

_SEPARATOR_OF = {shown.lower(): sign for sign, ways in _VISIBLE.items() for shown in ways}
_SHOWN = re.compile("|".join(map(re.escape, sorted(_SEPARATOR_OF, key=len, reverse=True))), re.IGNORECASE)


def _with_separators(text: str) -> str:
    r"""A text with its visible separators turned into what they stand for.

    >>> _with_separators("[)><RS>06<GS>SA1^]1PB2")
    '[)>\x1e06\x1dSA1\x1d1PB2'
    """
    return _SHOWN.sub(lambda shown: _SEPARATOR_OF[shown[0].lower()], text)


# ---- ISO/IEC 15434 envelopes, ANSI MH10.8.2 data identifiers ----

_HEADER = re.compile(rf"\[\)>{RS}?(0[0-9]|1[0-2]){GS}")
_IDENTIFIER = re.compile(r"([0-9]{0,3}[A-Z])(.+)", re.DOTALL)

_ISSUERS = {"UN": 9, "LB": 4, "D": 5}
"""Issuing agency codes of ISO/IEC 15459 (D-U-N-S, ATIS, NATO's CAGE) with the length of the company's number."""


def _envelope(text: str) -> Scanned | None:
    """A whole ISO/IEC 15434 message: header, format 05 or 06, trailer (which scanners like to lose)."""
    if not text.startswith("[)>"):
        return None
    plain = _with_separators(text)
    header = _HEADER.match(plain)
    if header is None:
        raise _Unclear
    body = plain[header.end() :].rstrip(EOT + RS + GS + "\r\n")
    if RS in body or EOT in body:  # several formats in one message
        raise _Unclear
    fields = body.split(GS)
    if header[1] == "06":
        return _from_identifiers(text, fields)
    if header[1] == "05":
        return _from_applications(text, [_applications(field) for field in fields])
    raise _Unclear


def _parted_fields(text: str) -> Scanned | None:
    """Fields with data identifiers whose envelope got lost; one alone could be anything."""
    plain = _with_separators(text).removeprefix(RS).removeprefix("06" + GS).strip(GS + RS + EOT)
    fields = plain.split(GS)
    if len(fields) < 2 or RS in plain or EOT in plain:
        return None
    if not all(re.match(r"(?:P|1P|S|T|1T|Q|[0-9]{1,3}[A-Z]|[A-Z])[^\s]", field) for field in fields):
        raise _Unclear
    found = _from_identifiers(text, fields)
    if found.part_number is None or found.serial is None:
        raise _Unclear
    return found


def _from_identifiers(text: str, fields: Sequence[str]) -> Scanned:
    """Fields with the data identifiers of ANSI MH10.8.2 (MHI, Data Identifier and Application Identifier Standard).

    P is the customer's, 1P the supplier's item number; S the serial, 1S the supplier's additional number, 25S the
    globally unique serial with its issuer before it; T and 1T the lot; Q and 7Q the quantity. Others are passed over.
    """
    said: dict[str, set[str]] = {}
    for field in filter(None, fields):
        found = _IDENTIFIER.fullmatch(field)
        if found is None:
            raise _Unclear
        said.setdefault(found[1], set()).add(found[2].strip())
    unique = {identifier: _only(values) for identifier, values in said.items() if identifier in _READ}
    serial = unique.get("S") or _without_issuer(unique.get("25S")) or unique.get("1S")
    quantity = unique.get("Q") or re.sub(r"[A-Z]{2,3}$", "", unique.get("7Q", ""))
    return _label(
        text,
        part_number=unique.get("1P") or unique.get("P"),
        serial=serial,
        lot=unique.get("1T") or unique.get("T"),
        quantity=quantity,
    )


_READ = {"P", "1P", "S", "1S", "25S", "T", "1T", "Q", "7Q"}


def _without_issuer(value: str | None) -> str | None:
    """The serial of a globally unique one (ISO/IEC 15459): what follows the issuer's code and the company's number.

    >>> _without_issuer("UN123456789ZL2-0001"), _without_issuer("XX1")
    ('ZL2-0001', None)
    """
    for agency, length in _ISSUERS.items():
        if value and value.startswith(agency) and len(value) > len(agency) + length:
            return value[len(agency) + length :]
    return None


# ---- GS1 element strings ----

_FIXED = {"00": 18, "01": 14, "02": 14, "11": 6, "12": 6, "13": 6, "15": 6, "16": 6, "17": 6, "20": 2}
_OPEN = {"10": 20, "21": 20, "22": 20, "30": 8, "37": 8, "240": 30, "241": 30, "250": 30, "400": 30, "91": 90}
"""Application identifiers with the length of their value, fixed or at most (GS1 General Specifications, 3.2)."""


def _element_string(text: str) -> Scanned | None:
    """A GS1 element string: in brackets as printed below the code, or as scanned, with its FNC1."""
    bracketed = re.fullmatch(r"(?:\((?:[0-9]{2,4})\)[^()]+)+", text)
    if bracketed:
        pairs = re.findall(r"\(([0-9]{2,4})\)([^()]+)", text)
        if not all(_fits(identifier, value) for identifier, value in pairs):
            raise _Unclear
        return _from_applications(text, [pairs])
    plain = _with_separators(text)
    marked = re.match(rf"(?:\](?:C1|e0|d2|Q3|J1){GS}?|{GS})", plain)
    if marked is None and not (GS in plain and re.match(r"01[0-9]{14}", plain)):
        return None
    body = plain[marked.end() :] if marked else plain
    return _from_applications(text, [_applications(field) for field in body.strip(GS).split(GS)])


def _applications(field: str) -> list[tuple[str, str]]:
    """The application identifiers of a field, in order: fixed lengths follow each other, an open one ends it."""
    found: list[tuple[str, str]] = []
    while field:
        fixed = field[:2]
        if fixed in _FIXED:
            value, field = field[2 : 2 + _FIXED[fixed]], field[2 + _FIXED[fixed] :]
            if not _fits(fixed, value):
                raise _Unclear
            found.append((fixed, value))
            continue
        identifier = next((field[:size] for size in (2, 3) if field[:size] in _OPEN), None)
        if identifier is None or not _fits(identifier, field[len(identifier) :]):
            raise _Unclear
        found.append((identifier, field[len(identifier) :]))
        break
    return found


def _fits(identifier: str, value: str) -> bool:
    if identifier in _FIXED:
        digits = re.fullmatch(r"[0-9]+", value) is not None and len(value) == _FIXED[identifier]
        return digits and (identifier not in ("00", "01", "02") or _gtin_holds(value))
    return 0 < len(value) <= _OPEN.get(identifier, 90)


def _gtin_holds(digits: str) -> bool:
    """Whether the check digit of a GTIN or SSCC is right (GS1 General Specifications, 7.9).

    >>> _gtin_holds("09501101530003"), _gtin_holds("09501101530004")
    (True, False)
    """
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return weighted % 10 == 0


def _from_applications(text: str, fields: Iterable[Sequence[tuple[str, str]]]) -> Scanned:
    said: dict[str, set[str]] = {}
    for identifier, value in (pair for field in fields for pair in field):
        said.setdefault(identifier, set()).add(value.strip())
    unique = {identifier: _only(values) for identifier, values in said.items()}
    return _label(
        text,
        part_number=unique.get("241") or unique.get("240") or unique.get("01") or unique.get("02"),
        serial=unique.get("21") or unique.get("250"),
        lot=unique.get("10"),
        quantity=unique.get("30") or unique.get("37") or "",
    )


# ---- named values ----

_NAMES = {
    "serial": ("S/N", "SN", "S.N.", "SERIAL NUMBER", "SERIAL NO.", "SERIAL NO", "SERIAL", "序列号"),
    "part": ("P/N", "PN", "P.N.", "PART NUMBER", "PART NO.", "PART NO", "PARTNO", "MPN", "料号", "备件编号"),
    "lot": ("LOT NO.", "LOT NO", "LOT", "批次", "批号"),
    "quantity": ("QTY", "QUANTITY", "数量"),
}
_MEANING = {name: meaning for meaning, names in _NAMES.items() for name in names}
_NAMED = re.compile(
    rf"(?:^|(?<=[;,|\s]))(?P<known>{'|'.join(map(re.escape, sorted(_MEANING, key=len, reverse=True)))})"
    r"(?:\s*[:=：#]\s*|(?<=/N)\s+|(?<=[SP]N)\s+)"
    r"|(?:^|(?<=[;,|\n]))\s*(?:[A-Z][A-Z0-9/ ._-]{0,30}?|[\u4e00-\u9fff]{2,8})\s*[:=：]\s*"
    r"|(?<=\s)[A-Z][A-Z0-9/._-]{0,30}[:=：]\s*",
    re.IGNORECASE,
)
"""A name with what parts it from its value: one we know, or any other; only behind a sign may another have blanks."""


def _named_values(text: str) -> Scanned | None:
    """Values by name, as many makers' QR codes have them; every one must be named, none twice with two values."""
    names = list(_NAMED.finditer(text))
    if not names or names[0].start() != 0 or not any(name["known"] for name in names):
        return None
    ends = [name.start() for name in names[1:]] + [len(text)]
    said: dict[str, set[str]] = {}
    for name, end in zip(names, ends, strict=True):
        value = text[name.end() : end].strip(" \t\r\n;,|")
        meaning = _MEANING.get((name["known"] or "").upper())
        if meaning is None:
            continue
        if not re.fullmatch(r"[^\s;,|:=]+", value):
            raise _Unclear
        said.setdefault(meaning, set()).add(value)
    unique = {meaning: _only(values) for meaning, values in said.items()}
    return _label(
        text,
        part_number=unique.get("part"),
        serial=unique.get("serial"),
        lot=unique.get("lot"),
        quantity=unique.get("quantity", ""),
    )


# ---- a lone bar code ----


def without_identifier(text: str) -> Scanned | None:
    """What a lone bar code may say once its data identifier is taken off; to be looked up, never to be believed.

    Makers print part number and serial as one bar code each, S or 1P before the value and no envelope around it, and
    a serial may well begin with S.

    >>> without_identifier("SZL2-0001").serial, without_identifier("1PPSU-750").part_number, without_identifier("ZL2-0001")
    ('ZL2-0001', 'PSU-750', None)
    """
    found = re.fullmatch(r"(S|1P|P)([!-~]{3,60})", text)
    if found is None:
        return None
    if found[1] == "S":
        return Scanned(kind="label", text=text, serial=found[2])
    return Scanned(kind="label", text=text, part_number=found[2])


def names(text: str) -> list[str]:
    """What a scanned piece or part may be called in our books, the surest first.

    >>> names("BJS/PSU-750/CN-1"), names("BJP/PSU-750"), names("SN:CN-1;PN:PSU-750")
    (['CN-1', 'PSU-750'], ['PSU-750'], ['CN-1', 'PSU-750'])
    >>> names(" ZL2-0001 "), names("SZL2-0001")
    (['ZL2-0001'], ['SZL2-0001', 'ZL2-0001'])
    """
    scanned = read(text)
    lone = without_identifier(scanned.text) if scanned.kind == "text" else None
    said = (scanned.tag, scanned.serial, scanned.part_number)
    perhaps = (lone.serial, lone.part_number) if lone else ()
    return [name for name in (*(said if any(said) else (scanned.text,)), *perhaps) if name]


def bin_in(depot: str, text: str) -> str:
    """The code of the bin whose label was scanned in a store; another store's label is none of its bins.

    >>> bin_in("GZ", "BJB/GZ/A-01"), bin_in("GZ", " A-01 "), bin_in("GZ", "BJB/SH/A-01")
    ('A-01', 'A-01', 'BJB/SH/A-01')
    """
    scanned = read(text)
    return scanned.bin if scanned.bin and scanned.depot == depot else scanned.text


# ---- what all of them come to ----


def _only(values: set[str]) -> str:
    """The one value that was given; two different ones are two pieces on one label."""
    if len(values) != 1:
        raise _Unclear
    return next(iter(values))


def _label(text: str, *, part_number: str | None, serial: str | None, lot: str | None, quantity: str) -> Scanned:
    """A maker's label; one that names neither part nor piece tells us nothing."""
    if not (part_number or serial):
        raise _Unclear
    if any(value and not value.isprintable() for value in (part_number, serial, lot)):
        raise _Unclear
    count = int(quantity) if re.fullmatch(r"[0-9]{1,7}", quantity) else None
    return Scanned(
        kind="label", text=text, part_number=part_number, serial=serial, lot=lot or None, quantity=count or None
    )
