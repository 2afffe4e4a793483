"""Roles and the rights each one carries: the only place that says who may do what."""

from msgspec import Struct

RIGHTS: dict[str, tuple[str, str]] = {
    "parts.read": ("see the parts catalogue", "查看备件目录"),
    "parts.manage": ("edit the parts catalogue", "维护备件目录"),
    "places.read": ("see depots, stores and lanes", "查看备件库与线路"),
    "bins.manage": ("enter bins", "维护库位"),
    "stock.read": ("see stock, units and movements", "查看库存、单件与流水"),
    "documents.read": (
        "see the papers of stock: deliveries, receipts, transfers, reservations",
        "查看库存单据：到货、入库、调拨与预留",
    ),
    "stock.receive": ("take goods in", "办理入库"),
    "stock.judge": ("judge the condition of stock", "判定备件状态"),
    "stock.inspect": ("pass tests and inspections that free stock", "检验放行"),
    "notices.read": ("see advance shipping notices", "查看预到货通知"),
    "notices.announce": ("announce deliveries", "登记预到货通知"),
    "stock.issue": ("hand goods out", "办理出库"),
    "stock.take": ("take parts first and record after", "先发后补取件"),
    "shipments.deliver": ("confirm deliveries", "办理签收"),
    "stock.transfer": ("send and receive transfers", "办理调拨"),
    "stock.count": ("count stock", "盘点库存"),
    "counts.surprise": ("draw a surprise count with a seed of one's own", "以自定种子发起抽盘"),
    "stock.adjust": ("correct stock with a reason", "调整库存"),
    "reservations.make": ("reserve stock", "预留库存"),
    "reservations.take_over": ("take over reservations of lower rank", "占用低优先级预留"),
    "pools.ask": ("ask for stock of another pool", "申请调整库存归属"),
    "pools.cross": ("decide on stock of another pool", "审批库存归属调整"),
    "handovers.make": ("hold parts in hand, hand them over and back", "持有在手备件、移交与退料"),
    "keepings.manage": (
        "name key-holders, engineers' stocks and recount duties; take stores out of service",
        "指定保管人、个人备件库与定期复盘；停用与恢复备件库",
    ),
    "recounts.ask": ("ask for a recount", "要求复盘"),
    "statements.share": ("share a contract's parts statement by a link", "以链接分享备件清单"),
    "parts.request": ("ask for parts", "申请备件"),
    "returns.read": ("see what is owed back and why parts failed", "查看待返件与故障分析"),
    "returns.settle": ("move dates of what is owed back and settle what came in wrong", "调整返还期限、处理返还差异"),
    "returns.set_policy": ("set by when parts are brought back", "设置返还规则"),
    "rmas.read": ("see returns to vendors and their terms", "查看返修单与返还条款"),
    "rmas.ask": ("ask for returns to vendors, and send pieces there", "申请返修并寄出"),
    "rmas.settle": ("keep vendors' answers, charges and return terms", "登记供应商答复、收费与返还条款"),
    "rmas.answer": ("answer returns as their vendor", "以供应商身份答复返修"),
    "repairs.read": ("see repairs and customers' units", "查看维修单与客户自有件"),
    "repairs.work": ("repair units", "办理维修"),
    "collections.make": ("collect customers' units and bring them back", "收取与送还客户自有件"),
    "requests.read": ("see part requests", "查看备件申请"),
    "requests.settle": ("withdraw and account for part requests of others", "撤销与核销他人的备件申请"),
    "requests.approve": ("approve part requests that a rule holds back", "审批备件申请"),
    "requests.set_policy": ("set prices of paid parts and limits of approval", "设置备件收费与审批规则"),
    "swaps.decide": ("decide on whole-unit swaps", "决定整机替换"),
    "swaps.set_policy": ("set when swaps are prepared and loans asked back", "设置整机替换与借用规则"),
    "loans.make": ("lend equipment of equal function and take it back", "借出与收回同等功能设备"),
    "data.erase": ("erase customers' data and verify that it is gone", "清除客户数据并核验"),
    "devices.read": ("see devices and their history", "查看设备及档案"),
    "warranties.record": ("record what a maker says about a warranty", "登记保修查询结果"),
    "failures.record": ("record failures", "登记故障"),
    "contracts.read": ("see contracts and service terms", "查看合同与服务条款"),
    "orders.read": ("see purchase orders", "查看采购订单"),
    "orders.draft": ("draft purchase orders", "起草采购订单"),
    "orders.approve": ("approve purchase orders", "审批采购订单"),
    "replenishment.read": ("see what is proposed to be reordered", "查看补货建议"),
    "replenishment.set_policy": ("set what is reordered without a person", "设置自动补货规则"),
    "orders.set_policy": ("set the rules of ordering", "设置采购规则"),
    "orders.answer": ("answer orders as their vendor", "以供应商身份答复订单"),
    "inquiries.answer": ("answer inquiries as their vendor", "以供应商身份报价"),
    "claims.read": ("see quality claims", "查看质量索赔"),
    "claims.open": ("open quality claims", "提出质量索赔"),
    "claims.settle": ("put quality claims to vendors and settle them", "向供应商提交并了结质量索赔"),
    "vendors.read": ("see vendors, offers and authorisations", "查看供应商、报价与授权"),
    "vendors.manage": ("keep vendors' contacts and letters", "维护供应商联系人与授权书"),
    "costs.read": ("see prices and stock values", "查看价格与库存金额"),
    "invoices.enter": ("enter vendors' invoices", "录入供应商发票"),
    "invoices.match": ("answer differences of vendors' invoices", "处理发票差异"),
    "rates.enter": ("enter exchange rates", "录入汇率"),
    "plans.read": ("see stocking plans", "查看备货计划"),
    "plans.make": ("make stocking plans", "编制备货计划"),
    "plans.approve": ("approve stocking plans", "审批备货计划"),
    "emergency.read": ("see emergency cases", "查看应急方案"),
    "emergency.declare": ("declare an emergency", "启动应急方案"),
    "emergency.approve": ("approve emergency measures", "审批应急措施"),
    "emergency.close": ("close or stand down an emergency", "关闭或解除应急方案"),
    "roster.read": ("see the duty roster and contacts", "查看值班表与联系方式"),
    "roster.manage": ("keep the duty roster and contacts", "维护值班表与联系方式"),
    "steps.read": ("see open duties", "查看待办"),
    "steps.acknowledge": ("take on late duties", "响应升级的待办"),
    "escalation.manage": ("set how late duties escalate", "设置升级规则"),
    "messages.manage": ("see what was sent, and send it again", "查看并重发消息"),
    "people.manage": ("manage people and their roles", "管理人员与角色"),
    "keys.manage": ("manage API keys", "管理接口密钥"),
    "audit.read": ("read the audit trail and run the checks", "查看审计记录并执行核对"),
    "attachments.read": ("see documents and photos", "查看附件"),
    "attachments.add": ("add documents and photos", "上传附件"),
    "events.read": ("read the event stream", "读取事件流"),
}
"""Every right with what it allows, in English and Chinese."""

