"""WeCom (企业微信): the robot of a group, in its own markdown."""

from typing import Any

from api.channels.outcome import Letter, NotSetUp
from api.channels.robots import plain, post
from api.settings import Settings


async def send(letter: Letter, settings: Settings) -> None:
    """Tell a group, naming whom it concerns.

    Raises:
        NotSetUp: there is no robot.
        NotTaken, NotReached: as `robots.post`.

    """
    if settings.wecom_robot is None:
        raise NotSetUp
    await post(settings.wecom_robot, written(letter), settings)


def written(letter: Letter) -> dict[str, Any]:
    """A letter as the robot wants it."""
    lines = [f"**{plain(letter.title)}**", f"@{plain(letter.name)}", *(f"> {plain(line)}" for line in letter.lines)]
    content = "\n".join([*lines, f"[{letter.link_words}]({letter.link})"])
    return {"msgtype": "markdown", "markdown": {"content": content}}
