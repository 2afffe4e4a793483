"""Bar codes as SVG: a QR code for cameras, Code 128 for the linear scanners."""

import zxingcpp

MODULES_AT_MOST = 280
"""Widest Code 128, in modules: on the 50 mm label one module is then 0.16 mm, about what a 203 dpi printer can do."""


def qr(text: str) -> str:
    """A QR code (ISO/IEC 18004) that bears 15 % damage, without its quiet zone."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    return code.to_svg(add_quiet_zones=False)


def code_128(text: str) -> str | None:
    """A Code 128 (ISO/IEC 15417), without its quiet zones; None where the text has other signs, or is too long to scan."""
    if not (text.isascii() and text.isprintable()):
        return None
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
    if code.to_image(scale=1, add_quiet_zones=False).shape[1] > MODULES_AT_MOST:
        return None
    return code.to_svg(add_quiet_zones=False)
