"""The paper of an inquiry: who was asked for what, what each answered, and what was chosen (三家比价记录)."""

from api.pages.formats import minute, money
from api.papers.forms import Fact, Line, Paper
from inventory.ground import clock
from inventory.places import names
from inventory.procurement.comparing import Comparison, Together
from inventory.procurement.inquiries import InquiryView


async def of_inquiry(view: InquiryView, comparison: Comparison, *, printed_by: str) -> Paper:
    """The comparison as a record for the file."""
    company = await names.our_name()
    head = view.inquiry
    called = {vendor.vendor: f"{vendor.vendor_zh} ({vendor.vendor})" for vendor in view.vendors}
    chosen = {each.part_number: each for each in view.chosen}
    lines: list[Line] = []
    for part in view.parts:
        lines.append(
            Line(
                part_number=part.part_number,
                name_zh=part.name_zh,
                name_en=part.name_en,
                quantity=part.quantity,
                cells={"what": [_choice(chosen[part.part_number].vendor)] if part.part_number in chosen else []},
            )
        )
        for quote in (quote for quote in view.quotes if quote.part_number == part.part_number):
            least = quote.vendor in comparison.cheapest[part.part_number]
            lines.append(
                Line(
                    cells={
                        "part": ["", called[quote.vendor], ""],
                        "price": [f"{quote.currency} {quote.unit_price}", money(quote.unit_cost_cny, fen=True)],
                        "delivery": [f"{quote.lead_time_days:g} d", f"MOQ {quote.minimum_quantity}"],
                        "what": [f"至 {quote.valid_to.isoformat()}", "最低 cheapest" if least else ""],
                    }
                )
            )
    return Paper(
        form="quote_comparison",
        company=(company.name_zh, company.name_en),
        number=head.number,
        facts=[
            Fact(("收货地点", "Ship to"), head.ship_to),
            Fact(("询价", "Asked"), f"{minute(head.opened_at)} {head.opened_by}"),
            Fact(("答复期限", "Answers due"), minute(head.answer_by)),
            Fact(("少于三家的原因", "Why fewer than three"), head.few_reason or "–"),
            Fact(("最低单一供应商", "Cheapest alone"), _alone(comparison, called)),
            Fact(("最低组合", "Cheapest split"), _told(comparison.split, called)),
            Fact(("决定", "Decided"), f"{minute(head.decided_at)} {head.decided_by or ''}" if head.decided_at else "–"),
            Fact(("选择原因", "Reason"), head.reason or "–"),
        ],
        lines=lines,
        printed_at=clock.now(),
        printed_by=printed_by,
    )


def _choice(vendor: str) -> str:
    return f"选定 chosen: {vendor}"


def _alone(comparison: Comparison, called: dict[str, str]) -> str:
    return "–" if comparison.single is None else _told(comparison.alone[comparison.single], called)


def _told(together: Together, called: dict[str, str]) -> str:
    vendors = "、".join(called[vendor] for vendor in together.vendors)
    return f"{vendors or '–'} · {money(together.cost_cny, fen=True)}"
