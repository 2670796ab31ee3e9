"""The mutants as they are written down: reading them, and making them."""

from dataclasses import dataclass


class Problem(Exception):
    """Something the reader has to see to."""


@dataclass
class Mutant:
    name: str
    fact: str
    file: str = ""
    old: str = ""
    new: str = ""
    # The suite and the name of the tests that are expected to catch it; they run first.
    by: tuple = ("integration", "")
    # Why nothing can catch it, or does.
    survives: str = ""

    def misfit(self, root):
        """Why it can't be made of this checkout, if it can't."""
        if not self.old or self.old == self.new:
            return "it changes nothing"
        try:
            times = (root / self.file).read_text().count(self.old)
        except OSError as error:
            return str(error)
        return None if times == 1 else f"its old text is there {times} times in {self.file}"

    def apply(self, text):
        assert text.count(self.old) == 1
        return text.replace(self.old, self.new)


def read_all(folder):
    mutants = [mutant for path in sorted(folder.glob("*.txt")) for mutant in read(path)]
    names = [mutant.name for mutant in mutants]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Problem(f"these names are there twice: {', '.join(sorted(twice))}")
    return mutants


def read(path):
    """A file's mutants: each a line `NAME: FACT`, and below it, indented by two, its parts."""
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
            raise Problem(f"{path.name}:{number}: a part of no mutant")
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
        raise Problem(f"{place}: expected a line of the old text (-), of the new (+), `by` or `survives`")
