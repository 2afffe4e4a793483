"""Navigation: which pages there are, and who sees them in the menu."""

from msgspec import Struct

from inventory.ground.actor import Actor


class Item(Struct, frozen=True):
    """An entry of the menu; the first few stand in the phone's bar, the others behind “more”."""

    address: str
    name: tuple[str, str]
    icon: str
    right: str | None
    or_right: str | None = None

    def is_at(self, path: str) -> bool:
        """Whether a page belongs to this entry.

        >>> Item("/orders", ("Orders", "采购"), "box", None).is_at("/orders/17")
        True
        """
        return path == self.address or (self.address != "/" and path.startswith(f"{self.address}/"))


ITEMS = (
    Item("/", ("Overview", "概览"), "dashboard", None),
    Item("/requests", ("Requests", "申请"), "clipboard-list", "requests.read"),
    Item("/stock", ("Stock", "库存"), "building-warehouse", "stock.read"),
    Item("/emergencies", ("Emergencies", "应急"), "flame", "emergency.read"),
    Item("/coverage", ("Promise meter", "保障状态"), "shield-check", "devices.read"),
    Item("/parts", ("Parts", "备件"), "cpu", "parts.read"),
    Item("/orders", ("Orders", "采购"), "shopping-cart", "orders.read"),
    Item("/steps", ("Duties", "待办"), "circle-check", "steps.read"),
    Item("/roster", ("Roster", "值班"), "calendar", "roster.read"),
    Item("/picks", ("Picking", "拣货"), "packages", "stock.issue"),
    Item("/scan", ("Scan", "扫码"), "device-desktop", "stock.take"),
    Item("/provisional-issues", ("Without paper", "先发后补"), "clock", "requests.read"),
    Item("/shipments", ("Shipments", "发运"), "external-link", "requests.read"),
    Item("/transfers", ("Transfers", "调拨"), "truck", "documents.read"),
    Item("/receiving", ("Receiving", "到货入库"), "packages", "documents.read"),
    Item("/bins", ("Bins", "库位"), "map-pin", "stock.read"),
    Item("/conditions", ("Blocked stock", "待检与隔离"), "lock", "documents.read"),
    Item("/counts", ("Counts", "盘点"), "list", "stock.read"),
    Item("/movements", ("Ledger", "流水"), "history", "stock.read"),
    Item("/units", ("Units", "单件"), "box", "stock.read"),
    Item("/labels", ("Labels", "标签"), "barcode", "stock.receive"),
    Item("/plans", ("Plans", "计划"), "target", "plans.read"),
    Item("/reservations", ("Reservations", "预留"), "lock", "documents.read"),
    Item("/my-parts", ("In-hand parts", "在手备件"), "user", "handovers.make"),
    Item("/pool-crossings", ("Pools", "库存归属"), "scale", "documents.read"),
    Item("/statements", ("Parts statements", "备件清单"), "file-text", "stock.read"),
    Item("/imports", ("Imports", "导入"), "upload", "parts.manage", "stock.adjust"),
)

IN_THE_BAR = 4
"""How many entries a phone shows at once."""


def menu(actor: Actor | None) -> list[Item]:
    """What somebody may open."""
    if actor is None:
        return []
    return [item for item in ITEMS if item.right is None or actor.may(item.right) or actor.may(item.or_right or "")]
