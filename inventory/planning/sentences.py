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
    # why there is no plan: which promise falls short, within which limits of stock, while which others are kept
    "class {short} however much is stocked: travel and emergency supply {supply} h takes longer than {hours} h for the rest": (
        "无论备多少货，{short}：其余部分的在途时间加紧急供货 {supply} 小时超过 {hours} 小时"
    ),
    "class {short} however much is stocked: travel takes longer than {hours} h for the rest": (
        "无论备多少货，{short}：其余部分的在途时间超过 {hours} 小时"
    ),
    "class {short} however much is stocked": "无论备多少货，{short}",
    "no whole base stocks keep class {promise} within the {limits} while class {held}": (
        "在{limits}之内，且{held}时，没有任何库存能使{promise}"
    ),
    "no whole base stocks keep class {promise} within the {limits}": "在{limits}之内，没有任何库存能使{promise}",
    "no whole base stocks keep class {promise} while class {held}": "{held}时，没有任何库存能使{promise}",
    "no whole base stocks keep class {promise}": "没有任何库存能使{promise}",
    "class {short} within the {limits} while class {held}": "在{limits}之内，且{held}时，{short}",
    "class {short} within the {limits}": "在{limits}之内，{short}",
    "class {short} while class {held}": "{held}时，{short}",
    "{sla} reaches at most {most} of {target} on time": "等级 {sla} 按时率最高为 {most}，低于目标 {target}",
    "{sla} reaches at most {most} of {target} on time (to measure {measured})": (
        "等级 {sla} 按时率最高为 {most}，低于所需的 {target}（{measured}）"
    ),
    "{sla} takes at least {least} h on average, not {target} h": "等级 {sla} 平均至少需 {least} 小时，而非 {target} 小时",
    "{sla} is held at {target} and class {more}": "等级 {sla} 保持 {target}、{more}",
    "{sla} is held at {target}": "等级 {sla} 保持 {target}",
    "{hours} h on average": "平均 {hours} 小时",
    "{target} (to measure {measured})": "{target}（{measured}）",
    "{measured} in {days} days with assurance {assurance}": "以 {assurance} 的把握在 {days} 天内量得 {measured}",
    "capacity of {depot} ({units} units), the {more}": "{depot} 的容量（{units} 件）、{more}",
    "capacity of {depot} ({units} units)": "{depot} 的容量（{units} 件）",
    "budget of {depot} ({cny} CNY), the {more}": "{depot} 的预算（{cny} 元）、{more}",
    "budget of {depot} ({cny} CNY)": "{depot} 的预算（{cny} 元）",
    "total budget ({cny} CNY)": "总预算（{cny} 元）",
    "the floors (min_stock) and order quantities alone take {amount}, more than the {limit}": (
        "仅最低库存（min_stock）与订货批量就占用 {amount}，超过{limit}"
    ),
    "the floors (min_stock) alone take {amount}, more than the {limit}": (
        "仅最低库存（min_stock）就占用 {amount}，超过{limit}"
    ),
    "{count} units": "{count} 件",
    "{cny} CNY": "{cny} 元",
    "no plan was found, and none was proven impossible": "没有找到计划，也没有证明不存在计划",
    "lateral lanes join {depots}: the plan counts on the nearest helping each other, {clusters}, "
    "and on nobody else being asked": (
        "横向调拨线路连接 {depots}：计划只按最近的备件库互相支援计算（{clusters}），不计其他备件库"
    ),
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
