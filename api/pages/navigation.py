"""Navigation: which pages there are, in groups by kind of work, and who sees them in the menu."""

from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct, structs

from inventory.ground.actor import Actor


class Item(Struct, frozen=True):
    """An entry of the menu; `also` are the addresses of further pages that belong to it.

    With `of_contracts` it is open, whatever their rights, to those whose role is for certain contracts: it shows theirs.
    """

    address: str
    name: tuple[str, str]
    icon: str
    right: str | None
    or_right: str | None = None
    also: tuple[str, ...] = ()
    of_contracts: bool = False

    def is_for(self, actor: Actor) -> bool:
        """Whether somebody may open it."""
        if self.of_contracts and actor.contracts is not None:
            return True
        return self.right is None or actor.may(self.right) or actor.may(self.or_right or "")

    def is_at(self, path: str) -> bool:
        """Whether a page belongs to this entry.

        >>> orders = Item("/orders", ("Orders", "采购"), "box", None, also=("/offers",))
        >>> orders.is_at("/orders/17"), orders.is_at("/offers"), orders.is_at("/orders-of-old")
        (True, True, False)
        """
        own = () if self.address == "/" else (self.address, *self.also)
        return path == self.address or any(path == at or path.startswith(f"{at}/") for at in own)


class Group(Struct, frozen=True):
    """The entries of one kind of work; a group without a name stands in the menu without a heading."""

    code: str
    name: tuple[str, str] | None
    items: tuple[Item, ...]


GROUPS = (
    Group(
        "today",
        ("Today", "今日"),
        (
            Item("/", ("Overview", "概览"), "dashboard", None),
            Item("/steps", ("Duties", "待办"), "circle-check", "steps.read"),
            Item("/roster", ("Roster", "值班"), "calendar", "roster.read", also=("/duty-sheets", "/delegations")),
            Item("/scan", ("Scan", "扫码"), "scan", "stock.take"),
            Item("/my-parts", ("In-hand parts", "在手备件"), "briefcase", "handovers.make", also=("/handovers",)),
            Item("/my-returns", ("To bring back", "我的待返"), "arrow-left", "handovers.make"),
        ),
    ),
    Group(
        "demand",
        ("Demand", "用件"),
        (
            Item("/requests", ("Requests", "申请"), "clipboard-list", "requests.read"),
            Item("/quotations", ("Quotations", "报价"), "tag", "requests.read"),
            Item("/swaps", ("Whole-unit swaps", "整机替换"), "switch-horizontal", "requests.read"),
            Item("/loans", ("Loaners", "借出设备"), "device-desktop", "requests.read", also=("/data-erasures",)),
            Item("/reservations", ("Reservations", "预留"), "bookmark", "documents.read"),
            Item("/coverage", ("Promise meter", "保障状态"), "target", "devices.read"),
            Item("/returns", ("Owed back", "待返件"), "refresh", "returns.read", also=("/failure-analysis",)),
            Item("/provisional-issues", ("Without paper", "先发后补"), "clock", "requests.read"),
        ),
    ),
    Group(
        "warehouse",
        ("Warehouse", "仓库"),
        (
            Item("/advance-shipping-notices", ("Advance notices", "预到货通知"), "calendar-event", "notices.read"),
            Item("/receiving", ("Receiving", "到货入库"), "package-import", "documents.read", also=("/receipts",)),
            Item("/put-away", ("Put away", "上架"), "stack-push", "stock.receive"),
            Item("/picks", ("Picking", "拣货"), "basket", "stock.issue"),
            Item("/shipments", ("Shipments", "发运"), "send", "requests.read"),
            Item("/transfers", ("Transfers", "调拨"), "truck", "documents.read"),
            Item("/counts", ("Counts", "盘点"), "list-check", "stock.read"),
            Item("/labels", ("Labels", "标签"), "barcode", "stock.receive"),
        ),
    ),
    Group(
        "stock",
        ("Stock and ledger", "库存台账"),
        (
            Item("/stock", ("Stock", "库存"), "building-warehouse", "stock.read"),
            Item("/stock-values", ("Stock value", "库存金额"), "coin", "costs.read"),
            Item("/units", ("Units", "单件"), "box", "stock.read"),
            Item("/bins", ("Bins", "库位"), "map-pin", "stock.read"),
            Item("/conditions", ("Blocked stock", "待检与隔离"), "lock", "documents.read"),
            Item("/movements", ("Ledger", "流水"), "history", "stock.read"),
            Item(
                "/keepings", ("Stores and key-holders", "备件库与保管人"), "user", "documents.read", also=("/depots",)
            ),
            Item("/pool-crossings", ("Pools", "库存归属"), "scale", "documents.read"),
            Item(
                "/statements",
                ("Parts statements", "备件清单"),
                "file-text",
                "contracts.read",
                also=("/contracts",),
                of_contracts=True,
            ),
        ),
    ),
    Group(
        "returns",
        ("Returns and repair", "返还与维修"),
        (
            Item("/rmas", ("RMAs", "返修单"), "transfer-out", "rmas.read", also=("/return-terms",)),
            Item("/repairs", ("Repairs", "维修"), "tool", "repairs.read"),
            Item("/collections", ("Customers' units", "客户自有件"), "truck-return", "repairs.read"),
        ),
    ),
    Group(
        "emergency",
        ("Emergency", "应急"),
        (
            Item("/emergencies", ("Emergencies", "应急"), "flame", "emergency.read"),
            Item("/maker-cases", ("Maker's support", "原厂支援"), "phone", "emergency.read"),
            Item("/force-majeure", ("Force majeure", "不可抗力"), "alert-triangle", "emergency.read"),
            Item("/radar", ("Burst radar", "故障突发监测"), "bolt", "emergency.read", also=("/batches",)),
            Item("/quality-claims", ("Quality claims", "质量索赔"), "paperclip", "claims.read"),
        ),
    ),
    Group(
        "procurement",
        ("Procurement", "采购"),
        (
            Item("/orders", ("Orders", "采购"), "shopping-cart", "orders.read"),
            Item("/inquiries", ("Inquiries", "询价"), "messages", "costs.read"),
            Item("/replenishment", ("Replenishment", "补货建议"), "packages", "replenishment.read"),
            Item("/vendors", ("Vendors", "供应商"), "building-store", "vendors.read"),
            Item("/invoices", ("Invoices", "发票"), "receipt", "costs.read", also=("/accruals",)),
            Item("/prices", ("Prices", "价格"), "currency-yuan", "costs.read"),
            Item("/suspected-counterfeits", ("Counterfeits", "疑似假冒"), "alert-circle", "documents.read"),
            Item("/vendor-orders", ("Our orders", "我方订单"), "transfer-in", "orders.answer"),
            Item("/vendor-inquiries", ("Our quotes", "我方报价"), "info-circle", "inquiries.answer"),
            Item("/vendor-rmas", ("Our returns", "我方返修"), "rotate-clockwise", "rmas.answer"),
        ),
    ),
    Group("planning", ("Planning", "规划"), (Item("/plans", ("Plans", "计划"), "chart-line", "plans.read"),)),
    Group(
        "data",
        ("Master data", "资料"),
        (
            Item("/parts", ("Parts", "备件"), "cpu", "parts.read"),
            Item("/master-data", ("Master data", "基础数据"), "list", "contracts.read", "parts.manage"),
            Item("/imports", ("Imports", "导入"), "upload", "parts.manage", "stock.adjust"),
        ),
    ),
    Group(
        "administration",
        ("Administration", "管理"),
        (
            Item("/policies", ("Policies", "规则"), "adjustments", "stock.adjust", "audit.read"),
            Item("/people", ("People", "人员"), "users", "people.manage"),
            Item("/api-keys", ("API keys", "接口密钥"), "external-link", "keys.manage"),
            Item("/audit", ("Audit trail", "审计记录"), "eye", "audit.read"),
            Item("/verify", ("Verify", "账目核对"), "shield-check", "audit.read"),
        ),
    ),
)

