"""Where the demo's parts come from: whom to call at vendors, and pieces that are not, or not yet, proven genuine."""

from datetime import timedelta

from api.demo.company.parts import DRIVES
from api.demo.company.vendors import VENDORS
from inventory.assurance import attachments
from inventory.catalogue import parts
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.procurement import counterfeits, letters, papers, release, vendor_contacts
from inventory.procurement.vendor_contacts import NewVendorContact
from inventory.stock import receipts
from inventory.stock.pieces import Pieces

PULLED_FOR = "C-QIANLING"
"""The contract that allows pulled parts (拆机件): its machines are out of production."""

NOT_REACHED = "BEIFANG"
"""Whose emergency desk nobody has called for long."""


async def tell(serials: list[str], *, by: Actor) -> None:
    """Enter contacts and letters' documents, and let two parts come that no letter covers, and one that looks copied."""
    await _contacts(by)
    await _documents(by)
    await _from_a_broker(serials[0], by)
    await _pulled(serials[1], by)
    await _looks_copied(by)
    await vendor_contacts.watch()
    await letters.watch()


async def _contacts(by: Actor) -> None:
    for number, vendor in enumerate(VENDORS):
        desk = NewVendorContact(
            name="应急值班台 / emergency desk",
            role="emergency",
            phone=f"400-810-{1000 + 37 * number}",
            around_the_clock=vendor.kind != "broker",
            hours="" if vendor.kind != "broker" else "9:00–18:00",
        )
        sales = NewVendorContact(
            name="商务 / sales", role="sales", email=f"sales@{vendor.code.lower()}.example", hours="9:00–18:00"
        )
        entered = await vendor_contacts.enter(vendor.code, desk, by=by)
        await vendor_contacts.enter(vendor.code, sales, by=by)
        days = 150 if vendor.code == NOT_REACHED else 10 + 7 * number
        with clock.at(clock.now() - timedelta(days=days)):
            await vendor_contacts.verify(entered.id, by=by)


async def _documents(by: Actor) -> None:
    for letter in await letters.letters(limit=100):
        if letter.maker != "WDC":  # one that somebody still has to scan
            words = f"授权书 {letter.letter_number}: {letter.maker} → {letter.vendor}\n"
            await letters.keep_file(letter.id, f"{letter.letter_number}.txt", words.encode(), by=by, most_bytes=10_000)


async def _came(depot: str, pool: str, serial: str, remark: str, by: Actor) -> receipts.ReceiptView:
    line = receipts.Incoming(
        part_number=DRIVES[0].number, quantity=1, serials=[serial], condition="quarantine", provenance="broker"
    )
    received = await receipts.receive(depot, [line], by=by, origin="V-KUAITONG", pool=pool, remark=remark)
    await attachments.attach("receipt", received.id, "送货单.txt", remark.encode(), by=by, most_bytes=10_000)
    return received


async def _from_a_broker(serial: str, by: Actor) -> None:
    """It stays in quarantine: no contract served from there allows it."""
    await _came("GZ", "common", serial, "贸易商急供，无授权书 / from a broker in a hurry, without a letter", by)


async def _pulled(serial: str, by: Actor) -> None:
    """The one contract that allows pulled parts gets one, proven by its papers and tested."""
    store = await db.fetch_value(
        """SELECT place.code FROM level JOIN place ON place.id = level.place JOIN pool ON pool.id = level.pool
           WHERE pool.code = $1 GROUP BY place.code ORDER BY sum(on_hand) DESC, place.code LIMIT 1""",
        PULLED_FOR,
    )
    await _came(store, PULLED_FOR, serial, "自停产阵列拆机 / pulled from an array out of production", by)
    part = await parts.find(DRIVES[0].number)
    which = Pieces(store, part.part_number, serials=[serial], pool=PULLED_FOR)
    await papers.prove(which, "quarantine", "pulled", by=by, reason="送货单与拆机记录 / delivery note and pull record")
    await release.release(which, "quarantine", by=by, finding="SMART 正常，写零通过 / SMART clean, zero-fill passed")


async def _looks_copied(by: Actor) -> None:
    """A piece of a recent receipt has a doubtful label: it is blocked with its sisters, where the store can spare them."""
    row = await db.fetch_one(
        """SELECT unit.serial, part.part_number FROM unit
           JOIN part ON part.id = unit.part
           JOIN receipt ON receipt.id = unit.receipt
           JOIN purchase_order ON purchase_order.number = receipt.document
           JOIN level ON level.part = unit.part AND level.place = unit.place AND level.pool = unit.pool
                AND level.owner = unit.owner AND level.condition = 'good'
           WHERE unit.condition = 'good'
           GROUP BY receipt.id, unit.part, part.part_number, unit.serial, level.id
           HAVING level.free - (SELECT count(*) FROM unit AS sister
                                WHERE sister.receipt = receipt.id AND sister.part = unit.part)
                  > coalesce(level.critical_point, 0)
           ORDER BY receipt.id DESC, unit.serial LIMIT 1"""
    )
    if row is not None:
        await counterfeits.suspect(
            row["serial"],
            row["part_number"],
            by=by,
            reason="防伪标签字体与原厂不符 / the type on the label is not the maker's",
        )
