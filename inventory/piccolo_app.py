"""The domain as one Piccolo app: its tables, floor by floor, and its migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig
from piccolo.table import Table

from inventory.assurance import tables as assurance
from inventory.catalogue import tables as catalogue
from inventory.emergency import tables as emergency
from inventory.ground import tables as ground
from inventory.imports import tables as imports
from inventory.installed_base import tables as installed_base
from inventory.people import tables as people
from inventory.places import tables as places
from inventory.planning import tables as planning
from inventory.procurement import tables as procurement
from inventory.requests import tables as requests
from inventory.returns import tables as returns
from inventory.stock import tables as stock

FLOORS = (
    ground,
    places,
    catalogue,
    people,
    installed_base,
    stock,
    procurement,
    returns,
    requests,
    planning,
    emergency,
    imports,
    assurance,
)

TABLES: list[type[Table]] = [
    table
    for floor in FLOORS
    for table in vars(floor).values()
    if isinstance(table, type) and issubclass(table, Table) and table.__module__ == floor.__name__
]
"""Every table of the house."""

APP_CONFIG = AppConfig(
    app_name="inventory",
    migrations_folder_path=str(Path(__file__).parent / "migrations"),
    # the ledger is partitioned, which Piccolo cannot say: its migration is written in SQL
    table_classes=[table for table in TABLES if table is not stock.Movement],
)
