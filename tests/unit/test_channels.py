"""Channels: the examples in their modules hold, and every kind of message has its words."""

import doctest
import importlib
import pkgutil
from uuid import UUID

import pytest

import api.channels
from api.channels.mail import written
from api.channels.outcome import Letter
from api.channels.wording import worded
from api.pages.labels import LABELS
from api.settings import MailServer
from inventory.assurance.escalation import BUILT_IN

MODULES = ["api.shared", *(module.name for module in pkgutil.iter_modules(api.channels.__path__, "api.channels."))]
FACTS = {
    "step_escalated": {
        "kind": "fill_shift", "subject_kind": "duty_post", "subject": "buyer@*", "owner": None, "owner_role": "dispatcher",
        "depot": None, "due_at": "2027-02-06T00:00:00Z", "rung": 2,
    },
    "duty_changed": {
        "change": "swapped", "role": "buyer", "depot": "GZ", "username": "li", "reason": "by agreement",
        "starts_at": "2027-02-06T00:00:00Z", "ends_at": "2027-02-07T00:00:00Z",
    },
    "delegation": {
        "change": "given", "right": "orders.approve", "delegator": "li", "delegate": "wu", "up_to_cny": "50000.00",
        "reason": "on leave", "starts_at": "2027-02-06T00:00:00Z", "ends_at": "2027-02-07T00:00:00Z",
    },
    "case_waits": {
        "number": "EC-26-000001", "part_number": "FAN-2U", "name_zh": "风扇", "name_en": "fan", "depot": "GZ",
        "in_burst": True, "measures": 2, "still_missing": 0, "due_at": "2027-02-06T00:00:00Z",
    },
    "wrong_return": {
        "number": "RD-26-000001", "depot": "GZ", "part_number": "FAN-2U", "expected": "A-1", "found": "B-2",
        "document": "PR-26-000001", "device": "BANK-001",
    },
}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_hold(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize("kind", FACTS)
def test_every_kind_of_message_is_worded_in_both_languages(kind):
    english, chinese = (worded(kind, FACTS[kind], language, {}) for language in ("en", "zh"))

    assert english.title.isascii()
    assert not chinese.title.isascii()
    assert len(english.lines) == len(chinese.lines)


def test_every_chain_is_of_a_duty_that_has_a_name():
    assert BUILT_IN.chains.keys() - {"default"} <= LABELS["step"].keys()
    assert {rung.who for chain in BUILT_IN.chains.values() for rung in chain} <= LABELS["rung_who"].keys()


def test_no_line_of_a_mail_can_become_a_header():
    letter = Letter(
        id=UUID(int=1), name="Li", email="li@beijian.example", phone=None, title="Late: x\nBcc: all@example.com",
        lines=["."], link="/", link_words="Open",
    )  # fmt: skip
    server = MailServer(host="h", port=25, sender="duty@beijian.example", encryption="none")

    with pytest.raises(ValueError, match="linefeed"):
        written(letter, server)
