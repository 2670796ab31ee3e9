"""Results of the checks, printed side by side, and as a report without the account's id."""

import json
from dataclasses import asdict, dataclass

AS_EXPECTED, DIFFERS, NOT_TRIED = "as expected", "differs", "could not be tried"


@dataclass(frozen=True)
class Seen:
    """An observation of a check, and whether it was expected."""

    text: str
    agrees: bool


@dataclass(frozen=True)
class Result:
    """The outcome of one check."""

    name: str
    question: str
    expected: str
    source: str
    outcome: str
    seen: str
    seconds: int


def of(check, outcome, seen, seconds):
    """Creates the result of a check."""
    return Result(check.name, check.question, check.expected, check.source, outcome, seen, int(seconds))


class Redactor:
    """Replaces texts that identify the account."""

    def __init__(self, secrets):
        # The longest first, because one may contain another.
        self.secrets = sorted(((value, word) for value, word in secrets.items() if value), key=lambda pair: -len(pair[0]))

    def __call__(self, text):
        for value, word in self.secrets:
            text = text.replace(value, word)
        return text


def side_by_side(result, width=46):
    """Returns the expected and the observed text in two columns."""
    left, right = wrap(result.expected, width), wrap(result.seen, width)
    lines = [f"{result.name}: {result.outcome.upper()} ({result.seconds} s)", f"  {'expected':<{width}}  seen"]
    for row in range(max(len(left), len(right))):
        one = left[row] if row < len(left) else ""
        other = right[row] if row < len(right) else ""
        lines.append(f"  {one:<{width}}  {other}".rstrip())
    return "\n".join(lines)


def wrap(text, width):
    lines = [""]
    for word in " ".join(text.split()).split(" "):
        while len(word) > width:
            word, rest = word[:width], word[width:]
            lines += [word, ""]
            word = rest
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line for line in lines if line]


@dataclass(frozen=True)
class Report:
    """All results of a run, and the things that it left."""

    run: str
    region: str
    results: list
    # Messages about things that could not be removed.
    not_removed: list
    # ARNs in AWS's index of tags. The index may be some minutes behind.
    still_tagged: list


def write(folder, report, redact):
    """Writes the report as Markdown and JSON. Returns their paths."""
    document, run = asdict(report), report.run
    as_json, as_markdown = folder / f"{run}.json", folder / f"{run}.md"
    as_json.write_text(redact(json.dumps(document, indent=2)) + "\n")
    as_markdown.write_text(redact(markdown(document)))
    return [as_markdown, as_json]


def markdown(document):
    """Returns the report as Markdown."""
    counts = {outcome: sum(one["outcome"] == outcome for one in document["results"]) for outcome in (AS_EXPECTED, DIFFERS, NOT_TRIED)}
    lines = [f"# First account, run {document['run']}, {document['region']}", ""]
    lines += [", ".join(f"{number} {outcome}" for outcome, number in counts.items()) + ".", ""]
    lines += ["| check | outcome | expected | seen |", "| --- | --- | --- | --- |"]
    for one in document["results"]:
        cells = [f"[{one['name']}]({one['source']})", one["outcome"], one["expected"], one["seen"]]
        lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |")
    lines += ["", "Everything was removed." if not document["not_removed"] else "Not removed:", ""]
    lines += [f"- {kept}" for kept in document["not_removed"]]
    if document["still_tagged"]:
        lines += ["", "AWS's index of tags, which may be some minutes behind, still names:", ""]
        lines += [f"- {arn}" for arn in document["still_tagged"]]
    return "\n".join(lines).rstrip() + "\n"
