"""The list of everything that a run makes, written to disk before the call to AWS.

One JSON object per line. A line is on the disk before the call that creates the thing. So a run that is killed at any
moment leaves a complete list.
"""

import json
import os
import re
from dataclasses import dataclass

RUN = re.compile(r"[a-z0-9]{4}")
PREFIX = "boxoffice-first-account-"
KINDS = ("policy", "stack", "bucket", "table", "api")


class StateProblem(Exception):
    """A state file that can't be used."""


@dataclass(frozen=True)
class Thing:
    """A resource of a run: its kind, and its name, which starts with the run's prefix."""

    kind: str
    name: str


class State:
    """The state file of one run."""

    def __init__(self, path, account, region):
        self.path, self.account, self.region = path, account, region
        self.things = []
        self.ids = set()

    @classmethod
    def begin(cls, path, account, region):
        """Starts a new file. A file that exists belongs to another run."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = cls(path, account, region)
        state._write({"account": account, "region": region}, mode="x")
        return state

    @classmethod
    def read(cls, path):
        """Reads the list of a run. The last line may be incomplete, and then its call was never sent."""
        lines = path.read_text().split("\n")[:-1]
        if not lines:
            return cls(path, "", "")
        try:
            first, *rest = [json.loads(line) for line in lines]
            state = cls(path, first["account"], first["region"])
            for line in rest:
                state._apply(line)
        except (ValueError, KeyError, TypeError) as problem:
            raise StateProblem(f"{path} can't be read as a state file: {problem}") from problem
        return state

    @property
    def run(self):
        """The four characters that name the run."""
        return self.path.stem

    def _apply(self, line):
        if "ids" in line:
            self.ids |= set(line["ids"])
            return
        (what, (kind, name)), = line.items()
        thing = Thing(kind, name)
        if kind not in KINDS or not name.startswith(PREFIX):
            raise ValueError(f"no thing of this tool: {kind} {name}")
        if what == "made" and thing not in self.things:
            self.things.append(thing)
        if what == "removed" and thing in self.things:
            self.things.remove(thing)

    def make(self, kind, name):
        """Records a thing that is about to be made."""
        self._record({"made": [kind, name]})
        return Thing(kind, name)

    def removed(self, thing):
        """Records that a thing is gone."""
        self._record({"removed": [thing.kind, thing.name]})

    def learn(self, values):
        """Records ids that AWS gave to things of this run."""
        new = sorted(set(values) - self.ids)
        if new:
            self._record({"ids": new})

    def _record(self, line):
        self._apply(line)
        self._write(line)

    def _write(self, line, mode="a"):
        with open(self.path, mode) as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        if mode == "x":
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # the directory entry has to be on the disk, too
            finally:
                os.close(folder)


def unfinished(folder):
    """Returns the state files of runs that left something."""
    states = [State.read(path) for path in sorted(folder.glob("*.state"))]
    return [state for state in states if state.things]
