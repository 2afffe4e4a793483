"""Translations: English is written in the pages, Chinese stands in `messages.po` and is compiled at the start."""

import gettext
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from api.languages import Language

CATALOGUE = Path(__file__).parent.parent / "locale" / "zh" / "LC_MESSAGES" / "messages.po"


@cache
def translations(language: Language) -> gettext.NullTranslations:
    """The messages of a language; English is what the pages themselves say."""
    if language == "en":
        return gettext.NullTranslations()
    compiled = BytesIO()
    with CATALOGUE.open("rb") as file:
        write_mo(compiled, read_po(file, locale="zh"))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
