"""The words of the pages: every English one has its Chinese, and none is left over; every label has both."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import api.pages
from api.pages import labels, navigation
from api.pages.rendering import environment
from api.pages.translations import CATALOGUE, translations
from inventory.people.roles import RIGHTS, ROLE_NAMES

API = Path(api.pages.__file__).parent.parent

MODULES = [module.name for module in pkgutil.iter_modules(api.pages.__path__, "api.pages.")]


def written() -> set[str]:
    """Every message that templates and pages say."""
    options = {"templates/**.html": {"newstyle_gettext": "true", "trimmed": "true", "extensions": "jinja2.ext.do"}}
    methods = [("templates/**.html", "jinja2"), ("pages/**.py", "python")]
    return {message for _, _, message, _, _ in extract_from_dir(str(API), methods, options_map=options)}


def translated() -> dict[str, str]:
    with CATALOGUE.open("rb") as file:
        return {message.id: message.string for message in read_po(file) if message.id}


def test_every_message_has_its_chinese_and_none_is_left_over():
    chinese = translated()

    assert sorted(written() - chinese.keys()) == []
    assert sorted(chinese.keys() - written()) == []
    assert [message for message, words in chinese.items() if not words.strip()] == []


def test_a_translation_names_the_same_facts():
    for message, words in translated().items():
        named = set(re.findall(r"%\((\w+)\)s", message))
        assert set(re.findall(r"%\((\w+)\)s", words)) == named, message
        facts = dict.fromkeys(named, "–")
        assert all(said % facts for said in (message, words)), message  # a bare percent sign breaks its page


def test_chinese_is_compiled_from_the_catalogue():
    assert translations("zh").gettext("Stock") == "库存"
    assert translations("en").gettext("Stock") == "Stock"


def test_every_label_has_both_languages():
    for kind, values in labels.LABELS.items():
        for value, (english, chinese) in values.items():
            assert english.strip(), (kind, value)
            assert chinese.strip(), (kind, value)
    assert labels.LABELS["role"] is ROLE_NAMES
    assert labels.LABELS["right"] is RIGHTS


def test_every_tone_belongs_to_a_label():
    for kind, values in labels.TONES.items():
        assert values.keys() <= labels.LABELS[kind].keys()


def test_every_icon_is_in_the_sprite():
    sprite = (API / "static" / "icons.svg").read_text()
    text = "".join(path.read_text() for path in (API / "templates").rglob("*.html"))
    of_the_menu = [item.icon for group in navigation.GROUPS for item in group.items]
    named = [*re.findall(r'icon\("([a-z0-9-]+)"', text), *of_the_menu]

    assert [name for name in named if f'id="{name}"' not in sprite] == []
    assert len(set(of_the_menu)) == len(of_the_menu)


def test_every_template_parses():
    made = environment()

    assert {made.get_template(name).name for name in made.list_templates()} == set(made.list_templates())


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_pages_hold(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0
