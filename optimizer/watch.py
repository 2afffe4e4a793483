"""The time limit of a computation, and whom to tell how far it went."""

import resource
import time
from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Told at the start of every step: the step's name, and the gap proven so far."""


class Watch:
    """The time limit, and whom to tell how far it went."""

    def __init__(self, time_limit_s: float, progress: Progress | None) -> None:
        self.start = time.perf_counter()
        self.end = self.start + time_limit_s
        self.tell: Progress = progress or (lambda _step, _gap: None)

    @property
    def left_s(self) -> float:
        """Seconds left."""
        return max(self.end - time.perf_counter(), 0.0)

    def out(self) -> bool:
        """Whether time is out."""
        return self.left_s == 0.0

    @property
    def cost(self) -> dict[str, float]:
        """What the answer took: seconds and memory."""
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "seconds": time.perf_counter() - self.start,
            "peak_memory_mb": peak_kib / 1024.0,
        }
