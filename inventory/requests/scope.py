"""Whose part requests somebody sees, and whose somebody may withdraw or account for.

Whoever serves stores sees what their stores supply or are waited at for, what is asked for at the sites they serve, and
what is their own; handing out is theirs, deciding about the request is not.
"""

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden
from inventory.places.reach import reached


class NotYourRequest(Forbidden):
    """{name} neither asked for {number} nor is the engineer named on it."""

    zh = "{name} 不是 {number} 的申请人，也不是该申请指定的工程师。"
    help_en = "Ask whoever asked for it, the engineer named, a dispatcher or the project manager."
    help_zh = "请由申请人、指定工程师、调度员或项目经理办理。"


def seen(contracts: str, depots: str, name: str) -> str:
    """The condition that a reader sees `part_request` (with its `device` and `contract`); each is a parameter's place."""
    return f"""(({contracts}::text[] IS NULL OR contract.code = ANY({contracts}))
        AND ({reached("device.site", depots)} OR {name}::text IN (part_request.opened_by, part_request.engineer)
             OR EXISTS (SELECT FROM request_line AS supplied JOIN place AS store ON store.id = supplied.source_place
                        WHERE supplied.request = part_request.id AND store.code = ANY({depots}))))"""


def of(reader: Actor | None) -> tuple[list[str] | None, list[str] | None, str | None]:
    """The parameters of `seen`: the reader's contracts, stores and name; nobody's scope is everything."""
    return (reader.contract_scope, reader.depot_scope, reader.name) if reader else (None, None, None)


def concerns(opened_by: str, engineer: str | None, reader: Actor) -> bool:
    """Whether somebody may withdraw and account for a request: their own, or those of others by their right."""
    return reader.name in (opened_by, engineer) or reader.may("requests.settle")


def require_concerned(head: db.Row, by: Actor) -> None:
    """Refuse whoever the request is no business of.

    Raises:
        NotYourRequest: neither who asked nor the engineer named, and without the right to decide for others.

    """
    if not concerns(head["opened_by"], head["engineer"], by):
        raise NotYourRequest(name=by.name, number=head["number"])
