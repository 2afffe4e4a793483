"""The paper of a quality claim: what is claimed of a batch, and the evidence as it stood, for the vendor (索赔函)."""

from collections import Counter
from uuid import UUID

from api.pages.formats import minute
from api.papers.assembling import words
from api.papers.forms import Fact, Line, Paper
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.installed_base.bursts import worded
from inventory.places import names
from inventory.procurement import claims


async def claim_letter(claim: UUID, *, seen_by: Actor) -> Paper:
    """What a vendor is told: the batch, how many of its pieces are in which condition, and the reason as it was written.

    The counts are of the whole batch, whoever prints it; no store and no site is named with them.

    Raises:
        NotGranted: the reader may not read claims.
        Unknown: no such claim in the reader's stores.

    """
    view = await claims.claim_view(claim, seen_by=seen_by)
    company = await names.our_name()
    of_condition = Counter[str]()
    for each in (await claims.evidence_of(claim))["whereabouts"]:
        of_condition[each["condition"]] += each["quantity"]
    return Paper(
        form="quality_claim",
        company=(company.name_zh, company.name_en),
        number=view.number,
        facts=[
            Fact(("供应商", "Vendor"), f"{view.vendor_zh} {view.vendor_en}"),
            Fact(("厂家索赔编号", "Vendor's number"), view.vendor_number or "–"),
            Fact(("采购订单或返修单", "Order or RMA"), view.order),
            Fact(("入库单", "Receipt"), view.receipt),
            Fact(("该批数量", "Pieces of the batch"), str(view.pieces)),
            Fact(("提出时间", "Opened"), minute(view.opened_at)),
            Fact(("故障监测", "What was seen"), _seen(view)),
        ],
        lines=[
            Line(
                part_number=view.part_number,
                name_zh=view.name_zh,
                name_en=view.name_en,
                quantity=quantity,
                condition=words("condition", condition),
            )
            for condition, quantity in sorted(of_condition.items())
        ],
        remarks=view.reason,
        printed_at=clock.now(),
        printed_by=seen_by.name,
    )


def _seen(view: claims.ClaimView) -> str:
    """The failures against what was expected; where they were is ours to know."""
    radar = view.evidence["radar"]
    if not radar:
        return "–"
    told = worded(radar["windows"], [])
    return f"{told['told_zh']} {told['told_en']}"
