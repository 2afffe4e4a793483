"""DingTalk (钉钉): the robot of a group, each call signed with the robot's secret."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from api.channels.outcome import Letter, NotSetUp
from api.channels.robots import plain, post
from api.settings import Settings
from inventory.ground import clock


async def send(letter: Letter, settings: Settings) -> None:
    """Tell a group, calling whom it concerns by their phone number.

    Raises:
        NotSetUp: there is no robot.
        NotTaken, NotReached: as `robots.post`.

    """
    if settings.dingtalk_robot is None:
        raise NotSetUp
    url = settings.dingtalk_robot
    if settings.dingtalk_secret is not None:
        url = signed(url, settings.dingtalk_secret, clock.now())
    await post(url, written(letter), settings)


def signature(secret: str, timestamp: str) -> str:
    """The signature of a call at a time in milliseconds: HMAC-SHA256 over the time and the secret, base64.

    >>> signature("SEC-example", "1767225600000")
    'dLuTsX7uEzGHOoyqC5EG0HKWcVIcQDOaNW2YKij9+m4='
    """
    made = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(made).decode()


def signed(url: str, secret: str, at: datetime) -> str:
    """The robot's address, signed for a call at an instant."""
    timestamp = str(int(at.timestamp() * 1000))
    query = urlencode({"timestamp": timestamp, "sign": signature(secret, timestamp)})
    return f"{url}{'&' if '?' in url else '?'}{query}"


def written(letter: Letter) -> dict[str, Any]:
    """A letter as the robot wants it."""
    called = f"@{letter.phone}" if letter.phone else f"@{plain(letter.name)}"
    lines = [f"#### {plain(letter.title)}", called, *(f"- {plain(line)}" for line in letter.lines)]
    return {
        "msgtype": "markdown",
        "markdown": {
            "title": plain(letter.title),
            "text": "\n\n".join([*lines, f"[{letter.link_words}]({letter.link})"]),
        },
        "at": {"atMobiles": [letter.phone] if letter.phone else [], "isAtAll": False},
    }
