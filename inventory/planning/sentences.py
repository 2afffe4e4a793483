"""What formulas and records say in English, said in Chinese: the optimizer's refusals, and what rates rest on.

The mathematics speaks one language, and evidence is kept as it was written; whoever reads Chinese gets these sentences
anew. What nobody put here, such as evidence that a person wrote, stays as it is.
"""

import re
from functools import cache

ASSUMED = "no record of its own; parts of {of_what} with a rate: {parts}, whose mean this is"
LEARNED = (
    "{source} prior Gamma({shape}, {exposure}); {failures} failures in {piece_years} piece-years from {since} to {until}, "
    "which are worth {worth} of average devices; 90 % interval {lower} to {upper}"
)

_CHINESE = {
    ASSUMED: "无自身记录；取{of_what}中 {parts} 个已有故障率的备件的均值",
    LEARNED: (
        "先验（{source}）Gamma({shape}, {exposure})；{since} 至 {until} 的 {piece_years} 件·年中故障 {failures} 次，"
        "相当于一般设备的 {worth} 件·年；90% 区间 {lower} 至 {upper}"
    ),
    "assumed": "假定",
    "field_record": "现场记录",
    "its kind ({kind})": "同类备件（{kind}）",
    "any kind": "全部备件",
    "nothing is changed": "没有任何改变",
    "no such id: {name}": "没有此编号：{name}",
    "{model} has no {part}": "{model} 没有 {part}",
    "{name} is listed twice": "{name} 重复列出",
    "no other depot reaches {customer}": "没有其他备件库能送达 {customer}",
    "the changed network does not hold together: {wrong}": "改变后的网络自相矛盾：{wrong}",
    "the customer has demand, but no depot reaches it": "该客户有需求，但没有备件库能送达",
    "{part} has demand at {depot}, but no lead time there": "{part} 在 {depot} 有需求，但没有补货周期",
    "needs target_fraction": "需要填写 target_fraction",
    "measuring_days and assurance are given together, or neither": "measuring_days 与 assurance 须同时填写或都不填写",
    'lateral supply needs stockout "emergency"': "横向调拨要求缺货方式为 emergency",
    'stockout "emergency" needs it': "缺货方式 emergency 要求填写此项",
    "lateral supply needs it": "横向调拨要求填写此项",
    "a lane must lead to another depot": "线路须通往另一个备件库",
    "must be above zero with lateral supply": "有横向调拨时须大于零",
    'more than one at a time is computed with stockout "backorder" only': "批量订货只在缺货方式为 backorder 时计算",
    "an uncertain rate is not computed with lateral supply": "有横向调拨时不计算不确定的故障率",
    "needs target_fraction or mean_time_target_hours, or both": "需要填写 target_fraction 或 mean_time_target_hours",
    "of {part} at {depot} {load} pieces would be on order on average; at most {most} are computed exactly": (
        "{part} 在 {depot} 平均在途将达 {load} 件；最多能精确计算 {most} 件"
    ),
    "${path}: {problem}": "${path}：{problem}",
}


def chinese(sentence: str) -> str:
    """The sentence in Chinese; itself, if it is none of ours.

    >>> chinese("no other depot reaches BANK-GZ"), chinese("counted by hand")
    ('没有其他备件库能送达 BANK-GZ', 'counted by hand')
    >>> chinese("no record of its own; parts of its kind (drive) with a rate: 3, whose mean this is")
    '无自身记录；取同类备件（drive）中 3 个已有故障率的备件的均值'

    """
    for pattern, zh in _patterns():
        if found := pattern.fullmatch(sentence):
            return zh.format_map({name: chinese(value) for name, value in found.groupdict().items()})
    return sentence


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(en))), zh) for en, zh in _CHINESE.items()]
