"""Letters: which parts a maker's authorisation covers on which day."""

COVERS = """(authorisation.maker = part.maker AND {day} BETWEEN authorisation.valid_from AND authorisation.valid_to
    AND (authorisation.part_kinds = '[]' AND authorisation.part_numbers = '[]'
         OR authorisation.part_kinds ? part.kind OR authorisation.part_numbers ? part.part_number))"""
"""Whether an `authorisation` covers a `part` on a day: all parts of its maker, or the kinds and part numbers it names."""


def covers(day: str) -> str:
    """That condition, on a day of its query.

    >>> "$3 BETWEEN" in covers("$3")
    True
    """
    return COVERS.format(day=day)
