"""The first hour of an empty database: our own party, the outside places, the common pool, the first administrator."""

from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import db
from inventory.ground.actor import service
from inventory.ground.errors import Refused
from inventory.people.persons import NewPerson, add_person, grant_role
from inventory.places.register import NewParty, enter_outside_places, enter_parties
from inventory.stock.pools import COMMON, NewPool, enter_pools

SETUP = service("setup")


class NotEmpty(Refused):
    """This database already has a company in it."""

    zh = "该数据库中已有公司数据。"
    help_en = "Ask one of its administrators, or use an empty database."
    help_zh = "请联系其系统管理员，或使用空数据库。"


async def is_empty() -> bool:
    """Whether nobody has begun here yet."""
    return not await db.fetch_value("SELECT EXISTS (SELECT FROM party)")


@db.atomic
async def lay_ground(name_zh: str, name_en: str) -> None:
    """Enter what every company needs before anything else.

    Raises:
        NotEmpty: somebody began here before.

    """
    if not await is_empty():
        raise NotEmpty
    await enter_parties([NewParty(code="OWN", name_zh=name_zh, name_en=name_en, is_ourselves=True)], by=SETUP)
    await enter_outside_places(by=SETUP)
    await enter_pools([NewPool(code=COMMON)], by=SETUP)
    await put_in_force(NewPolicy(remark="the default"), by=SETUP)


@db.atomic
async def begin(username: str, password: str, company: str) -> None:
    """Begin with an empty database: lay the ground and make the first administrator.

    Raises:
        NotEmpty: somebody began here before.
        PasswordTooShort: the password has fewer than ten characters.

    """
    await lay_ground(company, company)
    await add_person(NewPerson(username=username, name_zh=username, name_en=username, password=password), by=SETUP)
    await grant_role(username, "administrator", by=SETUP)
