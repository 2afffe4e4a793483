"""Prices: what is payable, what it costs us, in which currency; in Python and in the database alike."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.papers import purchase_orders
from inventory.ground import clock, db
from inventory.ground.errors import refusal_for
from inventory.procurement import changes, orders, prices, register, vendors
from inventory.procurement.orders import NewLine
from inventory.procurement.prices import NoTaxWithoutInvoice, Quoted, RateMissing
from inventory.requests import quotations
from tests.world import BUYER, FAN, PSU, SETUP

AMOUNTS = st.decimals(0, 10_000_000, places=2)
TERMS = st.builds(
    Quoted,
    invoice_kind=st.sampled_from(["special", "general", "none"]),
    tax_percent=st.sampled_from([Decimal(t) for t in ("0", "1", "3", "6", "9", "13", "16.5")]),
    includes_tax=st.booleans(),
    cny_per_100=st.decimals("0.000001", 100_000, places=6),
)


@given(AMOUNTS, TERMS)
def test_a_price_is_payable_with_tax_and_costs_no_more_than_that(price, terms):
    payable, cost = prices.payable_cny(price, terms), prices.cost_cny(price, terms)

    share = 1 + terms.tax_percent / 100 if terms.invoice_kind == "special" else 1
    slack = Decimal("0.0051") + terms.cny_per_100 / 100 * Decimal("0.0051")
    assert abs(payable - cost * share) <= slack
    if terms.invoice_kind != "special":
        assert abs(payable - cost) <= slack


async def test_the_database_prices_as_the_formula_does(company):
    edges = [
        (Decimal(price), Quoted(invoice_kind=kind, tax_percent=Decimal(tax), includes_tax=included, cny_per_100=Decimal(rate)))
        for price in ("0", "0.01", "0.05", "1.005", "12.34", "9999999.99")
        for kind in ("special", "general", "none")
        for tax in ("0", "3", "13", "16.5")
        for included in (True, False)
        for rate in ("100", "4.8812", "708.52")
    ]  # fmt: skip
    drawn = edges + _drawn()
    rows = await db.fetch(
        """SELECT with_tax(price, tax, included) AS taxed, payable_cny(price, tax, included, rate) AS payable,
                  cost_cny(price, kind, tax, included, rate) AS cost
           FROM unnest($1::numeric[], $2::text[], $3::numeric[], $4::bool[], $5::numeric[])
                WITH ORDINALITY AS asked(price, kind, tax, included, rate, number) ORDER BY number""",
        [price for price, _ in drawn],
        [quoted.invoice_kind for _, quoted in drawn],
        [quoted.tax_percent for _, quoted in drawn],
        [quoted.includes_tax for _, quoted in drawn],
        [quoted.cny_per_100 for _, quoted in drawn],
    )

    said = [(prices.with_tax(*each), prices.payable_cny(*each), prices.cost_cny(*each)) for each in drawn]
    assert [tuple(row) for row in rows] == said


def _drawn():
    draw = Random(7)  # noqa: S311  repeatable, guards nothing
    return [
        (
            Decimal(draw.randrange(10**9)) / 100,
            Quoted(
                invoice_kind=draw.choice(["special", "general", "none"]),
                tax_percent=Decimal(draw.randrange(0, 1700)) / 100,
                includes_tax=draw.random() < 0.5,
                cny_per_100=Decimal(draw.randrange(1, 10**9)) / 10**6,
            ),
        )
        for _ in range(2000)
    ]


DOLLARS = {
    "vendor": "DELL",
    "part": FAN,
    "unit_price": Decimal(30),
    "minimum_quantity": 1,
    "lot_size": 1,
    "maximum_quantity": 20,
    "order_fee": Decimal(10),
    "lead_time_days": 7.0,
    "valid_from": clock.today(),
    "currency": "USD",
    "invoice_kind": "none",
    "tax_percent": Decimal(0),
}


async def rate(cny: str, days_ago: int = 0) -> None:
    day = clock.today() - timedelta(days=days_ago)
    new = register.NewRate(currency="USD", valid_from=day, cny_per_100=Decimal(cny), source="BOC")
    await register.enter_rates([new], by=SETUP)


async def bought(pieces: int = 2) -> orders.OrderView:
    return await orders.draft_order("DELL", "GZ", [NewLine(part_number=FAN, quantity=pieces)], by=SETUP)


async def test_a_foreign_offer_is_taken_at_the_rate_of_the_day_and_never_without_one(company):
    await register.enter_offers([register.NewOffer(**DOLLARS)], by=SETUP)
    with pytest.raises(RateMissing):
        await bought()
    assert await prices.unrated(
        (await db.fetch_value("SELECT id FROM part WHERE part_number = $1", FAN)), clock.today()
    ) == [("DELL", "USD")]
    unpriced = next(
        each for each in await vendors.offers(limit=9, seen_by=BUYER, vendor="DELL") if each.part_number == FAN
    )
    assert (unpriced.unit_price, unpriced.unit_cost_cny, unpriced.rate_is_old) == (30, None, False)

    await rate("700", days_ago=40)
    old = next(each for each in await vendors.offers(limit=9, seen_by=BUYER, vendor="DELL") if each.part_number == FAN)
    assert (old.unit_cost_cny, old.rate_is_old) == (210, True)
    await rate("720", days_ago=1)
    await rate("710", days_ago=1)  # entered later for the same day: it holds
    drafted = await bought()
    line = drafted.lines[0]
    assert (line.currency, line.unit_price, line.cny_per_100, line.unit_price_cny) == ("USD", 30, 710, 213)
    assert drafted.total_cny == 2 * 213 + 71  # the fee is in dollars too

    await rate("750")  # until it is approved, the day's rate holds; from then on none moves it
    approved = await orders.approve_on_authority(drafted.id, by=SETUP)
    assert (approved.lines[0].unit_price_cny, approved.total_cny) == (225, 2 * 225 + 71)
    await rate("800")
    assert (await orders.order_view(drafted.id)).total_cny == 2 * 225 + 71


async def test_a_change_and_the_paper_speak_the_vendors_currency(company):
    await register.enter_offers([register.NewOffer(**DOLLARS)], by=SETUP)
    await rate("710")
    order = await bought()
    await orders.approve_on_authority(order.id, by=SETUP)
    await orders.record_placed(order.id, by=SETUP)
    cheaper = [changes.ChangedLine(part_number=FAN, unit_price=Decimal("28.35"))]

    change = await changes.change_order(order.id, cheaper, by=SETUP, reason="agreed by phone")
    to_place = await orders.order_to_place(order.id, ("placed",))
    assert to_place is not None
    to_tell = await purchase_orders.of_order_to_place(to_place, change)
    await changes.answer_change(order.id, by=SETUP, confirmed=True)

    (line,) = (await orders.order_view(order.id)).lines
    assert (line.currency, line.unit_price, line.unit_price_cny) == ("USD", Decimal("28.35"), Decimal("201.29"))
    assert change.after.total_cny == Decimal("201.29") * 2 + 71  # 28.35 USD are 201.285 CNY: half a fen counts as one
    printed = [cells.get("price", cells.get("part")) + cells["amount"] for cells in (x.cells for x in to_tell.lines)]
    assert printed == [
        ["USD 28.35", "USD 56.70"],
        ["", "货款", "Goods", "USD 56.70"],
        ["", "费用", "Fees", "¥71.00"],
        ["", "合计（折人民币）", "Total in CNY", "¥473.58"],
    ]


async def test_what_is_compared_is_the_cost_and_what_is_ordered_is_payable(company):
    """DISTI: 1,250 with 13 % that we deduct costs 1,106.19; DELL: 1,180 of which nothing comes back costs 1,180."""
    await db.execute(
        """UPDATE offer SET unit_price = 1180, invoice_kind = 'general', order_fee = 0 FROM vendor
           JOIN party ON party.id = vendor.party AND party.code = 'DELL' WHERE vendor.id = offer.vendor"""
    )
    part = await db.fetch_value("SELECT id FROM part WHERE part_number = $1", PSU)
    costs = dict(
        await db.fetch(
            """SELECT party.code, unit_cost_cny FROM offers_on($1) AS offer JOIN vendor ON vendor.id = offer.vendor
               JOIN party ON party.id = vendor.party WHERE part = $2""",
            clock.today(),
            part,
        )
    )
    assert costs == {"DISTI": Decimal("1106.1947"), "DELL": Decimal("1180.0000")}
    # a customer pays our cost with the tax on our own sale
    assert (await quotations.prices_of([part]))[part].quantize(Decimal("0.01")) == Decimal("1250.00")
    ordered = await orders.draft_order("DISTI", "GZ", [NewLine(part_number=PSU, quantity=2)], by=SETUP)
    assert ordered.total_cny == 2500


async def test_a_price_without_invoice_has_no_tax(company):
    with pytest.raises(db.DatabaseError) as refused:
        await register.enter_offers([register.NewOffer(**DOLLARS | {"tax_percent": Decimal(13)})], by=SETUP)
    assert refusal_for(getattr(refused.value, "constraint_name", None)) is NoTaxWithoutInvoice
