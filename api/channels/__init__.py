"""Channels: the ways by which a message leaves the house, each a small adapter."""

from collections.abc import Awaitable, Callable

from api.channels import dingtalk, mail, wecom
from api.channels.outcome import Letter
from api.settings import Settings

Adapter = Callable[[Letter, Settings], Awaitable[None]]

ADAPTERS: dict[str, Adapter] = {"mail": mail.send, "wecom": wecom.send, "dingtalk": dingtalk.send}
"""Every channel by its name in the outbox."""
