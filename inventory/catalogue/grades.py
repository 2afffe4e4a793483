"""Source grades: how genuine a piece is by where it came from."""

from typing import Literal

Provenance = Literal[
    "maker_direct", "authorised_channel", "vendor_exchange", "recovered", "pulled", "broker", "unproven"
]

GRADES: tuple[Provenance, ...] = (
    "maker_direct",
    "authorised_channel",
    "vendor_exchange",
    "recovered",
    "pulled",
    "broker",
    "unproven",
)
"""From the most to the least trusted."""

LEAST_FOR_GOOD_STOCK: Provenance = "recovered"
"""What may enter good stock without a contract's word: makers, authorised channels, exchanges, our own repairs."""

GRADES_ZH: dict[Provenance, str] = {
    "maker_direct": "原厂直供",
    "authorised_channel": "授权渠道",
    "vendor_exchange": "厂家换件",
    "recovered": "返修件",
    "pulled": "拆机件",
    "broker": "贸易商",
    "unproven": "来源未证明",
}


def is_at_least(grade: Provenance, needed: Provenance) -> bool:
    """Whether a grade is as good as what is asked.

    >>> is_at_least("maker_direct", "authorised_channel")
    True
    >>> is_at_least("broker", "authorised_channel")
    False
    """
    return GRADES.index(grade) <= GRADES.index(needed)


def that_will_do(least: Provenance | None) -> list[Provenance] | None:
    """The grades that are good enough; None where anything is.

    >>> that_will_do("authorised_channel")
    ['maker_direct', 'authorised_channel']
    """
    return None if least is None else list(GRADES[: GRADES.index(least) + 1])


def stricter(one: Provenance | None, other: Provenance | None) -> Provenance | None:
    """What satisfies both.

    >>> stricter("recovered", "maker_direct"), stricter(None, "broker")
    ('maker_direct', 'broker')
    """
    return next((grade for grade in GRADES if grade in (one, other)), None)
