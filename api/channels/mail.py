"""Mail, by SMTP. The id of a message is its Message-ID, so that one that was sent twice is recognised as one."""

from email.message import EmailMessage
from email.utils import formatdate

import aiosmtplib

from api.channels.outcome import Letter, NotReached, NotSetUp, NotTaken
from api.settings import MailServer, Settings

SECONDS = 30.0


async def send(letter: Letter, settings: Settings) -> None:
    """Send a letter.

    Raises:
        NotSetUp: there is no mail server, or no address to send it to.
        NotTaken: the server refuses it for good.
        NotReached: the server is not there, busy, or does not know us.

    """
    server = settings.mail
    if server is None or letter.email is None:
        raise NotSetUp
    try:
        await aiosmtplib.send(
            written(letter, server),
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
        raise (NotTaken if refused.code >= 500 else NotReached)(f"{refused.code} {refused.message}") from error
    except aiosmtplib.SMTPAuthenticationError as error:
        raise NotReached(f"the mail server does not know us: {error.code}") from error
    except aiosmtplib.SMTPResponseException as error:
        raise (NotTaken if error.code >= 500 else NotReached)(f"{error.code} {error.message}") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise NotReached(f"{type(error).__name__}: {error}") from error


def written(letter: Letter, server: MailServer) -> EmailMessage:
    """A letter as mail."""
    mail = EmailMessage()
    mail["From"] = server.sender
    mail["To"] = letter.email
    mail["Subject"] = letter.title
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{letter.id}@{server.sender.rpartition('@')[2].strip('> ')}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join([*letter.lines, "", f"{letter.link_words}:", letter.link, ""]))
    return mail
