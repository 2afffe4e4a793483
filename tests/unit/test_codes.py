"""Codes: our own come back as they went out, makers' labels are read whole, and nothing is guessed."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inventory.stock import codes
from inventory.stock.codes import GS, RS

NAMES = st.text(min_size=1, max_size=60).filter(lambda value: value.strip() == value)
PLAIN = st.text(alphabet=string.ascii_uppercase + string.digits + "-._", min_size=1, max_size=25)
SHOWN = [(GS, RS), ("<GS>", "<RS>"), ("{GS}", "{RS}"), ("[GS]", "[RS]"), ("^]", "^^"), ("\u241d", "\u241e")]


@given(NAMES)
def test_a_parts_code_names_the_part_again(number):
    scanned = codes.read(codes.part_code(number))

    assert (scanned.kind, scanned.part_number) == ("part", number)


@given(NAMES, NAMES)
def test_a_bins_code_names_store_and_bin_again(depot, code):
    scanned = codes.read(codes.bin_code(depot, code))

    assert (scanned.kind, scanned.depot, scanned.bin) == ("bin", depot, code)


@given(NAMES, NAMES, st.none() | NAMES)
def test_a_units_code_names_the_piece_again(part, serial, tag):
    scanned = codes.read(codes.unit_code(part, serial, tag))

    assert scanned.kind == "unit"
    assert (scanned.tag == tag) if tag else ((scanned.part_number, scanned.serial) == (part, serial))


@given(st.integers(0, 9_999_999), st.integers(2, 9), st.integers(1, 9))
def test_one_mistyped_digit_of_a_tag_is_found(number, place, by):
    tag = codes.tag_of(number)
    wrong = f"{tag[:place]}{(int(tag[place]) + by) % 10}{tag[place + 1 :]}"

    assert codes.read(tag.lower()).tag == tag
    assert codes.read(wrong).kind == "text"


@pytest.mark.parametrize(("group", "record"), SHOWN)
@given(part=PLAIN, serial=PLAIN)
def test_an_envelope_is_read_however_its_separators_are_shown(group, record, part, serial):
    whole = codes.read(f"[)>{record}06{group}1P{part}{group}S{serial}{group}4LCN{record}\x04")
    without_trailer = codes.read(f"[)>06{group}S{serial}{group}1P{part}")

    assert (whole.kind, whole.part_number, whole.serial) == ("label", part, serial)
    assert (without_trailer.part_number, without_trailer.serial) == (part, serial)


@given(part=PLAIN, serial=PLAIN)
def test_fields_whose_envelope_got_lost_are_read_where_separators_part_them(part, serial):
    scanned = codes.read(f"1P{part}{GS}S{serial}{GS}Q12")

    assert (scanned.part_number, scanned.serial, scanned.quantity) == (part, serial, 12)


@given(st.text(max_size=80))
def test_reading_never_fails_and_loses_no_text(text):
    scanned = codes.read(text)

    assert scanned.text in text or scanned.kind == "document"


@given(PLAIN)
def test_a_plain_serial_stays_a_plain_serial(serial):
    assume(not serial.startswith("BJ") and not serial.startswith(codes.DOCUMENTS))

    assert codes.read(serial).kind == "text"


@pytest.mark.parametrize(
    ("text", "part", "serial"),
    [
        ("SN:ZL2-0001;PN:ST12000NM0008", "ST12000NM0008", "ZL2-0001"),
        ("PN=0YT39Y,SN=CN0123,REV=A02", "0YT39Y", "CN0123"),
        ("P/N 0YT39Y S/N CN0123", "0YT39Y", "CN0123"),
        ("S/N: CN0123\r\nP/N: 0YT39Y\r\nMade in: China", "0YT39Y", "CN0123"),
        ("序列号：CN0123；料号：0YT39Y".replace("；", ";"), "0YT39Y", "CN0123"),
        ("SN:CN0123", None, "CN0123"),
        ("Model:R740;SN:CN0123;MAC:00:11:22:33:44:55", None, "CN0123"),
        ("[)>\x1e06\x1dP0YT39Y\x1d1P450-ADWS\x1dSCN0123\x1e\x04", "450-ADWS", "CN0123"),
        ("[)>\x1e06\x1dP0YT39Y\x1d25SUN123456789CN0123\x1e\x04", "0YT39Y", "CN0123"),
        ("[)>\x1e05\x1d0109501101530003\x1d21CN0123\x1e\x04", "09501101530003", "CN0123"),
        ("(01)09501101530003(10)L7(21)CN0123", "09501101530003", "CN0123"),
        ("]d2010950110153000310L7\x1d21CN0123\x1d2410YT39Y", "0YT39Y", "CN0123"),
        ("]C10109501101530003\x1d21CN0123", "09501101530003", "CN0123"),
    ],
)
def test_makers_labels_tell_part_and_serial(text, part, serial):
    scanned = codes.read(text)

    assert (scanned.kind, scanned.part_number, scanned.serial) == ("label", part, serial)


@pytest.mark.parametrize(
    "text",
    [
        "[)>061PST12000NM0008SZL2-0001Q1",  # its separators are gone: where the part number ends nobody knows
        "[)>\x1e06\x1dSCN0123\x1dSCN0124\x1e\x04",  # two pieces
        "[)>\x1e07\x1dSCN0123\x1e\x04",  # a format of free text
        "[)>\x1e06\x1d4LCN\x1e\x04",  # neither part nor piece
        "[)>\x1e06\x1dcn0123\x1e\x04",  # no identifier
        "(01)09501101530004(21)CN0123",  # a wrong check digit
        "010950110153000321CN0123",  # no FNC1: a serial may look so
        "SN:CN0123;SN:CN0124",
        "SN:CN0123 CN0124",
        "SN:CN0123 REV A PN:0YT39Y",
        "SN:CN0123,CN0124",
        "SN:;PN:",
        "S12345678",
        "1P0YT39Y",
        "CN0123,0YT39Y",
        "https://example.org/?SN=CN0123",
        "BJB/GZ",
        "BJP/%ZZ",
        "BJP/",
        "BJ00000001",
        "PR-26-123",
        "",
        "x" * 5000,
    ],
)
def test_what_may_mean_two_things_stays_text(text):
    scanned = codes.read(text)

    assert scanned == codes.Scanned(kind="text", text=text[: codes.LONGEST])


def test_a_documents_number_is_known_by_its_form():
    assert codes.read(" pr-26-000123\r\n") == codes.Scanned(kind="document", text="PR-26-000123")
