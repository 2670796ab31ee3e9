"""Parsing of the mutants in the text files, and their application to the code."""

from dataclasses import dataclass


class Problem(Exception):
    """An error that the user has to fix."""


@dataclass
class Mutant:
    name: str
    fact: str
    file: str = ""
    old: str = ""
    new: str = ""
    # The suite and the names of the tests that are expected to catch it. They run first.
    by: tuple = ("integration", "")
    # The reason why no test catches it.
    survives: str = ""

    def misfit(self, root):
        """Returns the reason why it doesn't fit this checkout, or `None` if it fits."""
        if not self.old or self.old == self.new:
            return "it changes nothing"
        try:
            times = (root / self.file).read_text().count(self.old)
        except OSError as error:
            return str(error)
        return None if times == 1 else f"its old text occurs {times} times in {self.file}"

    def apply(self, text):
        assert text.count(self.old) == 1
        return text.replace(self.old, self.new)


def read_all(folder):
    mutants = [mutant for path in sorted(folder.glob("*.txt")) for mutant in read(path)]
    names = [mutant.name for mutant in mutants]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Problem(f"these names occur more than once: {', '.join(sorted(twice))}")
    return mutants


def read(path):
    """Parses a file. Each mutant has a line `NAME: FACT`, followed by its parts indented by two spaces."""
    mutants, file = [], ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        kind, _, rest = line.strip().partition(" ")
        if not line or line.startswith("#"):
            continue
        if line.startswith("in "):
            file = rest
        elif not line.startswith("  "):
            name, colon, fact = line.partition(": ")
            if not colon or " " in name:
                raise Problem(f"{path.name}:{number}: expected `NAME: FACT`, got {line!r}")
            mutants.append(Mutant(name, fact, file))
        elif not mutants:
            raise Problem(f"{path.name}:{number}: a part without a mutant")
        else:
            add(mutants[-1], line[2:], kind, rest, f"{path.name}:{number}")
    return mutants


def add(mutant, line, kind, rest, place):
    if line.startswith("-"):
        mutant.old = f"{mutant.old}\n{line[1:]}" if mutant.old else line[1:]
    elif line.startswith("+"):
        mutant.new = f"{mutant.new}\n{line[1:]}" if mutant.new else line[1:]
    elif kind == "by":
        suite, _, name = rest.partition(" ")
        mutant.by = (suite, name)
    elif kind == "survives":
        mutant.survives = rest
    else:
        raise Problem(f"{place}: expected old text (-), new text (+), `by` or `survives`")
