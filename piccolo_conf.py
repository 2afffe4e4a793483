"""Piccolo's entry point: which database, which tables."""

from piccolo.conf.apps import AppRegistry

from inventory.ground.db import engine as DB  # noqa: F401, N812  the name Piccolo looks for

APP_REGISTRY = AppRegistry(apps=["inventory.piccolo_app"])
