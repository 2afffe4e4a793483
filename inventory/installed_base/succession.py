"""Succession: one device takes another's place, whole; what was fitted goes along (D33)."""

from inventory.ground import clock, db, jobs
from inventory.ground.errors import Refused


class SuccessorIsDevice(Refused):
    """{serial} is the serial of a device in service already."""

    zh = "序列号 {serial} 已是在用设备。"
    help_en = "Check which unit was put in; retire the other device first, if it is out of service."
    help_zh = "请核对实际装入的整机；如原登记设备已停用，请先将其退役。"


async def succeed(device: int, serial: str, *, document: str) -> int:
    """Retire a device and enter the one that took its place, of the same model, site, contract and environment; its id.

    What was fitted and not removed goes along with it. A unit that was a device once, and retired, is that device again.

    Raises:
        SuccessorIsDevice: a device in service has that serial.

    """
    successor = await db.fetch_value(
        """INSERT INTO device (serial, model, site, contract, environment, installed_on)
           SELECT $2, model, site, contract, environment, $3 FROM device WHERE id = $1
           ON CONFLICT ON CONSTRAINT device_serial_key DO UPDATE
               SET model = excluded.model, site = excluded.site, contract = excluded.contract,
                   environment = excluded.environment, installed_on = excluded.installed_on, retired_on = NULL,
                   successor = NULL
               WHERE device.retired_on IS NOT NULL
           RETURNING id""",
        device,
        serial,
        clock.today(),
    )
    if successor is None:
        raise SuccessorIsDevice(serial=serial)
    site = await db.fetch_value(
        """UPDATE device SET retired_on = greatest(coalesce(retired_on, $3), installed_on), successor = $2
           WHERE id = $1 RETURNING site""",
        device,
        successor,
        clock.today(),
    )
    await db.execute(
        """WITH out AS (
               UPDATE fitted_part SET removed_at = $3, removed_by_document = $4
               WHERE device = $1 AND removed_at IS NULL RETURNING part, position, serial
           )
           INSERT INTO fitted_part (device, part, position, serial, fitted_at, document_number)
           SELECT $2, part, position, serial, $3, $4 FROM out""",
        device,
        successor,
        clock.now(),
        document,
    )
    await jobs.enqueue(jobs.RefreshCover(sites=[site]))
    return successor
