"""Erlang's loss for base stocks of hundreds and thousands: the recursion of `poisson`, compiled."""

from collections.abc import Callable

import numba

from optimizer.poisson import Floats


def _loss(stock: float, load: float) -> float:
    loss = 1.0
    for servers in range(1, int(stock) + 1):
        filled = load * loss
        loss = filled / (servers + filled)
    return loss


loss_of_many: Callable[[Floats, Floats], Floats] = numba.vectorize(["float64(float64, float64)"], cache=True)(_loss)
"""B(S) at a load, for arrays of one shape; see `poisson.erlang_loss`."""
