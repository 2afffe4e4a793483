"""A unit's passport on one page, in Chinese or English, with a code that opens it as it stands."""

from api.languages import Language
from api.pages.formats import minute
from api.pages.labels import label
from api.papers.forms import Fact, Line, Paper, Words
from inventory.ground.actor import Actor
from inventory.places import names
from inventory.procurement.passports import Passport, PassportTurn

NOT_GOOD: Words = ("未放行", "Not released")
"""What is written across the passport of a unit that may not be used."""


TURNS_AT_MOST = 20
"""How many turns fit on one page: the first, and the latest."""


def said(turn: PassportTurn, language: Language) -> str:
    """A turn in words, with its store."""
    store = turn.store_zh if language == "zh" else turn.store_en
    words = label("passport_turn", turn.turn, language)
    return f"{words}{'：' if language == 'zh' else ': '}{store}" if store else words


async def of_unit(passport: Passport, language: Language, *, link: str, by: Actor) -> Paper:
    """The passport as a paper; its QR code is the link."""
    company = await names.our_name()
    zh = language == "zh"
    letter = passport.letter
    facts = [
        _fact("备件", "Part", f"{passport.name_zh if zh else passport.name_en} ({passport.part_number})"),
        _fact("序列号", "Serial number", passport.serial),
        _fact("制造商", "Maker", (passport.maker_zh if zh else passport.maker_en) or "–"),
        _fact("备件条码", "Our tag", passport.tag or "–"),
        _fact("来源等级", "Source grade", label("provenance", passport.provenance, language)),
        _fact("供应商", "Vendor", (passport.vendor_zh if zh else passport.vendor_en) or "–"),
        _fact("原厂授权书", "Maker's letter", letter.number if letter else "–"),
        _fact("授权书有效期", "Letter valid", f"{letter.valid_from} – {letter.valid_to}" if letter else "–"),
        _fact("入库单", "Goods receipt", passport.receipt or "–"),
        _fact("入库时间", "Received", minute(passport.received_at)),
        _fact("当前状态", "Condition now", label("condition", passport.condition, language)),
    ]
    omitted = max(len(passport.turns) - TURNS_AT_MOST, 0)
    turns = [*passport.turns[:1], *passport.turns[omitted + 1 :]]
    lines = [Line(cells={"when": [minute(each.at)], "what": [said(each, language)]}) for each in turns]
    left_out = f"较早的 {omitted} 条记录未列出，扫码查看。" if zh else f"{omitted} earlier turns left out."
    return Paper(
        form="part_passport",
        company=(company.name_zh, company.name_en),
        number=passport.serial,
        facts=facts,
        lines=lines,
        remarks=(left_out + " " if omitted else "")
        + ("扫描二维码可核对本护照的当前内容。" if zh else "Scan the code to read this passport as it stands."),
        mark=NOT_GOOD if passport.blocked else None,
        printed_at=passport.told_at,
        printed_by=by.name,
        language=language,
        link=link,
    )


def _fact(zh: str, en: str, value: str) -> Fact:
    return Fact((zh, en), value)
