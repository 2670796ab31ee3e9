"""The definition of a check."""

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
    # Maximum, in US dollars.
    dollars: float
    run: Callable[[Run], Seen]
    # Checks of the same lane that this check depends on.
    after: tuple[str, ...] = ()
    # Required options.
    needs: tuple[str, ...] = ()
    # A function that starts slow work when the lane starts.
    begin: Callable[[Run], None] | None = None
