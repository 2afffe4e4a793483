"""What stands in the way of a case's measures, and what would help: said as refusals are, kept with the proposal."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from inventory.catalogue.grades import Provenance
from inventory.ground import clock, db
from inventory.ground.errors import Refused
from inventory.people import delegations, duty, persons
from inventory.people.roles import ROLES
from inventory.procurement import prices


class NothingOffered(Refused):
    """Nobody offers {part_number} today; last offered by: {before}."""

    zh = "今天没有 {part_number} 的有效报价；此前报价方：{before}。"
    help_en = "Ask for an offer and enter it with its validity; measures are then chosen anew."
    help_zh = "请询价并录入带有效期的报价，之后重新生成措施。"


class OfferedWithoutRate(Refused):
    """{vendors} offer {part_number} in currencies without an exchange rate in force."""

    zh = "{vendors} 以外币报价 {part_number}，但没有有效汇率。"
    help_en = "Enter the rate; measures are then chosen anew."
    help_zh = "请录入汇率，之后重新生成措施。"


class NobodyDrills(Refused):
    """No vendor that takes part in drills offers {part_number} today."""

    zh = "今天没有参与演练的供应商报价 {part_number}。"
    help_en = "Mark a vendor of yours that sends nothing real as taking part in drills, and enter its offer."
    help_zh = "请将不发实物的演练供应商标记为参与演练，并录入其报价。"


class VendorsNotGenuineEnough(Refused):
    """{part_number} is offered only by vendors below {needed}, which this stock asks for: {vendors}."""

    zh = "{part_number} 的报价方来源等级均低于此库存要求的 {needed}：{vendors}。"
    help_en = (
        "Enter a valid authorisation letter of one of them, or an offer of the maker or of a vendor with a letter."
    )
    help_zh = "请补录其中一家的有效授权书，或录入原厂、授权供应商的报价。"


class VendorRefused(Refused):
    """{vendor} refused order {order}: {reason}."""

    zh = "{vendor} 拒绝订单 {order}：{reason}。"
    help_en = "It is not asked again for this case. Still to be asked: {others}. Enter offers of further vendors."
    help_zh = "本方案不再向其订购。尚可询购：{others}。请补录其他供应商的报价。"


class VendorSilent(Refused):
    """{vendor} did not answer order {order}, asked {times} times: {reason}."""

    zh = "{vendor} 未应答订单 {order}，已尝试 {times} 次：{reason}。"
    help_en = "Call the vendor. It is not asked again for this case. Still to be asked: {others}."
    help_zh = "请致电该供应商。本方案不再向其订购。尚可询购：{others}。"


class DonorKeepsItsOwn(Refused):
    """{depot} has {available} of {part_number} and keeps {kept}: it spares {spare}, {short} fewer than are missing."""

    zh = "{depot} 有 {part_number} {available} 件，自留 {kept} 件：可调出 {spare} 件，比所缺少 {short} 件。"
    help_en = (
        "More would take it to or below its own lines ({critical_point} critical, {average_failure_line} average failures): "
        "whoever answers for {depot} may set its critical point by hand for a while."
    )
    help_zh = (
        "再多则触及其自身界线（临界点 {critical_point}，平均故障线 {average_failure_line}）："
        "{depot} 的负责人可在一段时间内人工设定其临界点。"
    )


class NoWayThere(Refused):
    """{depot} could spare {spare} of {part_number}, but no lane leads from there to {to_depot} that may carry it."""

    zh = "{depot} 可调出 {part_number} {spare} 件，但没有可承运该备件、通往 {to_depot} 的线路。"
    help_en = "Enter the lane with its hours and costs; measures are then chosen anew."
    help_zh = "请录入线路及其时长与费用，之后重新生成措施。"


class TooLate(Refused):
    """{in_time} of {missing} pieces can be there within {hours} hours; all of them in {soonest_hours} hours at the soonest."""

    zh = "{hours} 小时内可到 {in_time} 件，共缺 {missing} 件；全部到齐最快需 {soonest_hours} 小时。"
    help_en = (
        "The soonest way: {ways}. Order it by hand, ask for a faster one, or allow the time in the activation policy."
    )
    help_zh = "最快方式：{ways}。请人工下单、向供应商争取更快交期，或在启动策略中放宽时限。"


class TooFew(Refused):
    """All offers, stores and substitutes together bring {found} of {missing} pieces, however long one waits."""

    zh = "全部报价、备件库与替代件合计可得 {found} 件，共缺 {missing} 件，等待亦无济于事。"
    help_en = "Ask vendors for larger quantities, enter further offers, or a substitute that fits."
    help_zh = "请向供应商争取更大数量，补录其他报价，或登记适用的替代件。"


class AboveStandingAuthority(Refused):
    """The measures cost more than may be spent without a person's word."""

    zh = "应急措施费用超过无需人工审批的限额。"
    help_en = "Approve them. On duty and may: {on_duty}. May approve: {may}."
    help_zh = "请审批。在班审批人：{on_duty}。有权审批：{may}。"


