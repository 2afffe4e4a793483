"""Refusals: what the domain will not do, why, and what would help.

A refusal is an exception whose docstring is its English sentence and whose `zh` its Chinese one. Both may
name the facts they were raised with (`{part_number}`); `help_en` and `help_zh` say what would fix it.
A refusal that the database itself pronounces names its constraint, and `refusal_for` finds it.
"""

import re
from typing import ClassVar

from msgspec import Struct

_by_constraint: dict[str, type["InventoryError"]] = {}


class _Facts(dict[str, object]):
    """Facts for a sentence; one that was not given reads as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


class FieldProblem(Struct, frozen=True):
    """One wrong field of an input: a JSON pointer to it, a code, and the sentence in both languages."""

    pointer: str
    code: str
    en: str
    zh: str


class InventoryError(Exception):
    """The request was refused."""

    zh: ClassVar[str] = "请求被拒绝。"
    help_en: ClassVar[str] = ""
    help_zh: ClassVar[str] = ""

    def __init_subclass__(cls, *, constraint: str | tuple[str, ...] = ()) -> None:
        """Register the refusal under the constraint, or constraints, by which the database pronounces it."""
        super().__init_subclass__()
        for name in (constraint,) if isinstance(constraint, str) else constraint:
            _by_constraint[name] = cls

    def __init__(self, *, fields: tuple[FieldProblem, ...] = (), **facts: object) -> None:
        self.facts = facts
        self.fields = fields
        super().__init__(self.sentence("en"))

    @property
    def code(self) -> str:
        """The refusal's name for programs: snake_case of the class."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def sentence(self, language: str) -> str:
        """Say what was refused, in `zh` or `en`."""
        text = self.zh if language == "zh" else (type(self).__doc__ or "").strip()
        return text.format_map(_Facts(self.facts))

    def advice(self, language: str) -> str:
        """Say what would fix it, in `zh` or `en`; empty where nothing would."""
        text = self.help_zh if language == "zh" else self.help_en
        return text.format_map(_Facts(self.facts))


class Unknown(InventoryError):
    """There is no {what} “{key}” here."""

    zh = "找不到{what_zh}“{key}”。"
    help_en = "Check the number; what you may not see is also not found."
    help_zh = "请核对编号；无权查看的内容同样显示为找不到。"


class Refused(InventoryError):
    """The rules forbid this."""

    zh = "规则不允许此操作。"
    help_en = "See what the record allows now."
    help_zh = "请查看该记录当前允许的操作。"


class Invalid(InventoryError):
    """The input is not valid."""

    zh = "输入无效。"
    help_en = "Correct the input; /docs describes every field."
    help_zh = "请更正输入；字段说明见 /docs。"


class ReasonMissing(Invalid):
    """This needs a reason."""

    zh = "此操作需要填写原因。"
    help_en = "Say why, in a few words."
    help_zh = "请简要填写原因。"


class NotText(Invalid):
    """The input holds a character that no text can have."""

    zh = "输入中含有文本不允许的字符。"
    help_en = "Type it anew; a NUL character (U+0000) came in with it."
    help_zh = "请重新输入；内容中夹带了空字符（U+0000）。"


class DoesNotFit(Invalid):
    """The input holds a text that is too long, or a number or time that is too large, to be kept."""

    zh = "输入中有过长的文本，或过大的数值、时间，无法保存。"
    help_en = "Shorten it, or correct the number or time."
    help_zh = "请缩短文本，或更正数值、时间。"


ADDRESSED = (
    *("calendar", "contract", "device", "device_model", "part", "party", "person", "place", "service_class", "symptom"),
    "unit",
)
"""The tables whose rows addresses name by what people call them."""


class OnlyDots(Invalid, constraint=tuple(f"{table}_can_be_addressed" for table in ADDRESSED)):
    """“.” and “..” are no name: on its way, an address loses a part that is one of them."""

    zh = "编号或编码不能是“.”或“..”：网址中的这类部分会在传输时丢失，无法打开该记录。"
    help_en = "Give it a name with a letter or a digit."
    help_zh = "请改用含字母或数字的编号。"


class Forbidden(InventoryError):
    """You may not do this."""

    zh = "您无权执行此操作。"
    help_en = "Ask an administrator for the role this needs."
    help_zh = "请联系管理员分配所需角色。"


class Busy(InventoryError):
    """Too much is going on here at this moment."""

    zh = "系统此刻繁忙。"
    help_en = "Try again in a moment; nothing was changed."
    help_zh = "请稍后重试；未做任何更改。"


class WrongState(Refused):
    """{what} {key} is {state}; this needs it to be {needed}."""

    zh = "{what_zh} {key} 当前状态为“{state}”，此操作要求状态为“{needed}”。"
    help_en = "Look at it as it is now; somebody else may have acted meanwhile."
    help_zh = "请刷新查看最新状态；可能已由他人处理。"


class NotGranted(Forbidden):
    """This needs the right “{right}”, which {name} does not have."""

    zh = "此操作需要“{right}”权限，{name} 没有该权限。"
    help_en = "Ask an administrator for a role that includes it."
    help_zh = "请联系管理员分配包含该权限的角色。"


class NotYourDepot(Forbidden):
    """{name} may see {depot} but does not serve it."""

    zh = "{name} 可以查看 {depot}，但不负责该备件库。"
    help_en = "Ask a keeper of {depot}, or have the depot added to your role."
    help_zh = "请联系 {depot} 的库管员，或申请将该备件库加入您的权限。"


class OthersConcerned(Forbidden):
    """This concerns other customers too, and {name} acts for contracts of their own only."""

    zh = "此操作涉及其他客户，而 {name} 的权限仅限所属合同。"
    help_en = "Act on sites and pools of your contracts alone; ask somebody who sees all contracts for the rest."
    help_zh = "请仅对专属于您合同的机房和库存归属操作；其余请联系可查看全部合同的人员。"


def by_constraint() -> dict[str, type[InventoryError]]:
    """Every constraint with the refusal it stands for."""
    return dict(_by_constraint)


def refusal_for(constraint: str | None) -> type[InventoryError] | None:
    """The refusal that a violated constraint stands for; None where a violation would be a bug."""
    return _by_constraint.get(constraint) if constraint else None
