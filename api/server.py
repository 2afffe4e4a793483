"""Serving the application."""

from granian import Granian
from granian.constants import Interfaces, Loops

from api.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until told to stop; the application reads the same settings from the environment."""
    Granian(
        "api.app:create_app",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=1,
        log_enabled=False,
        respawn_failed_workers=False,
        workers_kill_timeout=10,
    ).serve()
