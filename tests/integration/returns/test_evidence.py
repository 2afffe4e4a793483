"""Evidence on its way to a vendor: from the piece to the RMA, and from there to its vendor and nobody else."""

import pytest

from inventory.assurance import attachments
from inventory.ground.errors import NotGranted, Unknown
from inventory.returns import rmas, vendor_terms
from inventory.stock import conditions, lots
from inventory.stock.pieces import Pieces
from tests.integration.pages.conftest import visitor, visitors  # noqa: F401  fixtures
from tests.integration.returns.test_rmas import FIVE_DAYS, broken, line
from tests.world import BUYER, DRIVE, FAN, KEEPER, SETUP, actor

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
OURS = actor("vendor", vendor="DISTI")


async def test_what_was_photographed_of_a_piece_is_given_to_its_vendor_and_to_no_other(company):
    await broken("ZL2-0001")
    (rma,) = await rmas.draft("GZ", [line("ZL2-0001")], by=KEEPER)
    unit = rma.lines[0].unit
    assert unit is not None
    more = {"by": KEEPER, "most_bytes": 10_000}
    photo = await attachments.attach("unit", unit, "label.png", PNG, kind="photo", remark="rack 3 of the bank", **more)
    await attachments.attach("rma", rma.id, "smart.txt", b"5 Reallocated_Sector_Ct 4096", kind="log", **more)
    await attachments.attach("rma", rma.id, "signed.png", PNG, kind="signed_form", **more)
    before = [each.name for each in await attachments.of_pieces(rma.id, seen_by=KEEPER)]
    with pytest.raises(Unknown):
        await attachments.shown_to_vendor(rma.id, seen_by=OURS)  # it was not put to the vendor yet
    await rmas.request(rma.id, by=BUYER)

    await attachments.give_to_vendor(rma.id, photo.id, by=KEEPER)

    shown = await attachments.shown_to_vendor(rma.id, seen_by=OURS)
    assert (before, await attachments.of_pieces(rma.id, seen_by=KEEPER)) == (["label.png"], [])
    assert [(each.name, each.kind, each.remark) for each in shown] == [
        ("smart.txt", "log", ""),
        ("label.png", "photo", ""),
    ]
    assert (await attachments.content_for_vendor(rma.id, shown[1].id, seen_by=OURS)).content == PNG
    with pytest.raises(Unknown):
        await attachments.content_for_vendor(rma.id, photo.id, seen_by=OURS)  # the piece's own stays ours
    with pytest.raises(Unknown):
        await attachments.shown_to_vendor(rma.id, seen_by=actor("vendor", vendor="DELL"))
    with pytest.raises(Unknown):
        await attachments.give_to_vendor(rma.id, photo.id, by=KEEPER)
    with pytest.raises(NotGranted):
        await attachments.content(photo.id, seen_by=OURS)


async def test_a_vendor_downloads_its_evidence_over_http_and_on_its_page(api, visitor):  # noqa: F811  a fixture
    await broken("ZL2-0001")
    (rma,) = await rmas.draft("GZ", [line("ZL2-0001")], by=KEEPER)
    await rmas.request(rma.id, by=BUYER)
    log = await attachments.attach(
        "rma", rma.id, "smart.txt", b"4096", by=KEEPER, most_bytes=100, kind="test_result", remark="bench 2"
    )
    reader, path = await visitor("vendor", vendor="DISTI"), f"/vendor-rmas/{rma.id}/attachments"

    listed = await api.get(path, role="vendor", vendor="DISTI")
    got = await api.get(f"{path}/{log.id}/content", role="vendor", vendor="DISTI")
    page = (await reader.get(f"/vendor-rmas/{rma.id}")).text

    assert [each["name"] for each in listed.json()] == ["smart.txt"]
    assert (got.content, got.headers["content-disposition"].startswith("attachment")) == (b"4096", True)
    assert f"/api/v1{path}/{log.id}/content" in page
    assert "检测结果" in page
    assert (await api.get(path, role="vendor", vendor="DELL")).status_code == 404
    assert (await api.get(path, role="buyer")).status_code == 403


async def test_the_page_drafts_what_was_dead_on_arrival_and_pieces_of_a_lot(visitor):  # noqa: F811  a fixture
    await vendor_terms.set_terms(FIVE_DAYS, by=BUYER)
    await broken("ZL2-0001")
    await conditions.judge(Pieces("GZ", FAN, 2), "good", "defective", by=KEEPER, reason="noisy")
    stocks = await lots.lot_stocks(limit=9, seen_by=SETUP, part_number=FAN, depot="GZ")
    lot = next(each.lot for each in stocks if each.condition == "defective")
    keeper = await visitor("warehouse_keeper", depot="GZ")
    form = {
        "depot": "GZ",
        "vendor": ["DISTI", "DISTI"],
        "part_number": [DRIVE, FAN],
        "serial": ["ZL2-0001", ""],
        "lot": ["", lot],
        "quantity": ["1", "2"],
        "asked": ["exchange", "credit"],
        "failure_code": ["DOA", ""],
        "complaint": ["不上电", "noisy"],
        "dead_on_arrival": ["yes", ""],
    }

    sent = await keeper.post("/rmas", form, live=False)
    refused = await keeper.post("/rmas", {**form, "quantity": ["1", "many"]})

    assert (sent.status_code, refused.status_code) == (303, 422)
    (rma,) = await rmas.rmas(limit=2, seen_by=BUYER)
    assert [(each.dead_on_arrival, each.failure_code, each.quantity, each.lot) for each in rma.lines] == [
        (True, "DOA", 1, None),
        (False, None, 2, lot),
    ]
