"""Invoices on the pages: entered from the order, a difference answered, a red letter from the invoice, accruals told."""

import re

from inventory.ground import clock
from inventory.procurement import invoices
from tests.integration.procurement.test_invoices import received
from tests.integration.procurement.test_orders import placed
from tests.world import BUYER, FAN


def fields(page: str) -> dict[str, list[str]]:
    """What the form of a page is filled in with, by field."""
    found: dict[str, list[str]] = {}
    form = page[page.index('action="/invoices"') :]
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and name[1] != "_csrf_token":
            found.setdefault(name[1], []).append(value[1] if value else "")
    return found | {"kind": ["special"], "remark": [""]}


async def test_an_invoice_is_entered_differs_and_is_put_right_on_the_pages(visitor):
    order = await placed((FAN, 4))
    await received(order, (FAN, 4))
    buyer, manager = await visitor("buyer"), await visitor("project_manager")

    assert FAN in (await buyer.get("/accruals")).text
    assert "/invoices/new?order=" in (await buyer.get(f"/orders/{order.id}")).text
    asked = await buyer.get(f"/invoices/new?order={order.number}", language="en")
    said = fields(asked.text) | {"invoice_number": ["25442000000000000001"], "issued_on": [str(clock.today())]}
    assert (said["quantity"], said["line_total"][0], said["total"]) == (["4", ""], "1000.00", ["1000.00"])
    for wrong, words in (
        ({"total": ["1000.01"]}, "it should be"),
        ({"total": ["much"]}, "a point before decimals"),
        ({"issued_on": [""]}, "is not filled in"),
        ({"quantity": ["", ""]}, "is not filled in"),
        ({"invoice_number": ["1"]}, "is no number of a 发票"),
    ):
        refused = await buyer.post("/invoices", said | wrong, language="en")
        assert refused.status_code in (200, 422), refused.text
        assert words in refused.text, wrong
    dear = {"line_amount": ["1061.95", "0"], "line_tax": ["138.05", "0"], "line_total": ["1200.00", "0"]}
    sums = {"amount": ["1061.95"], "tax": ["138.05"], "total": ["1200.00"]}
    entered = await buyer.post("/invoices", said | dear | sums, live=False)
    assert entered.status_code == 303, entered.text
    path = entered.headers["location"]

    page = (await manager.get(path, language="en")).text
    assert "another price" in page
    line = re.search(r'name="line" value="([^"]+)"', page)
    assert line
    answer = {"line": line[1], "difference": "price", "answer": "accepted", "reason": "agreed"}
    assert "须由录入人" in (await buyer.post("/invoices/answers", answer)).text
    red = fields((await buyer.get(f"{path}/red-letter")).text)
    assert (red["quantity"], red["line_total"]) == (["-4"], ["-1200.00"])
    back = {"invoice_number": ["25442000000000000002"], "issued_on": [str(clock.today())]}
    minus = {"amount": ["-1061.95"], "tax": ["-138.05"], "total": ["-1200.00"]}
    assert (await buyer.post("/invoices", red | back | minus, live=False)).status_code == 303
    right = await buyer.post("/invoices", said | {"invoice_number": ["25442000000000000003"]}, live=False)
    assert right.status_code == 303

    states = [(each.invoice_number[-1], each.state) for each in await invoices.invoices(limit=9, seen_by=BUYER)]
    assert states == [("3", "matched"), ("2", "matched"), ("1", "matched")]
    assert "已关闭" in (await buyer.get(f"/orders/{order.id}")).text
    assert FAN not in (await buyer.get("/accruals")).text
