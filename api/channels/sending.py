"""Sending: a message of the outbox becomes a letter in its reader's language, and goes by its channel."""

from datetime import timedelta

from api.channels import ADAPTERS
from api.channels.outcome import Letter, NotReached, NotSetUp, NotTaken
from api.channels.wording import worded
from api.settings import Settings
from api.shared import acknowledging_path
from inventory.people import messages
from inventory.people.messages import BeingSent, ToSend
from inventory.places import names

TRIES = 8
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=15)


def wait_after(attempt: int) -> timedelta:
    """How long to wait after a try, counted from 0: ever longer, for some half an hour in all.

    >>> [wait_after(n).total_seconds() for n in (0, 1, 4, 20)]
    [5.0, 15.0, 405.0, 900.0]
    """
    return min(_FIRST_WAIT * 3 ** min(attempt, 10), _LONGEST_WAIT)


_OF_REQUESTS = {
    "approval_asked": ("去审批", "Decide"),
    "approval_decided": ("查看备件申请", "The part request"),
    "quotation_answered": ("查看备件申请", "The part request"),
}
"""Messages whose link leads to their request, where one has to be signed in; what the link says."""


async def send(message: ToSend, settings: Settings) -> None:
    """Send a message by its channel.

    Raises:
        NotSetUp, NotTaken, NotReached: as its channel.

    """
    depot = message.facts.get("depot")
    said = worded(message.kind, message.facts, message.language, await names.names_of([depot] if depot else []))
    chinese = message.language == "zh"
    if message.kind in _OF_REQUESTS:
        page = "/approval" if message.kind == "approval_asked" else ""
        link, words = f"/requests/{message.facts['request']}{page}", _OF_REQUESTS[message.kind][not chinese]
    elif message.step is not None:
        link, words = acknowledging_path(message.id, settings.secret), "由我处理" if chinese else "I take it"
    else:
        link, words = "/messages", "查看我的消息" if chinese else "My messages"
    letter = Letter(
        id=message.id,
        name=message.name_zh if chinese else message.name_en,
        email=message.email,
        phone=message.phone,
        title=said.title,
        lines=said.lines,
        link=settings.base_url + link,
        link_words=words,
    )
    await ADAPTERS[message.channel](letter, settings)


async def try_to_send(taken: ToSend | BeingSent | None, settings: Settings, *, attempt: int) -> timedelta | None:
    """Send what was taken from the outbox and record how it went; how long to wait where it is to be tried again."""
    if taken is None:
        return None
    if isinstance(taken, BeingSent):
        return taken.wait
    try:
        await send(taken, settings)
    except NotSetUp:
        await messages.record_off(taken.id)
    except NotTaken as refusal:
        await messages.record_failed(taken.id, str(refusal), last=True)
    except NotReached as failure:
        last = attempt + 1 >= TRIES
        await messages.record_failed(taken.id, str(failure), last=last)
        return None if last else wait_after(attempt)
    else:
        await messages.record_sent(taken.id)
    return None