_LOOK = {
    "parts.read", "places.read", "stock.read", "documents.read", "requests.read", "devices.read", "emergency.read",
    "attachments.read", "roster.read", "steps.read", "returns.read",
    "rmas.read", "repairs.read",
}  # fmt: skip
_WORK = _LOOK | {"steps.acknowledge"}
_EVERY_READ = {right for right in RIGHTS if right.endswith(".read")}

ROLES: dict[str, frozenset[str]] = {
    "warehouse_keeper": frozenset(
        _WORK
        | {"stock.receive", "stock.issue", "stock.transfer", "stock.take", "shipments.deliver"}
        | {"stock.count", "bins.manage", "attachments.add", "stock.judge", "notices.read", "notices.announce"}
        | {"reservations.make", "parts.request", "orders.read", "pools.ask", "recounts.ask"}
        | {"handovers.make", "rmas.ask", "repairs.work", "collections.make", "loans.make", "data.erase"}
    ),
    "engineer": frozenset(
        _WORK
        | {"parts.request", "failures.record", "warranties.record", "handovers.make"}
        | {"stock.take", "shipments.deliver", "attachments.add", "collections.make"}
    ),
    "dispatcher": frozenset(
        _WORK
        | {"parts.request", "requests.settle", "failures.record", "warranties.record", "reservations.make"}
        | {"contracts.read", "events.read", "attachments.add", "returns.settle"}
        | {"reservations.take_over", "pools.ask", "keepings.manage", "roster.manage", "collections.make"}
        | {"swaps.decide", "loans.make"}
    ),
    "buyer": frozenset(
        _WORK
        | {"orders.read", "orders.draft", "orders.approve", "vendors.read", "vendors.manage", "costs.read"}
        | {"emergency.declare", "emergency.approve", "notices.read", "notices.announce", "attachments.add"}
        | {"claims.read", "claims.open", "claims.settle", "replenishment.read", "plans.read"}
        | {"rates.enter", "invoices.enter", "invoices.match", "rmas.ask", "rmas.settle"}
    ),
    "planner": frozenset(
        _WORK
        | {"contracts.read", "orders.read", "orders.draft", "vendors.read", "costs.read"}
        | {"plans.read", "plans.make", "parts.manage", "attachments.add"}
        | {"replenishment.read", "replenishment.set_policy", "rates.enter"}
    ),
    "project_manager": frozenset(
        _WORK
        | {"parts.request", "requests.settle", "failures.record", "warranties.record", "contracts.read", "costs.read"}
        | {"orders.read"}
        | {"plans.read", "plans.approve", "emergency.declare", "emergency.approve", "emergency.close"}
        | {"attachments.add"}
        | {"reservations.make", "reservations.take_over", "pools.ask", "pools.cross", "keepings.manage"}
        | {"recounts.ask", "statements.share", "roster.manage", "escalation.manage"}
        | {"requests.approve", "requests.set_policy", "orders.set_policy", "returns.settle", "returns.set_policy"}
        | {"claims.read", "claims.open", "replenishment.read", "replenishment.set_policy", "invoices.match"}
        | {"swaps.decide", "swaps.set_policy", "loans.make"}
    ),
    "quality_supervisor": frozenset(
        _WORK
        | {"contracts.read", "orders.read", "vendors.read", "audit.read", "emergency.close"}
        | {"stock.adjust", "stock.count", "stock.judge", "stock.inspect", "notices.read", "attachments.add"}
        | {"recounts.ask", "statements.share", "counts.surprise", "requests.approve"}
        | {"claims.read", "claims.open", "returns.settle", "data.erase"}
    ),
    "auditor": frozenset(_EVERY_READ),
    "administrator": frozenset(
        _EVERY_READ
        | {"people.manage", "keys.manage", "parts.manage", "bins.manage", "stock.adjust", "stock.count"}
        | {"keepings.manage", "attachments.add", "roster.manage", "escalation.manage", "messages.manage", "rates.enter"}
        | {"steps.acknowledge"}
    ),
    "inspector": frozenset(
        {"parts.read", "places.read", "stock.read", "devices.read", "recounts.ask", "counts.surprise"}
    ),
    "vendor": frozenset(
        {"parts.read", "orders.answer", "inquiries.answer", "notices.read", "notices.announce", "rmas.answer"}
    ),
    "ticket_system": frozenset(
        {"parts.read", "places.read", "devices.read", "contracts.read", "stock.read", "documents.read", "requests.read"}
        | {"parts.request", "failures.record", "warranties.record", "reservations.make"}
        | {"emergency.read", "events.read", "roster.read", "returns.read", "rmas.read", "repairs.read"}
        | {"collections.make"}
    ),
}
"""Every role with its rights."""

