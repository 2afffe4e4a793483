"""The office: statements shared with customers, and tables that were brought in."""

from datetime import date, timedelta

from api.demo.company.parts import PARTS
from api.demo.lived import Life, Story
from inventory.assurance import shared_links
from inventory.ground import clock
from inventory.imports import imports

MOST_BYTES = 1_000_000


def plan(life: Life) -> None:
    """Share two statements, one of which is over, and bring in a price list at the second try."""
    life.tell(life.on(30, "11:00"), _shared_for_a_while(life))
    life.plan(life.on(4, "10:10"), lambda: _shared(life))
    life.tell(life.on(12, "16:20"), _brought_in(life))


async def _shared_for_a_while(life: Life) -> Story:
    manager = life.crew["project-manager-1"]
    link = await shared_links.share(
        "C-LINGHAI",
        by=manager,
        expires_at=clock.now() + timedelta(days=60),
        remark="季度巡检 / quarterly inspection",
    )
    yield timedelta(days=3)
    await shared_links.revoke(link.id, by=manager)


async def _shared(life: Life) -> None:
    await shared_links.share(
        "C-LIAOBEI",
        by=life.crew["project-manager-1"],
        expires_at=clock.now() + timedelta(days=60),
        remark="客户随时查验备件 / the customer may look at any time",
    )


def _price_list(today: date, *, mistaken: bool) -> bytes:
    """Offers of a distributor as it sends them; the first time with a part number that nobody knows."""
    sold = [part for part in PARTS if part.maker == "TOSHIBA"]
    rows = [f"NANHUI,{part.number},{part.cost * 0.99:.2f},20,{part.days},{today}" for part in sold]
    if mistaken:
        rows.append(f"NANHUI,MG09ACA18TE-X,2100.00,20,7,{today}")
    return "\n".join(["供应商编码,备件编号,含税单价（元）,最大订购量,交期（天）,生效日期", *rows]).encode()


async def _brought_in(life: Life) -> Story:
    planner, name = life.crew["planner-1"], "南汇报价.csv"
    today = clock.now().date()
    await imports.upload("offers", name, _price_list(today, mistaken=True), by=planner, most_bytes=MOST_BYTES)
    yield timedelta(minutes=20)
    good = await imports.upload("offers", name, _price_list(today, mistaken=False), by=planner, most_bytes=MOST_BYTES)
    yield timedelta(minutes=5)
    await imports.confirm(good.id, by=planner)
