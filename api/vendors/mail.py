"""Ordering by mail: the order as a PDF, sent to the vendor's address; a person records what it replies.

The order's id is the Message-ID, so that a mail that was sent twice is recognised as one. Sending it proves that a mail server
took it, and no more: the buyer's duty to see an answer stays open until one is recorded.
"""

import asyncio
from email.message import EmailMessage
from email.utils import formatdate

import aiosmtplib

from api.papers import forms, purchase_orders
from api.papers.forms import Paper
from api.settings import MailServer, Settings
from api.vendors.outcome import Answered, Placed, VendorRefused, VendorUnreachable
from inventory.procurement.changes import ChangeView
from inventory.procurement.orders import OrderToPlace

SECONDS = 30.0


async def place(order: OrderToPlace, settings: Settings) -> Placed:
    """Mail an order to its vendor.

    Raises:
        VendorRefused: the mail server will not take it for that address.
        VendorUnreachable: there is no mail server, or it cannot take it now.

    """
    said = (
        f"采购订单 {order.number} 见附件。请回复确认及预计到货时间。\n\n"
        f"Purchase order {order.number} is attached. Please confirm it, and when the goods will arrive.\n"
    )
    await _send(order, f"采购订单 Purchase order {order.number}", said, str(order.id), settings)
    return Placed(sent=f"mail to {order.endpoint}: {order.number}.pdf", answered="")


async def change(order: OrderToPlace, change: ChangeView, settings: Settings) -> Answered:
    """Mail a change order to a vendor, with the order as it would be.

    Raises:
        VendorRefused, VendorUnreachable: as `place`.

    """
    subject = f"采购订单变更 Change of purchase order {order.number} v{change.version}"
    asked = (
        ("请取消该订单。", "Please cancel this order.")
        if change.cancels
        else ("变更后的订单见附件，请确认。", "The order as changed is attached; please confirm it.")
    )
    said = f"{asked[0]}\n{asked[1]}\n\n{change.reason}\n"
    await _send(order, subject, said, str(change.id), settings, change)
    return Answered(sent=f"mail to {order.endpoint}: {order.number} v{change.version}")


async def _send(
    order: OrderToPlace, subject: str, said: str, key: str, settings: Settings, change: ChangeView | None = None
) -> None:
    server = settings.mail
    if server is None or order.endpoint is None:
        raise VendorUnreachable("no mail server is set up (BEIJIAN_SMTP)")
    paper: Paper = await purchase_orders.of_order_to_place(order, change)
    pdf = await asyncio.to_thread(forms.pdf, paper)
    try:
        await aiosmtplib.send(
            written(order, subject, said, key, pdf, server),
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.encryption == "tls",
            start_tls=server.encryption == "starttls",
            timeout=SECONDS,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        refused = error.recipients[0]
        told = f"{refused.code} {refused.message}"
        raise (VendorRefused(told) if refused.code >= 500 else VendorUnreachable(told)) from error
    except aiosmtplib.SMTPAuthenticationError as error:
        raise VendorUnreachable(f"the mail server does not know us: {error.code}") from error
    except aiosmtplib.SMTPResponseException as error:
        told = f"{error.code} {error.message}"
        raise (VendorRefused(told) if error.code >= 500 else VendorUnreachable(told)) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise VendorUnreachable(f"{type(error).__name__}: {error}", sent=True) from error


def written(order: OrderToPlace, subject: str, said: str, key: str, pdf: bytes, server: MailServer) -> EmailMessage:
    """An order as mail."""
    mail = EmailMessage()
    mail["From"] = server.sender
    mail["To"] = order.endpoint
    mail["Subject"] = subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{key}@{server.sender.rpartition('@')[2].strip('> ')}>"
    mail.set_content(said)
    mail.add_attachment(pdf, maintype="application", subtype="pdf", filename=f"{order.number}.pdf")
    return mail