ROLE_NAMES: dict[str, tuple[str, str]] = {
    "warehouse_keeper": ("warehouse keeper", "库管员"),
    "engineer": ("engineer", "工程师"),
    "dispatcher": ("dispatcher", "调度员"),
    "buyer": ("buyer", "采购员"),
    "planner": ("planner", "计划员"),
    "project_manager": ("project manager", "项目经理"),
    "quality_supervisor": ("quality supervisor", "质量监督"),
    "auditor": ("auditor", "审计员"),
    "administrator": ("administrator", "系统管理员"),
    "inspector": ("inspector", "客户检查员"),
    "vendor": ("vendor", "供应商"),
    "ticket_system": ("ticket system", "工单系统"),
}
"""Every role's name in English and Chinese."""


DUTIES = (
    "warehouse_keeper",
    "engineer",
    "dispatcher",
    "buyer",
    "project_manager",
    "quality_supervisor",
    "administrator",
)
"""The roles that are on duty."""


class Approval(Struct, frozen=True):
    """An approval that may be left to a delegate: what they must be able to see, and the steps that ask for it."""

    takes: tuple[str, ...]
    duties: tuple[str, ...]


APPROVALS: dict[str, Approval] = {
    "orders.approve": Approval(("orders.read", "costs.read"), ("approve_order", "approve_change")),
    "emergency.approve": Approval(("emergency.read", "costs.read"), ("decide_case",)),
    "requests.approve": Approval(("requests.read",), ("approve_request",)),
    "plans.approve": Approval(("plans.read",), ("approve_plan",)),
    "pools.cross": Approval(("documents.read",), ("decide_crossing",)),
}
"""Every right to approve: what is decided by one of these goes through `people.delegations.acting`."""


def rights_of(roles: frozenset[str]) -> frozenset[str]:
    """All rights that a set of roles carries.

    >>> "stock.receive" in rights_of(frozenset({"warehouse_keeper"}))
    True
    >>> "stock.receive" in rights_of(frozenset({"auditor"}))
    False
    """
    return frozenset().union(*(ROLES[role] for role in roles if role in ROLES))
