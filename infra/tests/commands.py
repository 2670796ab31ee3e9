"""A simulated account and terminal for the tests of `make deploy`, `make undeploy` and `make logs`."""

import contextlib
import io
import sys
import tempfile
from pathlib import Path
from unittest import mock

import boto3
from botocore.stub import Stubber
from template import ROOT

sys.path.insert(0, str(ROOT / "infra"))
import stack  # noqa: E402
from operate import account, answers  # noqa: E402
from operate.template import Template  # noqa: E402

REGION = "eu-central-1"
CONFIG = ROOT / "infra/samconfig.toml"
# Creating these takes a while, and no test changes them.
SESSION = boto3.Session("key", "secret", region_name=REGION)
TEMPLATE = Template(ROOT / "infra/template.yaml")


class Account:
    """Clients that return prepared answers in order."""

    def __init__(self):
        self.outputs = {"ApiUrl": "https://api.example.com/v1", "TableName": "hall-seats"}
        self.clients = {name: SESSION.client(name) for name in ["cloudformation", "dynamodb", "lambda", "logs", "sts"]}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, _session, service):
        return self.clients[service]

    def has(self, name, status="CREATE_COMPLETE", table="hall-seats", **parameters):
        """Adds an answer in which the stack exists, for the next read."""
        values = {"Release": "1", "Cache": "none", "JwtIssuer": "", "AlarmEmail": "", **parameters}
        stack = {
            "StackName": name, "StackStatus": status, "CreationTime": 0,
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()],
        }
        self.stubs["cloudformation"].add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": name})
        detail = {"LogicalResourceId": "SeatsTable", "ResourceType": "AWS::DynamoDB::Table", "PhysicalResourceId": table,
                  "ResourceStatus": status, "LastUpdatedTimestamp": 0}
        self.stubs["cloudformation"].add_response(
            "describe_stack_resource", {"StackResourceDetail": detail}, {"StackName": name, "LogicalResourceId": "SeatsTable"})

    def has_not(self, name):
        """Adds an answer in which the stack doesn't exist, for the next read."""
        self.stubs["cloudformation"].add_client_error(
            "describe_stacks", "ValidationError", f"Stack with id {name} does not exist", expected_params={"StackName": name})


class Typist:
    """A terminal with prepared lines. After them, each answer is Enter alone."""

    def __init__(self, *lines):
        self.lines = list(lines)
        self.prompts = []

    def read(self, prompt):
        self.prompts.append(prompt)
        if len(self.prompts) > 50:
            raise AssertionError(f"it asks without an end: {self.prompts[-1]}")
        return self.lines.pop(0) if self.lines else ""


class Run:
    """A finished command: its exit status, its output, the sam commands, and the file of the answers."""

    def __init__(self, words, account_, typist=None, config=None, environment=None, sam=None, standing=None):
        self.sam = []
        self.overrides = []
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "samconfig.toml"
            path.write_text(config if config is not None else CONFIG.read_text())
            output = io.StringIO()
            terminal = answers.Terminal(interactive=typist is not None)
            terminal.read = typist.read if typist else None

            def run(command, may_fail=False):
                self.sam.append(command)
                if command[1] == "deploy":
                    self.overrides.append(Path(command[-1].removeprefix("file://")).read_text())
                return sam(command) if sam else 0

            region = (environment or {}).get("AWS_REGION")
            with contextlib.ExitStack() as stack_:
                for patched in [
                    mock.patch.object(account, "client", account_.client),
                    mock.patch.object(account, "identity", lambda session: "111122223333"),
                    mock.patch.object(account, "configured_region", lambda: region),
                    mock.patch.object(stack, "Terminal", lambda: terminal),
                    mock.patch("operate.deploy.capacity.standing", standing or (lambda session, stack: [])),
                    mock.patch("operate.deploy.Template", lambda path: TEMPLATE),
                    mock.patch("operate.deploy.run", run),
                    mock.patch("operate.undeploy.run", run),
                    mock.patch("operate.deploy.require_tools", lambda architecture: None),
                    mock.patch.dict("os.environ", environment or {}),
                    contextlib.redirect_stdout(output),
                    contextlib.redirect_stderr(output),
                ]:
                    stack_.enter_context(patched)
                self.status = stack.main([*words, "--config", str(path)])
            self.text = output.getvalue()
            self.saved = path.read_text()
