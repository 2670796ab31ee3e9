"""The stack, which sam deploys again and CloudFormation describes."""

import subprocess

import boto3
from botocore.config import Config

from emulator import REGION
from facts import Problem

NAME = "boxoffice-deploy-test"


class Stack:
    """A deployed stack."""

    def __init__(self, sam, template, emulator, log):
        self.sam, self.template, self.emulator, self.log = sam, template, emulator, log

    def client(self, service):
        # Failures should be visible, so only a first connection that an idle emulator dropped is tried again.
        settings = Config(retries={"mode": "standard", "max_attempts": 2}, read_timeout=60, proxies={})
        return boto3.client(
            service, endpoint_url=self.emulator.url, region_name=REGION, config=settings,
            aws_access_key_id="test", aws_secret_access_key="test",
        )

    def deploy(self, **parameters):
        """Deploys the template with the settings of `make deploy`.

        Parameters that aren't named stay as they are. Returns sam's output.
        """
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        return self.run(
            "deploy", "--template-file", str(self.template), "--resolve-s3", "--capabilities", "CAPABILITY_IAM",
            "--s3-prefix", NAME, "--tags", "application=boxoffice",
            "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar",
            *(["--parameter-overrides", *overrides] if overrides else []),
        )

    def delete(self):
        return self.run("delete", "--no-prompts")

    def run(self, command, *options):
        """Runs sam, with its output in a log. The message of a failure has the end of that output."""
        words = [str(self.sam), command, "--stack-name", NAME, "--region", REGION, *options]
        # A folder that has no samconfig.toml but the test's own.
        folder = self.template.parent
        done = subprocess.run(
            words, cwd=folder, env=self.emulator.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
        )
        with open(self.log, "a") as log:
            log.write(f"$ {' '.join(words)}\n{done.stdout}\n")
        if done.returncode != 0:
            last = "\n".join(done.stdout.strip().splitlines()[-12:])
            raise Problem(f"expected `sam {command}` to succeed, and it ended with {done.returncode}:\n{last}\nFull output: {self.log}")
        return done.stdout

    def status(self):
        """Returns CloudFormation's status of the stack, or None if there is no such stack."""
        for stack in self.client("cloudformation").describe_stacks()["Stacks"]:
            if stack["StackName"] == NAME and stack["StackStatus"] != "DELETE_COMPLETE":
                return stack["StackStatus"]
        return None

    def outputs(self):
        (stack,) = self.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def parameters(self):
        """Returns the values of its parameters, by name."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}

    def resources(self):
        """Returns the names of the resources, by logical id."""
        answer = self.client("cloudformation").describe_stack_resources(StackName=NAME)
        return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in answer["StackResources"]}

    @staticmethod
    def name():
        return NAME

    def functions(self):
        """Returns the names of the functions that the API, the stream and the queue call, by the names of their
        binaries.
        """
        answer = self.client("cloudformation").describe_stack_resources(StackName=NAME)
        return {
            dashed(resource["LogicalResourceId"].removesuffix("Function")): resource["PhysicalResourceId"]
            for resource in answer["StackResources"]
            if resource["ResourceType"] == "AWS::Lambda::Function" and resource["LogicalResourceId"] != "CheckReleaseFunction"
        }


def dashed(name):
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")