IN_THE_BAR: dict[str, tuple[str, ...]] = {
    "warehouse_keeper": ("/", "/receiving", "/picks", "/scan"),
    "engineer": ("/", "/requests", "/my-parts", "/scan"),
    "dispatcher": ("/", "/requests", "/stock", "/emergencies"),
    "buyer": ("/", "/orders", "/emergencies", "/stock"),
    "planner": ("/", "/plans", "/stock", "/parts"),
    "quality_supervisor": ("/", "/conditions", "/counts", "/stock"),
    "auditor": ("/", "/movements", "/counts", "/stock"),
    "inspector": ("/", "/statements", "/stock", "/parts"),
    "vendor": ("/", "/vendor-orders", "/advance-shipping-notices", "/parts"),
}
"""What a phone shows at once, by role; whoever has another role sees what they most likely want."""

OTHERWISE_IN_THE_BAR = ("/", "/requests", "/stock", "/emergencies", "/orders", "/parts")
BAR_LENGTH = 4


def menu(actor: Actor | None) -> list[Group]:
    """What somebody may open; where a group has but one entry for them, its name would say the same again.

    >>> visitor = Actor(name="v", kind="person", roles=frozenset(), rights=frozenset({"orders.read", "parts.read"}))
    >>> [(group.name, [item.address for item in group.items]) for group in menu(visitor)]
    [(None, ['/', '/orders', '/parts'])]
    """
    if actor is None:
        return []
    groups: list[Group] = []
    for headed, some in groupby(_permitted(actor), key=lambda group: len(group.items) > 1):
        if headed:
            groups += some
        else:
            alone = list(some)
            groups.append(Group(alone[0].code, None, tuple(item for group in alone for item in group.items)))
    return groups


def _permitted(actor: Actor) -> list[Group]:
    """The groups with what somebody may open of each; none that is empty."""
    found = (
        structs.replace(group, items=tuple(item for item in group.items if item.is_for(actor))) for group in GROUPS
    )
    return [group for group in found if group.items]


def bar(actor: Actor | None, groups: Sequence[Group]) -> list[Item]:
    """The few entries that a phone shows at once, of a menu."""
    if actor is None:
        return []
    wanted = next((IN_THE_BAR[role] for role in IN_THE_BAR if role in actor.roles), OTHERWISE_IN_THE_BAR)
    items = {item.address: item for group in groups for item in group.items}
    first = [items[address] for address in wanted if address in items]
    return [*first, *(item for item in items.values() if item not in first)][:BAR_LENGTH]
