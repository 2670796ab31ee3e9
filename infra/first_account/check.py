"""What a check is."""

from collections.abc import Callable
from dataclasses import dataclass

from first_account.results import Seen
from first_account.run import Run


@dataclass(frozen=True)
class Check:
    """One question to AWS."""

    name: str
    lane: str
    question: str
    expected: str
    how: str
    source: str
    minutes: int
    # At most, in US dollars.
    dollars: float
    run: Callable[[Run], Seen]
    # Checks of the same lane whose result it builds on.
    after: tuple[str, ...] = ()
    # Options without which it can't be tried.
    needs: tuple[str, ...] = ()
    # Started when its lane starts, for what takes long by itself.
    begin: Callable[[Run], None] | None = None
