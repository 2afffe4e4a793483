"""Who acts: the person or system behind every verb, with what they may do and where."""

from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground.errors import Forbidden, NotGranted, NotYourDepot, Unknown


class NoPerson(Forbidden):
    """A second pair of eyes is a person's: {name} is a key that belongs to nobody."""

    zh = "复核须由人员完成：{name} 是未绑定人员的接口密钥。"
    help_en = "Sign in, or use a key that was made for you."
    help_zh = "请登录后办理，或使用绑定到本人的接口密钥。"


class Delegated(Struct, frozen=True, kw_only=True):
    """A kind of approval that an approver left to the actor: a right within the approver's scope, up to an amount, CNY.

    `duties` are the kinds of steps that ask for such an approval.
    """

    delegator: str
    right: str
    up_to_cny: Decimal | None
    duties: tuple[str, ...]
    depots: frozenset[str] | None
    contracts: frozenset[str] | None


class Actor(Struct, frozen=True, kw_only=True):
    """A signed-in person, a system's key, or the service itself.

    `depots` and `contracts` are codes; None means all of them. `delegated` is what others left to them today, and
    `acts_for` the one of them for whom they do what they are just doing.
    """

    name: str
    kind: Literal["person", "api_key", "service"]
    roles: frozenset[str]
    rights: frozenset[str]
    depots: frozenset[str] | None = None
    contracts: frozenset[str] | None = None
    vendor: str | None = None
    person_id: int | None = None
    key_id: UUID | None = None
    language: str = "zh"
    delegated: tuple[Delegated, ...] = ()
    acts_for: str | None = None

    def may(self, right: str) -> bool:
        """Whether the actor has a right at all, anywhere, be it as somebody's delegate."""
        return right in self.rights or any(each.right == right for each in self.delegated)

    def require(self, right: str) -> None:
        """Refuse an actor without the right.

        Raises:
            NotGranted: the actor's roles do not include it, and nobody left it to them.

        """
        if not self.may(right):
            raise NotGranted(right=right, name=self.name)

    def require_eyes(self) -> None:
        """Refuse a system's key where a second person has to look; a person's own key acts under the person's name.

        Raises:
            NoPerson: the key belongs to nobody.

        """
        if self.kind == "api_key" and self.person_id is None:
            raise NoPerson(name=self.name)

    def sees_depot(self, code: str) -> bool:
        """Whether the actor's scope includes a depot."""
        return self.depots is None or code in self.depots

    def require_depot(self, code: str) -> None:
        """Refuse an actor who does not serve the depot.

        Raises:
            NotYourDepot: the actor may know of the depot (free counts are network-wide) but not act there.
            Unknown: the actor may not even know of it.

        """
        if self.sees_depot(code):
            return
        if self.may("parts.request") or self.may("stock.read"):
            raise NotYourDepot(name=self.name, depot=code)
        raise Unknown(what="depot", what_zh="备件库", key=code)

    @property
    def depot_scope(self) -> list[str] | None:
        """The depots as a query parameter; None means all."""
        return None if self.depots is None else sorted(self.depots)

    @property
    def contract_scope(self) -> list[str] | None:
        """The contracts as a query parameter; None means all."""
        return None if self.contracts is None else sorted(self.contracts)


def service(name: str) -> Actor:
    """The service acting by itself: a job, a schedule, a set-up.

    >>> service("emergency").name
    'service:emergency'
    """
    return Actor(name=f"service:{name}", kind="service", roles=frozenset(), rights=_Everything())


class _Everything(frozenset[str]):
    """The rights of the service itself: all, also those of rooms not yet built."""

    def __contains__(self, right: object) -> bool:
        return True
