"""What the demo company's buyers find this morning: open proposals, one that was declined, vendors' terms, an inquiry."""

from datetime import timedelta
from decimal import Decimal

from api.demo.company.parts import PARTS
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.master_data import records
from inventory.procurement import bundling, inquiries, register, replenishment, replenishment_answers
from inventory.procurement.orders import NewLine
from inventory.procurement.quote_sheets import QuotedLine
from optimizer.order_bundles import bundle

TERMS = {"minimum_order_cny": "3000", "small_order_fee_cny": "80", "freight_cny": "60"}
"""Of the distributors: what they ask for an order (fictional)."""

BREAK_FROM, BREAK = 10, Decimal("0.96")
"""From so many drives on a piece costs so much of its price (fictional)."""


QUOTED = (Decimal("0.97"), Decimal("1.02"))
"""What two of three vendors ask for the drives of the inquiry, as a share of the catalogue's cost (fictional)."""


ITSELF = "NANHUI"
"""The vendor whose people sign in, and quote on their own page."""


async def leave_an_inquiry(*, by: Actor) -> None:
    """Ask three vendors for the year's drives; two of them have answered, the third finds it on its own page."""
    drives = [part for part in PARTS if part.kind == "drive"][:3]
    asked = await db.fetch(
        """SELECT code FROM vendor JOIN party ON party.id = vendor.party WHERE active
           ORDER BY code <> $1, NOT EXISTS (SELECT FROM authorisation WHERE authorisation.vendor = vendor.id), code
           LIMIT 3""",
        ITSELF,
    )
    vendors = [row["code"] for row in asked]
    opened = await inquiries.open_inquiry(
        inquiries.NewInquiry(
            ship_to="GZ",
            lines=[NewLine(part_number=part.number, quantity=6) for part in drives],
            vendors=vendors,
            answer_by=clock.now() + timedelta(days=3),
            remark="年度硬盘询价 / the year's drives",
        ),
        by=by,
    )
    for vendor, share in zip([code for code in vendors if code != ITSELF], QUOTED, strict=False):
        lines = [
            QuotedLine(
                part_number=part.number,
                unit_price=(part.cost * share).quantize(Decimal("0.01")),
                lead_time_days=7,
            )
            for part in drives
        ]
        valid_to = clock.today() + timedelta(days=60)
        await inquiries.take_quote(opened.id, vendor, lines, by=by, valid_to=valid_to, remark="邮件 / by mail")


async def leave_proposals(*, by: Actor) -> None:
    """Enter vendors' terms, and propose what is lacking now; one of the proposals is put off."""
    vendors = await db.fetch(
        """SELECT party.code FROM vendor JOIN party ON party.id = vendor.party
           WHERE kind = 'distributor' AND EXISTS (SELECT FROM authorisation WHERE authorisation.vendor = vendor.id)
           ORDER BY party.code"""
    )
    for vendor in vendors:
        await records.change(records.kind_of("vendors"), vendor["code"], TERMS, by=by)
    drives = [part.number for part in PARTS if part.kind == "drive"]
    offers = await db.fetch(
        """SELECT offer.id, unit_price FROM offer
           JOIN part ON part.id = offer.part AND part.part_number = ANY($1)
           JOIN vendor ON vendor.id = offer.vendor AND vendor.kind = 'distributor'
           ORDER BY offer.id""",
        drives,
    )
    await register.enter_price_breaks(
        [
            register.NewPriceBreak(
                offer=str(offer["id"]),
                from_quantity=BREAK_FROM,
                unit_price=(offer["unit_price"] * BREAK).quantize(Decimal("0.01")),
            )
            for offer in offers
        ],
        by=by,
    )
    await replenishment.propose(afresh=True)
    stores = await bundling.to_bundle()
    await bundling.record([(each, bundle(each.needs, each.terms)) for each in stores])
    routine = await replenishment.proposals(limit=50, seen_by=by, state="open", urgent=False)
    if len(routine) > 3:
        await replenishment_answers.decline(
            [routine[-1].id],
            by=by,
            reason="客户设备下月更新换代，暂不补货 / the customer renews these devices next month",
            until=clock.now() + timedelta(days=30),
        )
