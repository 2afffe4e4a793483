"""However many lines a request has, and however many offers there are, the same number of statements answers."""

from datetime import date, timedelta

import pytest

from inventory.assurance.meter import previewing
from inventory.catalogue import register as catalogue
from inventory.ground import clock, db
from inventory.requests import changing, requests
from inventory.requests.availability import availability
from inventory.requests.requests import NewRequest, NewRequestLine
from inventory.stock import receipts
from tests.statements import counted
from tests.world import AUDITOR, BATTERY, DISPATCHER, FAN, PSU, SETUP

FEW, MANY = 2, 12


async def enter(count: int) -> list[str]:
    """More parts of the model, each with stock, a substitute with stock, and two that there is too little of."""
    numbers = [f"P-{n:02d}" for n in range(count)]
    parts = [
        catalogue.NewPart(
            part_number=number, name_zh=number, name_en=number, kind="fan", serialised=False, unit_cost_cny=10,
            holding_rate_per_year=0.2,
        )
        for n in numbers for number in (n, f"{n}-NEW")
    ]  # fmt: skip
    await catalogue.enter_parts(parts, by=SETUP)
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=n, substitute=f"{n}-NEW", valid_from=date(2024, 1, 1)) for n in numbers],
        by=SETUP,
    )
    for number in numbers:
        await receipts.adjust("GZ", number, 3, by=SETUP, reason="stock", provenance="maker_direct")
        await receipts.adjust("SH", f"{number}-NEW", 1, by=SETUP, reason="stock", provenance="maker_direct")
    return numbers


def asked(numbers: list[str], reference: str, **more: object) -> NewRequest:
    facts = {"severity": "general"} | more
    return NewRequest(
        source="glpi",
        reference=reference,
        device_serial="BANK-001",
        # the first lines are held, the last one is held, substituted and waited for
        lines=[NewRequestLine(part_number=n, quantity=5 if n == numbers[-1] else 1) for n in numbers],
        **facts,
    )


@pytest.mark.parametrize("more", [{}, {"severity": None, "planned_at": timedelta(days=9)}])
async def test_opening_changing_and_cancelling_take_the_same_statements_however_many_lines(company, more):
    numbers = await enter(MANY)
    if "planned_at" in more:
        more = more | {"planned_at": clock.now() + more["planned_at"]}
    sent: dict[int, list[int]] = {}
    # the first time, the driver looks up types
    for turn, count in enumerate((FEW, FEW, MANY)):
        wanted = asked(numbers[:count], f"INC-{turn}", **more)
        async with counted() as opening:
            view = await requests.open_request(wanted, by=DISPATCHER)
        async with counted() as reading:
            await previewing.with_breaks(await requests.request_view(view.id, seen_by=AUDITOR), seen_by=AUDITOR)
        change = (
            changing.Change(planned_at=clock.now() + timedelta(days=10))
            if "planned_at" in more
            else changing.Change(need_by=clock.now() + timedelta(minutes=1))
        )
        async with counted() as moving:
            await changing.change(view.id, change, by=DISPATCHER)
        async with counted() as ending:
            await requests.cancel(view.id, by=DISPATCHER, reason="done")
        assert {line.state for line in view.lines} >= (
            {"planned"} if "planned_at" in more else {"reserved", "backordered"}
        )
        sent[turn] = [len(each) for each in (opening, reading, moving, ending)]

    assert sent[1] == sent[2], (opening, moving, ending)
    assert sent[2][0] < 40


async def test_a_kit_of_many_parts_takes_the_same_statements(company):
    numbers = await enter(MANY)
    await db.execute("INSERT INTO symptom (code, name_zh, name_en) VALUES ('few', 'x', 'x'), ('many', 'x', 'x')")
    await db.execute(
        """INSERT INTO kit_line (symptom, part, quantity) SELECT symptom.id, part.id, 1 FROM symptom, part
           WHERE part_number = ANY($1) AND (symptom.code = 'many' OR part_number = ANY($2))""",
        numbers, numbers[:FEW],
    )  # fmt: skip
    sent = []
    for turn, symptom in enumerate(("few", "few", "many")):
        wanted = NewRequest(source="glpi", reference=f"INC-{turn}", device_serial="BANK-001", severity="general",
                            lines=[NewRequestLine(symptom=symptom)])  # fmt: skip
        async with counted() as opening:
            view = await requests.open_request(wanted, by=DISPATCHER)
        sent.append((len(view.lines), len(opening)))

    assert [lines for lines, _ in sent] == [FEW, FEW, MANY]
    assert sent[1][1] == sent[2][1]


async def test_availability_takes_the_same_statements_however_long_the_chain_and_however_many_stores(company):
    async with counted():
        await availability(
            PSU, site="BANK-GZ", need_by=None, quantity=1, device="BANK-001"
        )  # the driver looks up types
    async with counted() as alone:
        found = await availability(PSU, site="BANK-GZ", need_by=None, quantity=1, device="BANK-001")
    assert {line.part_number for line in found.stock} == {PSU}
    await enter(MANY)
    links = [
        (PSU, FAN),
        (FAN, BATTERY),
        (BATTERY, "P-00"),
        *((f"P-{n:02d}-NEW", f"P-{n + 1:02d}") for n in range(MANY - 1)),
    ]
    await catalogue.enter_substitutions(
        [catalogue.NewSubstitution(part=a, substitute=b, valid_from=date(2024, 1, 1)) for a, b in links], by=SETUP
    )
    async with counted() as chained:
        found = await availability(PSU, site="BANK-GZ", need_by=None, quantity=1, device="BANK-001")

    last = next(line for line in found.stock if line.part_number == f"P-{MANY - 1:02d}-NEW")
    assert last.chain[:5] == [PSU, FAN, BATTERY, "P-00", "P-00-NEW"]
    assert len(last.chain) == 3 + 2 * MANY
    assert len(chained) == len(alone) <= 6
