"""Pools: whose calls a stock answers."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.ground import db, jobs
from inventory.ground.actor import Actor
from inventory.ground.entering import enter
from inventory.ground.errors import Forbidden, OthersConcerned, Unknown

COMMON = "common"
"""The pool that answers everybody's calls."""


class NotYourPool(Forbidden):
    """Pool {pool} answers no calls of your contracts."""

    zh = "库存归属 {pool} 不服务于您的合同。"
    help_en = "Name one of yours: {own}."
    help_zh = "请选择您合同的库存归属：{own}。"


class NewPool(Struct, frozen=True, kw_only=True):
    """A pool to enter; a dedicated one names its contract."""

    code: str
    contract: str | None = None


@db.atomic
async def enter_pools(pools: Sequence[NewPool], *, by: Actor) -> None:
    """Enter pools.

    Raises:
        UnknownReference: no such contract.

    """
    await enter(
        """INSERT INTO pool (code, contract)
           SELECT new.code, contract.id
           FROM jsonb_to_recordset($1) AS new(code text, contract text)
           LEFT JOIN contract ON contract.code = new.contract
           WHERE new.contract IS NULL OR contract.id IS NOT NULL
           RETURNING code""",
        pools,
        lambda pool: pool.code,
        what="pool",
        what_zh="库存归属",
        by=by,
        right="parts.manage",
    )
    rows = await db.fetch(
        "SELECT contract FROM pool WHERE code = ANY($1) AND contract IS NOT NULL ORDER BY contract",
        [p.code for p in pools],
    )
    if rows:
        await jobs.enqueue(jobs.RefreshCover(contracts=[row["contract"] for row in rows]))


async def find(code: str) -> int:
    """The id of a pool.

    Raises:
        Unknown: no such pool.

    """
    pool = await db.fetch_value("SELECT id FROM pool WHERE code = $1", code)
    if pool is None:
        raise Unknown(what="pool", what_zh="库存归属", key=code)
    return pool


async def require_own(pool: int, by: Actor) -> None:
    """Refuse whoever is bound to contracts where a pool answers the calls of others too.

    Raises:
        OthersConcerned: it is the common pool, or dedicated to a contract out of the actor's scope.

    """
    own = """SELECT $2::text[] IS NULL OR EXISTS (
        SELECT FROM pool JOIN contract ON contract.id = pool.contract WHERE pool.id = $1 AND contract.code = ANY($2))"""
    if not await db.fetch_value(own, pool, by.contract_scope):
        raise OthersConcerned(name=by.name)


async def pool_of_contract(contract: int) -> int:
    """The pool that answers a contract's calls: its own where stock is dedicated to it, else the common one."""
    return await db.fetch_value(
        """SELECT pool.id FROM contract
           JOIN pool ON CASE WHEN contract.dedicated_stock THEN pool.contract = contract.id ELSE pool.contract IS NULL END
           WHERE contract.id = $1""",
        contract,
    )


async def require_of_contracts(pool: str, *, by: Actor) -> None:
    """Refuse to act on a pool that answers no calls of the contracts somebody is bound to.

    Raises:
        NotYourPool: it is another contract's, or nobody's they stand for.

    """
    if by.contract_scope is None:
        return
    rows = await db.fetch(
        """SELECT DISTINCT pool.code FROM contract
           JOIN pool ON CASE WHEN contract.dedicated_stock THEN pool.contract = contract.id ELSE pool.contract IS NULL END
           WHERE contract.code = ANY($1) ORDER BY pool.code""",
        by.contract_scope,
    )
    own = [row["code"] for row in rows]
    if pool not in own:
        raise NotYourPool(pool=pool, own=", ".join(own) or "–")


async def serving(contracts: Sequence[str]) -> frozenset[str]:
    """The pools that answer calls of some contracts: the common one, and those dedicated to them."""
    rows = await db.fetch(
        """SELECT pool.code FROM pool LEFT JOIN contract ON contract.id = pool.contract
           WHERE pool.contract IS NULL OR contract.code = ANY($1)""",
        list(contracts),
    )
    return frozenset(row["code"] for row in rows)


async def pool_codes(*, limit: int) -> list[str]:
    """Every pool, the common one first."""
    rows = await db.fetch("SELECT code FROM pool ORDER BY contract IS NOT NULL, code LIMIT $1", limit)
    return [row["code"] for row in rows]
