"""The rules of `shelves`, compiled by numba: loading it takes a second and 60 MB, then a million demands take one more."""

import numba
from numba.extending import register_jitable

from optimizer import shelves

for _rule in shelves.RULES:
    register_jitable(_rule)

serve = numba.njit(cache=True, nogil=True)(shelves.serve)
"""`shelves.serve`, compiled."""
