"""What stock is worth: the arithmetic of both methods. Pure; money is Decimal, CNY, to the fen.

*Moving average* (移动加权平均): after each receipt the average is value there ÷ pieces there; what leaves takes it along.
*Specific identification* (个别计价): each unit keeps what it came in with, and takes that with it.

Source: 企业会计准则第1号——存货, article 14, and its application guide (移动加权平均法, 个别计价法); IAS 2.23–27.
"""

from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct

from inventory.procurement.prices import FEN


class Balance(Struct, frozen=True):
    """What is there of a part in a pool: pieces, their value at the moving average, and at what each unit came in with."""

    quantity: int = 0
    value_cny: Decimal = Decimal(0)
    own_value_cny: Decimal = Decimal(0)


def share(value_cny: Decimal, quantity: int, of: int) -> Decimal:
    """What some of the pieces are worth at their average: value × quantity ÷ of, to the fen; all of them have all of it.

    >>> share(Decimal("100.00"), 1, 3), share(Decimal("100.00"), 3, 3), share(Decimal(0), 0, 0)
    (Decimal('33.33'), Decimal('100.00'), Decimal('0'))
    """
    if quantity == of:
        return value_cny
    return (value_cny * quantity / of).quantize(FEN, ROUND_HALF_EVEN)


def come(balance: Balance, quantity: int, value_cny: Decimal, own_value_cny: Decimal) -> Balance:
    """The balance after pieces came in with a value by either method.

    >>> come(Balance(2, Decimal(20), Decimal(20)), 1, Decimal(40), Decimal(40))
    Balance(quantity=3, value_cny=Decimal('60'), own_value_cny=Decimal('60'))
    """
    return Balance(balance.quantity + quantity, balance.value_cny + value_cny, balance.own_value_cny + own_value_cny)


def go(balance: Balance, quantity: int, own_value_cny: Decimal | None) -> tuple[Balance, Decimal, Decimal]:
    """The balance after pieces left, and what they took with them by either method.

    `own_value_cny` is what those pieces came in with, None where nobody knows which they were: then the average of it.

    >>> left, average, own = go(Balance(3, Decimal(60), Decimal(60)), 1, Decimal(40))
    >>> left, average, own
    (Balance(quantity=2, value_cny=Decimal('40.00'), own_value_cny=Decimal('20')), Decimal('20.00'), Decimal('40'))

    Raises:
        ValueError: fewer are there.

    """
    if quantity > balance.quantity:
        raise ValueError(f"{quantity} leave, {balance.quantity} are there")
    average = share(balance.value_cny, quantity, balance.quantity)
    own = own_value_cny
    if own is None or quantity == balance.quantity:
        own = share(balance.own_value_cny, quantity, balance.quantity)
    left = Balance(balance.quantity - quantity, balance.value_cny - average, balance.own_value_cny - own)
    return left, average, own
