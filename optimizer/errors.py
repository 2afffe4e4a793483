"""What the mathematics refuses, and why."""

from typing import override


class OptimizerError(Exception):
    """The problem has no answer."""

    def __init__(self, message: str = "", **facts: object) -> None:
        super().__init__(message or (self.__doc__ or "").strip())
        self.facts = facts

    @override
    def __str__(self) -> str:
        return str(self.args[0])


class InvalidInput(OptimizerError):
    """An input file breaks its format; `path` is the JSON path of the first thing wrong."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}", path=path, problem=message)
        self.path = path
        self.problem = message


class Infeasible(OptimizerError):
    """No plan satisfies every row; `reasons` says which rows cannot hold together and by how much."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons), reasons=reasons)
        self.reasons = reasons


class TimedOut(OptimizerError):
    """Time ran out before the gap closed; the best plan found so far is in `facts`."""
