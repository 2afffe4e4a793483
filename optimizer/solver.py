"""The linear and mixed-integer solver, set up in one place."""

from typing import Any

import pulp


def highs(**options: Any) -> pulp.HiGHS:
    """HiGHS in this process: quiet, on one thread.

    It refuses to work in a process in which it ran with another number of threads before.

    Args:
        options: what `pulp.HiGHS` takes, such as `timeLimit` in seconds, and HiGHS' own options.
    """
    return pulp.HiGHS(msg=False, threads=1, **options)
