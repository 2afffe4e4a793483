"""Importing devices: new ones are entered, those that are there take what the file says and differs."""

from inventory.ground import db, jobs
from inventory.imports.columns import Column
from inventory.imports.kinds import Check, Key, Kind, Piece

ENVIRONMENTS = {
    "data_centre": ("data centre", "数据中心"),
    "server_room": ("server room", "机房"),
    "office": ("office", "办公室"),
    "industrial": ("industrial", "工业现场"),
    "outdoor": ("outdoor", "室外"),
}


async def _write(piece: Piece) -> None:
    """Write devices, and have the cover of the sites judged anew that gain or lose one."""
    sites = await db.fetch(
        """SELECT DISTINCT site FROM (
               SELECT site_id AS site FROM ready_devices WHERE line BETWEEN $1 AND $2
               UNION SELECT device.site FROM ready_devices AS r JOIN device ON device.id = r.existing
               WHERE r.changed AND r.line BETWEEN $1 AND $2
           ) AS touched ORDER BY site""",
        piece.first,
        piece.last,
    )
    await db.execute(
        """UPDATE device SET model = r.model_id, site = r.site_id, contract = r.contract_id, installed_on = r.installed_on,
                  registration_number = coalesce(r.registration_number, device.registration_number),
                  firmware = coalesce(r.firmware, device.firmware), environment = coalesce(r.environment, device.environment),
                  warranty_until = coalesce(r.warranty_until, device.warranty_until)
           FROM ready_devices AS r WHERE device.id = r.existing AND r.changed AND r.line BETWEEN $1 AND $2""",
        piece.first,
        piece.last,
    )
    await db.execute(
        """INSERT INTO device (serial, registration_number, model, site, contract, firmware, environment, installed_on,
                               warranty_until)
           SELECT serial, registration_number, model_id, site_id, contract_id, firmware, environment, installed_on,
                  warranty_until
           FROM ready_devices WHERE existing IS NULL AND line BETWEEN $1 AND $2""",
        piece.first,
        piece.last,
    )
    if sites:
        await jobs.enqueue(jobs.RefreshCover(sites=[row["site"] for row in sites]))


DEVICES = Kind(
    name="devices",
    right="parts.manage",
    en="Devices",
    zh="设备",
    columns=(
        Column(name="serial", en="Serial number", zh="设备序列号", required=True, example="DEV-2026-0001",
               also=("serial", "序列号", "SN")),
        Column(name="model", en="Model", zh="机型", required=True, example="R740", also=("设备型号", "型号")),
        Column(name="site", en="Site", zh="站点", required=True, example="CHANGSHA-1", also=("机房", "局点")),
        Column(name="contract", en="Contract", zh="合同", required=True, example="C-CHANGSHA", also=("合同编号",)),
        Column(name="installed_on", en="Installed on", zh="安装日期", shape="day", required=True, example="2025-06-01"),
        Column(name="registration_number", en="Registration number", zh="登记号", example="REG-2026-0001"),
        Column(name="firmware", en="Firmware", zh="微代码版本", example="2.19.1"),
        Column(name="environment", en="Environment", zh="运行环境", shape="choice", choices=ENVIRONMENTS, example="office",
               hint=("only where it is not the site's", "仅在与站点不同时填写")),
        Column(name="warranty_until", en="Warranty until", zh="保修截止日", shape="day", example="2028-05-31"),
    ),
    found="""device.id AS existing, device_model.id AS model_id, place.id AS site_id, contract.id AS contract_id,
             registered.id AS registered_id""",
    joins="""LEFT JOIN device ON device.serial = typed.serial
             LEFT JOIN device_model AS old_model ON old_model.id = device.model
             LEFT JOIN place AS old_site ON old_site.id = device.site
             LEFT JOIN contract AS old_contract ON old_contract.id = device.contract
             LEFT JOIN device_model ON device_model.code = typed.model
             LEFT JOIN place ON place.code = typed.site AND place.kind = 'site'
             LEFT JOIN contract ON contract.code = typed.contract
             LEFT JOIN device AS registered ON registered.registration_number = typed.registration_number""",
    checks=(
        Check(column="model", code="unknown_model", when="r.model IS NOT NULL AND r.model_id IS NULL"),
        Check(column="site", code="unknown_site", when="r.site IS NOT NULL AND r.site_id IS NULL"),
        Check(column="contract", code="unknown_contract",
              when="r.contract IS NOT NULL AND (r.contract_id IS NULL OR r.contract <> ALL (scope.contracts))"),
        Check(column="registration_number", code="registration_there",
              when="r.registered_id IS NOT NULL AND r.registered_id IS DISTINCT FROM r.existing"),
    ),
    keys=(
        Key(column="serial", parts=("r.serial",)),
        Key(column="registration_number", parts=("r.registration_number",)),
    ),
    changes={
        "model": "old_model.code",
        "site": "old_site.code",
        "contract": "old_contract.code",
        "installed_on": "device.installed_on",
        "registration_number": "device.registration_number",
        "firmware": "device.firmware",
        "environment": "device.environment",
        "warranty_until": "device.warranty_until",
    },
    write=_write,
)  # fmt: skip
