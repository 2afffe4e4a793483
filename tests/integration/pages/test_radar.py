"""The radar on pages and over HTTP: what it shows in both languages, and what is done about a batch."""

from inventory.emergency import radar, radar_views
from tests.integration.emergency.test_radar import bank, delivered, fail, fit
from tests.integration.stock.test_batches import conditions_of
from tests.world import AUDITOR, DRIVE


async def a_bad_batch() -> str:
    receipt = await delivered(DRIVE, 12)
    for n in range(9):
        await fit(f"BANK-{n:03d}", DRIVE, f"N-{n}")
    await fail(DRIVE, bank(9))
    await fail(DRIVE, bank(3, first=100), position="bay 7")
    await radar.look_at_all()
    return receipt


async def test_the_radar_says_what_fails_and_where_in_both_languages(visitor):
    receipt = await a_bad_batch()
    reader = await visitor("auditor")

    chinese = (await reader.get("/radar")).text
    english = (await reader.get("/radar", language="en")).text
    batches_only = (await reader.get("/radar?dimension=batch", language="en")).text

    assert f"12 次中 9 次来自入库批次 {receipt}" in chinese
    assert f"9 of 12 from receipt {receipt}" in english
    assert "series are watched" in english
    assert 'hx-trigger="every 5s, refresh"' in english
    assert f"{receipt} · {DRIVE}" in batches_only
    shown = batches_only.partition('id="live"')[2]
    assert 'receipt batch <span class="code">' in shown
    assert 'site <span class="code">' not in shown


async def test_a_series_shows_its_days_and_what_holds_more_than_its_share(visitor):
    receipt = await a_bad_batch()
    reader = await visitor("auditor")
    (part,) = await radar_views.series_views(limit=5, seen_by=AUDITOR, dimension="part")

    page = (await reader.get(f"/radar/{part.id}", language="en")).text
    assert 'data-chart="failures"' in page
    assert "9 of 12" in page
    assert f"/batches?receipt={receipt}&amp;part={DRIVE}" in page or f"/batches?receipt={receipt}&part={DRIVE}" in page
    assert (await (await visitor("warehouse_keeper", depot="SH")).get(f"/radar/{part.id}")).status_code == 404


async def test_a_batch_is_blocked_and_claimed_from_its_page(visitor):
    receipt = await a_bad_batch()
    supervisor = await visitor("quality_supervisor")
    address = f"/batches?receipt={receipt}&part={DRIVE}"
    batch = {"receipt": receipt, "part_number": DRIVE}

    before = (await supervisor.get(address)).text
    unreasoned = await supervisor.post("/batches/quarantine", {**batch, "reason": ""})
    blocked = await supervisor.post("/batches/quarantine", {**batch, "reason": "nine died"})
    again = await supervisor.post("/batches/quarantine", {**batch, "reason": "nine died"})
    claimed = await supervisor.post("/quality-claims", {**batch, "reason": "nine died"})
    twice = await supervisor.post("/quality-claims", {**batch, "reason": "nine died"})
    claim = claimed.headers["location"]

    assert 'data-opens="quarantine"' in before
    assert (unreasoned.status_code, blocked.status_code, again.status_code) == (422, 303, 409)
    assert "在架上已无好件" in again.text
    assert (await conditions_of(DRIVE))["GZ", "quarantine"] == 12
    assert (claimed.status_code, twice.status_code) == (303, 409)

    buyer = await visitor("buyer")
    assert "提交供应商" in (await buyer.get(claim)).text
    assert (await buyer.post(f"{claim}/send")).status_code == 303
    assert (await buyer.post(f"{claim}/answer", {"words": "十件新盘"})).status_code == 303
    assert (await buyer.post(f"{claim}/close", {"words": "已更换"})).status_code == 303
    page = (await buyer.get(claim)).text
    assert "十件新盘" in page
    assert "已更换" in page
    assert 'data-opens="close"' not in page


async def test_the_api_lists_series_alarms_and_their_csv(api):
    receipt = await a_bad_batch()

    listed = (await api.get("/radar?limit=1", role="auditor")).json()
    following = (await api.get(f"/radar?limit=1&cursor={listed['next_cursor']}", role="auditor")).json()
    one = (await api.get(f"/radar/{listed['items'][0]['id']}", role="auditor")).json()
    csv = await api.get("/radar.csv?dimension=part", role="auditor", language="zh")
    alarms = (await api.get("/radar-alarms?state=raised", role="auditor")).json()
    status = (await api.get("/radar-status", role="auditor")).json()

    assert one["in_alarm"]
    assert following["items"][0]["id"] != one["id"]
    assert f"来自入库批次 {receipt}" in csv.text
    assert "告警限值" in csv.text
    assert {alarm["state"] for alarm in alarms["items"]} == {"raised"}
    assert (status["series"], status["false_alarms_per_year"]) == (8, 4.0)
    assert (await api.get("/radar?dimension=colour", role="auditor")).status_code == 422


async def test_the_api_blocks_and_claims_a_batch(api):
    receipt = await a_bad_batch()
    body = {"receipt": receipt, "part_number": DRIVE, "reason": "nine died"}

    assert (await api.post("/batch-quarantines", body, role=None)).status_code == 401
    assert (await api.post("/batch-quarantines", body, role="engineer")).status_code == 403
    assert (await api.post("/batch-quarantines", body, role="warehouse_keeper", depot="SH")).status_code == 403
    assert (await api.post("/batch-quarantines", {**body, "reason": ""}, role="quality_supervisor")).status_code == 422
    done = await api.post("/batch-quarantines", body, role="quality_supervisor")
    assert (done.status_code, len(done.json())) == (201, 12)
    assert (await api.post("/batch-quarantines", body, role="quality_supervisor")).status_code == 409
    pieces = (await api.get(f"/batches?receipt={receipt}&part={DRIVE}", role="auditor")).json()
    assert [(each["place"], each["condition"], each["quantity"]) for each in pieces] == [("GZ", "quarantine", 12)]

    claim = (await api.post("/quality-claims", body, role="buyer")).json()
    assert (claim["state"], claim["vendor"]) == ("open", "DISTI")
    address = f"/quality-claims/{claim['id']}"
    assert (await api.post(f"{address}/answer", {"answer": "no"}, role="buyer")).status_code == 409
    assert (await api.post(f"{address}/send", {"vendor_number": "Q-77"}, role="buyer")).json()["state"] == "sent"
    assert (await api.post(f"{address}/answer", {"answer": ""}, role="buyer")).status_code == 422
    assert (await api.post(f"{address}/answer", {"answer": "no"}, role="buyer")).json()["state"] == "answered"
    assert (await api.post(f"{address}/close", {"outcome": "paid"}, role="buyer")).json()["state"] == "closed"
    assert (await api.get(address, role="auditor")).json()["outcome"] == "paid"
