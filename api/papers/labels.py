"""Labels: QR and Code 128 on sheets and single labels, in the sizes that are sold. Pure: Structs in, a PDF out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from api.papers import barcodes, printing
from inventory.catalogue.parts import PartName
from inventory.places.bins import BinView
from inventory.places.names import PlaceName
from inventory.stock import codes
from inventory.stock.units import UnitView

Size = Literal["a4_3x8", "a4_4x10", "50x30", "60x40", "100x50"]


class Stock(Struct, frozen=True, kw_only=True):
    """What labels are sold on: sheets of so many across and down, or a roll of single ones; lengths in mm."""

    width: float
    height: float
    across: int = 1
    down: int = 1
    top: float = 0.0

    @property
    def on_a_sheet(self) -> int:
        """How many labels a sheet holds."""
        return self.across * self.down


SIZES: dict[Size, Stock] = {
    "a4_3x8": Stock(width=70, height=37, across=3, down=8, top=0.5),
    "a4_4x10": Stock(width=52.5, height=29.7, across=4, down=10),
    "50x30": Stock(width=50, height=30),
    "60x40": Stock(width=60, height=40),
    "100x50": Stock(width=100, height=50),
}


class Label(Struct, frozen=True, kw_only=True):
    """A label: what its bar codes carry, and what people read."""

    code: str
    title: str
    lines: list[str]


class Sheet(Struct, frozen=True, kw_only=True):
    """Labels to be printed; `start` is the first free place of a used sheet, from 1."""

    size: Size
    labels: list[Label]
    printed_at: datetime
    start: int = 1


def of_part(part: PartName) -> Label:
    """A part's label."""
    return Label(
        code=codes.part_code(part.part_number),
        title=part.part_number,
        lines=_once([part.name_zh, part.name_en]),
    )


def of_unit(unit: UnitView, part: PartName) -> Label:
    """A unit's label: our tag above all where it has one, then serial, part number and name."""
    return Label(
        code=codes.unit_code(unit.part_number, unit.serial, unit.tag),
        title=unit.tag or unit.serial,
        lines=_once([f"S/N {unit.serial}" if unit.tag else "", f"P/N {unit.part_number}", part.name_zh, part.name_en]),
    )


def of_bin(found: BinView, store: PlaceName | None) -> Label:
    """A bin's label."""
    names = [store.name_zh, store.name_en] if store else []
    return Label(code=codes.bin_code(found.depot, found.code), title=found.code, lines=_once([found.depot, *names]))


def _once(lines: Sequence[str]) -> list[str]:
    """Lines that say something, each only once.

    >>> _once(["GZ", "", "GZ"])
    ['GZ']
    """
    return list(dict.fromkeys(filter(None, lines)))


def pdf(sheet: Sheet) -> bytes:
    """The labels as a PDF. Blocking: call it in a thread."""
    return printing.pdf("labels.typ", laid_out(sheet), at=sheet.printed_at)


def picture(sheet: Sheet, *, dots_per_inch: float = 110) -> bytes:
    """The first sheet, or the first single label, as a PNG. Blocking."""
    return printing.picture("labels.typ", laid_out(sheet), dots_per_inch=dots_per_inch)


def laid_out(sheet: Sheet) -> dict[str, Any]:
    """What the template is told: sizes, bar codes and text."""
    stock = SIZES[sheet.size]
    return {
        "width": stock.width,
        "height": stock.height,
        "across": stock.across,
        "down": stock.down,
        "top": stock.top,
        "sheet": stock.on_a_sheet > 1,
        "blank": sheet.start - 1 if stock.on_a_sheet > 1 else 0,
        "labels": [
            {
                "qr": barcodes.qr(label.code),
                "code_128": barcodes.code_128(label.code),
                "code": label.code,
                "title": label.title,
                "lines": label.lines,
            }
            for label in sheet.labels
        ],
    }
