"""Imports over HTTP: the ladder of every route, the job that is watched, the report that is downloaded."""

from uuid import uuid4

from tests.integration.imports.conftest import worked
from tests.world import DRIVE

GOOD = f"part number,serial,depot,provenance\r\n{DRIVE},N-1,GZ,unproven\r\n".encode()
BAD = "备件编号,备件库,数量\r\n=1+1,GZ,many\r\n".encode("gb18030")


async def test_a_table_is_uploaded_checked_confirmed_and_watched(own_company, caller):
    api = await caller(own_company)
    uploaded = await api.upload("/imports", GOOD, kind="units")
    run = uploaded.json()
    job = (await api.get(f"/jobs/{run['job']}")).json()
    await worked(run["id"], own_company)
    ready = (await api.get(f"/imports/{run['id']}")).json()
    confirmed = await api.post(f"/imports/{run['id']}/confirm")
    await worked(run["id"], own_company)
    done = (await api.get(f"/jobs/{confirmed.json()['job']}")).json()

    assert (uploaded.status_code, run["state"], job["state"]) == (202, "checking", "queued")
    assert (ready["state"], ready["rows"], ready["new_rows"]) == ("ready", 1, 1)
    assert (confirmed.status_code, confirmed.json()["state"]) == (202, "importing")
    assert (done["state"], done["progress"], done["result"]) == (
        "done",
        100,
        {"import": run["id"], "state": "imported"},
    )
    assert (await api.get("/units/N-1")).json()["place"] == "GZ"
    assert [item["id"] for item in (await api.get("/imports?kind=units")).json()["items"]] == [run["id"]]


async def test_the_report_names_line_column_value_and_reason_in_the_readers_language(own_company, caller):
    api = await caller(own_company)
    run = (await api.upload("/imports", BAD, kind="stock")).json()["id"]
    await worked(run, own_company)
    english = (await api.get(f"/imports/{run}/findings?wrong=true")).json()["items"]
    chinese = (await api.get(f"/imports/{run}/findings?limit=1", language="zh")).json()
    following = await api.get(f"/imports/{run}/findings?limit=1&cursor={chinese['next_cursor']}", language="zh")
    report = await api.get(f"/imports/{run}/findings.csv?wrong=true", language="zh")

    assert [(f["line"], f["column"], f["value"], f["code"]) for f in english] == [
        (2, "Part number", "=1+1", "formula"),
        (2, "Quantity", "many", "not_whole"),
    ]
    assert english[1]["reason"] == "is not a whole number"
    assert chinese["items"][0]["reason"] == "是公式，应填写具体值"
    assert following.json()["items"][0]["code"] == "not_whole"
    assert report.content.decode().splitlines()[:2] == [
        "\ufeff行,列,填写内容,原因说明,编码,是否错误,涉及内容",
        "2,备件编号,'=1+1,是公式，应填写具体值,formula,是,",
    ]
    refused = await api.post(f"/imports/{run}/confirm", language="zh")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")


async def test_the_ladder_of_importing(api):
    assert (await api.call("POST", "/imports", {}, role=None)).status_code == 401
    assert (await api.upload("/imports", GOOD, kind="units", role="warehouse_keeper")).json()["code"] == "not_granted"
    assert (await api.upload("/imports", GOOD, kind="units", role="planner")).json()["code"] == "not_granted"
    assert (await api.upload("/imports", GOOD, kind="wishes")).status_code == 422
    assert (
        await api.call("POST", "/imports", files={"other": ("a.csv", GOOD)}, data={"kind": "units"})
    ).status_code == 422
    assert (await api.upload("/imports", b"\x7fELF\x00", kind="units")).json()["code"] == "file_form_refused"
    assert (await api.upload("/imports", b"", kind="units")).json()["code"] == "file_empty"
    assert (await api.get(f"/imports/{uuid4()}")).status_code == 404
    assert (await api.post(f"/imports/{uuid4()}/confirm")).status_code == 404
    assert (await api.upload("/imports", GOOD, kind="units", key="k")).status_code == 202
    again = await api.upload("/imports", GOOD, kind="units", key="k")
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_a_gigabyte_is_refused_before_it_is_read(api):
    headers = {
        "Authorization": f"Bearer {await api.key('administrator')}",
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": "1000000000",
    }
    answer = await api.client.post("/api/v1/imports", content=b"--b", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_waiting_import_is_stopped_by_whoever_may_bring_it_in(api):
    run = (await api.upload("/imports", GOOD, kind="units")).json()
    refused = await api.post(f"/jobs/{run['job']}/cancel", role="planner")
    stopped = await api.post(f"/jobs/{run['job']}/cancel", role="quality_supervisor")

    assert (refused.status_code, refused.json()["code"]) == (403, "not_granted")
    assert stopped.json()["state"] == "cancelled"


async def test_templates_come_in_the_readers_language(api):
    chinese = await api.get("/import-templates/stock", language="zh")
    english = await api.get("/import-templates/stock")
    unknown = await api.get("/import-templates/poems")

    assert chinese.content.decode().startswith(
        "\ufeff备件编号*,备件库*,库存归属,状态,数量*,序列号,批次,来源凭证,库位\r\nFAN-2U"
    )
    assert english.content.decode().startswith(
        "\ufeffPart number*,Depot*,Pool,Condition,Quantity*,Serial number,Lot,Provenance,Bin location\r\n"
    )
    assert "template.csv" in english.headers["Content-Disposition"]
    assert unknown.status_code == 404


async def test_words_where_a_file_belongs_are_refused_in_words(api):
    key = await api.key("administrator")
    told = {}
    for language in ("zh", "en"):
        headers = {"Authorization": f"Bearer {key}", "Accept-Language": language, "Idempotency-Key": language}
        form = {"kind": (None, "parts"), "file": (None, "words")}
        answer = await api.client.post("/api/v1/imports", files=form, headers=headers)
        told[language] = (answer.status_code, answer.json()["detail"])

    assert told == {
        "zh": (422, "输入无效：/file：应为文件。"),
        "en": (422, "The input is not valid: /file: Expected a file."),
    }