class OutsideStandingAuthority(Refused):
    """Standing authority does not reach: no burst with a crossing, and stock above its average-failure line."""

    zh = "不符合常设授权立即采购的条件：非突发且越线，库存高于平均故障线。"
    help_en = "Approve them. On duty and may: {on_duty}. May approve: {may}."
    help_zh = "请审批。在班审批人：{on_duty}。有权审批：{may}。"


class NobodyOnDuty(Refused):
    """Nobody who may approve is on duty for {depot} now."""

    zh = "目前 {depot} 没有在班的审批人。"
    help_en = "Wake one of: {may}. Put an approver on duty in the roster."
    help_zh = "请联系：{may}。并在值班表中安排审批人。"


class Hindrance(Struct, frozen=True, kw_only=True):
    """What stands in the way: its code and facts for programs, and in both languages what it is and what would help."""

    code: str
    facts: dict[str, Any]
    en: str
    zh: str
    help_en: str
    help_zh: str


def told(refusal: Refused) -> Hindrance:
    """A refusal that was not raised.

    >>> told(NobodyOnDuty(depot="GZ", may="lin")).help_en
    'Wake one of: lin. Put an approver on duty in the roster.'
    """
    return Hindrance(
        code=refusal.code,
        facts=msgspec.to_builtins(refusal.facts),
        en=refusal.sentence("en"),
        zh=refusal.sentence("zh"),
        help_en=refusal.advice("en"),
        help_zh=refusal.advice("zh"),
    )


def listed(names: Sequence[str]) -> str:
    """Names in a sentence of either language.

    >>> listed(["DISTI", "DELL"]), listed([])
    ('DISTI, DELL', '–')
    """
    return ", ".join(names) or "–"


def too_low(part_number: str, needed: Provenance, vendors: Sequence[tuple[str, Provenance]]) -> Hindrance:
    """Vendors that offer a part but are not genuine enough."""
    return told(
        VendorsNotGenuineEnough(
            part_number=part_number, needed=needed, vendors=listed([f"{name} ({grade})" for name, grade in vendors])
        )
    )


async def not_offered(part: int, part_number: str, *, drill: bool) -> Hindrance:
    """Nobody offers a part, to a drill, or at all; who did before."""
    if drill:
        return told(NobodyDrills(part_number=part_number))
    without_rate = await prices.unrated(part, clock.today())
    if without_rate:
        said = [f"{vendor} ({currency})" for vendor, currency in without_rate]
        return told(OfferedWithoutRate(part_number=part_number, vendors=listed(said)))
    before = await db.fetch(
        """SELECT party.code, max(valid_to) AS until FROM offer
           JOIN vendor ON vendor.id = offer.vendor
           JOIN party ON party.id = vendor.party
           WHERE part = $1 GROUP BY party.code ORDER BY max(valid_to) DESC NULLS FIRST, party.code LIMIT 5""",
        part,
    )
    said = [row["code"] + (f" ({row['until']})" if row["until"] else "") for row in before]
    return told(NothingOffered(part_number=part_number, before=listed(said)))


async def refused_orders(case: str, others: Sequence[str]) -> list[Hindrance]:
    """What vendors said to orders of a case that they did not take, or that they said nothing."""
    rows = await db.fetch(
        """SELECT party.code AS vendor, purchase_order.number, problem,
                  (SELECT count(*)::int FROM order_message
                   WHERE order_message.purchase_order = purchase_order.id AND direction = 'failed') AS failed
           FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor
           JOIN party ON party.id = vendor.party
           WHERE case_number = $1 AND purchase_order.state = 'refused' ORDER BY purchase_order.id LIMIT 20""",
        case,
    )
    return [
        told(
            VendorSilent(
                vendor=row["vendor"],
                order=row["number"],
                times=row["failed"],
                reason=row["problem"],
                others=listed(others),
            )
            if row["failed"]
            else VendorRefused(vendor=row["vendor"], order=row["number"], reason=row["problem"], others=listed(others))
        )
        for row in rows
    ]


async def needs_a_person(depot: str, basis: type[Refused], facts: Mapping[str, object]) -> list[Hindrance]:
    """Why a person has to approve, who may, and who of them is on duty; whom to wake where nobody is."""
    roles = sorted(role for role, rights in ROLES.items() if "emergency.approve" in rights)
    holders = await persons.holders(roles, limit=100)
    able = {each.username for each in holders if each.depot in (None, depot)}
    standing_in = await delegations.delegates(["emergency.approve"], able)
    may = sorted(able | {each.username for each in standing_in if each.serves(depot)})[:10]
    on_duty = sorted({shift.username for shift in await duty.on_duty_with("emergency.approve", depot=depot, limit=50)})
    why = basis()
    why.facts = {**facts, "on_duty": listed(on_duty), "may": listed(may)}
    found = [told(why)]
    return found if on_duty else [*found, told(NobodyOnDuty(depot=depot, may=listed(may)))]
