"""Drawing a surprise sample of bins, so that anybody can draw the same again. Pure."""

from collections.abc import Sequence
from hashlib import sha256


def draw(seed: str, codes: Sequence[str], count: int) -> list[str]:
    """`count` of the bins, as the seed has it: those whose sha256 of “seed/code” is smallest, by code.

    The hash is the same on every machine and in every language, so an auditor needs only the seed and the list.

    >>> draw("2026-11-22", ["A-01", "A-02", "A-03", "B-01"], 2)
    ['A-02', 'B-01']
    >>> draw("another", ["A-01", "A-02"], 5)
    ['A-01', 'A-02']
    """
    return sorted(sorted(codes, key=lambda code: sha256(f"{seed}/{code}".encode()).digest())[:count])
