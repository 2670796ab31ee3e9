"""`make deploy`, `make logs` and `make undeploy` as an operator runs them, in a terminal against the emulator."""

import os
from pathlib import Path

from facts import Problem
from stack import NAME
from terminal import Session

ROOT = Path(__file__).resolve().parents[2]


class Commands:
    """The commands, on a copy of infra/samconfig.toml in which the tested stack is the default."""

    def __init__(self, facts, emulator, folder, log):
        self.facts, self.emulator, self.folder, self.log = facts, emulator, folder, log
        self.config = folder / "samconfig.toml"
        text = (ROOT / "infra/samconfig.toml").read_text()
        self.config.write_text(text.replace('stack_name = "boxoffice"', f'stack_name = "{NAME}"'))

    def run(self, *words, **driven):
        """Runs infra/stack.py in a terminal."""
        environment = {**self.emulator.environment(), "PATH": f"{ROOT / '.tools/bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
        command = [str(ROOT / "infra/python"), str(ROOT / "infra/stack.py"), *words, "--config", str(self.config)]
        return Session(command, environment, ROOT, self.log, **driven)

    def require(self, session, status, what):
        """Ends the test if a required command ended with another status."""
        self.facts.expect(f"{what} ends with {status}", status, session.status)
        if session.status != status:
            raise Problem(f"{what}:\n{session.text[-3000:]}\nFull output: {self.log}")

    def says(self, session, *texts):
        """Expects texts in what a command printed."""
        for text in texts:
            self.facts.expect(f"{session.command[2]} says {text!r}", True, text in session.text)

    def deploy_first(self, stack):
        """Creates the stack with Enter alone."""
        session = self.run("deploy", "--built", str(self.folder))
        self.require(session, 0, "the first deployment with nothing but Enter")
        questions = [question.rsplit("[", 1) for question in session.asked]
        self.facts.expect("each question has a default", True, all(default.rstrip("]: ") for _, default in questions))
        self.facts.expect("nothing is asked twice", len(questions), len({text for text, _ in questions}))
        self.facts.expect("it asks four questions, and whether to deploy", 5, len(questions))
        self.says(
            session, f"This makes the stack {NAME} in eu-central-1", "1 DynamoDB table", f"{len(stack.functions()) + 1} Lambda functions", "a month",
            "everyone who knows the address can read, reserve and book", "curl https://", "make load FILE=local/theaters.json",
        )
        saved = self.config.read_text()
        for text in ('region = "eu-central-1"', """'Cache="none"'""", "# The stack makes a role for each function."):
            self.facts.expect(f"samconfig.toml has {text}", True, text in saved)

    def deploy_with_flags(self):
        """Changes two parameters by flags alone."""
        session = self.run("deploy", "--built", str(self.folder), "--set", "LogLevel=debug MaxSeatsPerCall=12", "--yes")
        self.require(session, 0, "a deployment by flags")
        self.facts.expect("with flags nothing is asked", [], session.asked)
        self.says(session, "LogLevel: info -> debug", "All other parameters keep the values")

    def deploy_again(self, stack):
        """Deploys without any parameter. Rejects the list of changes first, then accepts it."""
        session = self.run("deploy", "--built", str(self.folder))
        self.facts.expect("only sam asks, and Enter is no", (1, 1), (len(session.asked), session.status))
        self.says(session, "Nothing was changed.")
        session = self.run("deploy", "--built", str(self.folder), answers=["y"])
        self.require(session, 0, "a deployment that was confirmed")
        kept = stack.parameters()
        self.facts.expect(
            "a deployment without parameters keeps those of the stack", ("debug", "12", "none"),
            (kept["LogLevel"], kept["MaxSeatsPerCall"], kept["Cache"]),
        )

    def logs(self):
        """Follows the lines of all functions until Ctrl-C, then reads those of one."""
        session = self.run("logs", "--stack", NAME, "--since", "1h", "--follow", until="publish-events ")
        self.facts.expect("Ctrl-C ends the lines quietly", (0, False), (session.status, "Traceback" in session.text))
        lines = [line for line in session.text.splitlines() if " get-seats " in line and "status=200" in line]
        self.facts.expect("a read is one readable line", True, bool(lines) and "_aws" not in lines[0] and " INFO  " in lines[0])
        times = [line[:18] for line in session.text.splitlines() if line[:1].isdigit()]
        self.facts.expect("lines are in the order of time", sorted(times), times)
        session = self.run("logs", "--stack", NAME, "--since", "1h", "--function", "book")
        names = {line[19:].split()[0] for line in session.text.splitlines() if line[:1].isdigit()}
        self.facts.expect("FUNCTION=book shows only its lines", {"book"}, names)
        session = self.run("logs", "--stack", NAME, "--function", "bok")
        self.facts.expect("an unknown function is refused", 2, session.status)
        self.says(session, "expected one of api, book,")

    def undeploy(self):
        """Deletes the stack. Answers with Enter first, which means no, then with yes."""
        session = self.run("undeploy", "--stack", NAME)
        self.facts.expect("Enter deletes nothing", 1, session.status)
        self.says(session, "Nothing was deleted.", f"Delete the stack {NAME} in eu-central-1?")
        session = self.run("undeploy", "--stack", NAME, "--confirm", answers=["y"])
        self.require(session, 0, "undeploy")
        self.says(session, "is no longer protected from deletion", "aws dynamodb delete-table")
        session = self.run("undeploy", "--stack", NAME, "--yes")
        self.facts.expect("a missing stack is refused", 2, session.status)
