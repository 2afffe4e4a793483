"""Severities: what each contract calls how bad a fault is, as data; general and severe where it says nothing."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.ground import audit, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown


class UnknownSeverity(Invalid):
    """Contract {contract} knows no severity “{severity}”: it has {known}."""

    zh = "合同 {contract} 没有“{severity}”这一故障级别，可用：{known}。"
    help_en = "Use one of the contract's severities; a general fault leaves the business running."
    help_zh = "请使用合同约定的故障级别；一般故障为基本不影响业务的故障。"


class SeverityTwice(Invalid, constraint="severity_definition_is_unique"):
    """A severity is defined once."""

    zh = "同一故障级别只能定义一次。"
    help_en = "Leave one definition for each code."
    help_zh = "每个级别编码请只保留一条定义。"


class SeverityView(Struct, frozen=True, kw_only=True):
    """A severity of a contract; the higher rank is worse, and its priority class says who gets the last piece."""

    code: str
    name_zh: str
    name_en: str
    definition_zh: str = ""
    definition_en: str = ""
    rank: int
    priority_class: str


SEVERITIES = """
SELECT code, name_zh, name_en, definition_zh, definition_en, rank, priority_class FROM severity_definition
WHERE severity_definition.contract IS NOT DISTINCT FROM
      (SELECT own.contract FROM severity_definition AS own WHERE own.contract = contract.id LIMIT 1)
"""
"""The severities of the row `contract`: its own, or the house's where it defines none."""


def pick(severities: Sequence[SeverityView], code: str, *, contract: str) -> SeverityView:
    """The severity a contract knows under a code.

    Raises:
        UnknownSeverity: it knows none.

    >>> general = SeverityView(code="P3", name_zh="三级", name_en="P3", rank=1, priority_class="general")
    >>> pick([general], "P3", contract="C-1").priority_class
    'general'
    """
    for severity in severities:
        if severity.code == code:
            return severity
    raise UnknownSeverity(contract=contract, severity=code, known=", ".join(each.code for each in severities))


class Called(Struct, frozen=True, kw_only=True):
    """What a severity is called."""

    code: str
    name_zh: str
    name_en: str


async def called(*, limit: int = 100) -> list[Called]:
    """Every severity that any contract knows, by the house's words where it has some."""
    return await db.read(
        Called,
        """SELECT DISTINCT ON (code) code, name_zh, name_en FROM severity_definition
           ORDER BY code, contract NULLS FIRST LIMIT $1""",
        limit,
    )


def words(code: str, contract: str) -> str:
    """Two columns, `severity_zh` and `severity_en`: what a contract (its id) calls a severity (its code), else the house."""
    found = f"""SELECT {{}} FROM severity_definition AS called
        WHERE called.code = {code} AND (called.contract = {contract} OR called.contract IS NULL)
        ORDER BY called.contract NULLS LAST LIMIT 1"""
    return ", ".join(
        f"coalesce(({found.format(f'called.{column}')}), {code}) AS severity_{column[-2:]}"
        for column in ("name_zh", "name_en")
    )


async def severities(contract: str, *, seen_by: Actor) -> list[SeverityView]:
    """A contract's severities, the worst first.

    Raises:
        Unknown: no such contract in the reader's scope.

    """
    if await _contract(contract, seen_by) is None:
        raise Unknown(what="contract", what_zh="合同", key=contract)
    return await db.read(
        SeverityView,
        f"""SELECT severity.* FROM contract, LATERAL ({SEVERITIES}) AS severity
            WHERE contract.code = $1 ORDER BY rank DESC, code LIMIT 50""",
        contract,
    )


async def of_the_house() -> list[SeverityView]:
    """The severities of contracts that define none of their own, the mildest first."""
    return await db.read(
        SeverityView,
        """SELECT code, name_zh, name_en, definition_zh, definition_en, rank, priority_class
           FROM severity_definition WHERE contract IS NULL ORDER BY rank, code LIMIT 50""",
    )


@db.atomic
async def define_severities(contract: str, defined: Sequence[SeverityView], *, by: Actor) -> list[SeverityView]:
    """Write what a contract calls how bad, in place of what stood there; none takes it back to the house's.

    Raises:
        Unknown: no such contract, or no such priority class.

    """
    by.require("parts.manage")
    key = await _contract(contract, by)
    if key is None:
        raise Unknown(what="contract", what_zh="合同", key=contract)
    known = {row["code"] for row in await db.fetch("SELECT code FROM priority_class LIMIT 100")}
    for severity in defined:
        if severity.priority_class not in known:
            raise Unknown(what="priority class", what_zh="优先级别", key=severity.priority_class)
    before = await severities(contract, seen_by=by)
    await db.execute("DELETE FROM severity_definition WHERE contract = $1", key)
    await db.execute_many(
        """INSERT INTO severity_definition (contract, code, name_zh, name_en, definition_zh, definition_en, rank,
                                            priority_class)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        [
            (key, each.code, each.name_zh, each.name_en, each.definition_zh, each.definition_en, each.rank,
             each.priority_class)
            for each in defined
        ],
    )  # fmt: skip
    await jobs.enqueue(jobs.RefreshCover(contracts=[key]))
    await audit.record(
        "contract.severities_defined",
        "contract",
        contract,
        by=by,
        change={"before": [each.code for each in before], "after": [each.code for each in defined]},
    )
    return await severities(contract, seen_by=by)


async def _contract(code: str, seen_by: Actor) -> int | None:
    return await db.fetch_value(
        "SELECT id FROM contract WHERE code = $1 AND ($2::text[] IS NULL OR code = ANY($2))",
        code,
        seen_by.contract_scope,
    )
