"""CloudFormation stacks of a run: made, changed, read."""

import json

from botocore.exceptions import ClientError

from first_account.run import CannotTry, error_text

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
MINUTE = 60


class Refused(Exception):
    """Raised when CloudFormation refuses the template or its parameters and begins nothing."""


class Stack:
    """A stack of this run, by the part of its name after the run's prefix."""

    def __init__(self, run, part):
        self.run, self.name = run, run.name(part)
        self.cloudformation = run.client("cloudformation")
        self.parameters, self.before = {}, {}

    def create(self, template, parameters=None, longest=15 * MINUTE):
        """Makes the stack and waits for it. Returns the status. Raises Refused if it wasn't begun."""
        self.run.making("stack", self.name)
        self.parameters = dict(parameters or {})
        try:
            answer = self.cloudformation.create_stack(
                StackName=self.name, Parameters=as_parameters(self.parameters), Capabilities=CAPABILITIES, Tags=self.run.tags(),
                OnFailure="DO_NOTHING", **self._body(template),
            )
        except ClientError as problem:
            raise Refused(error_text(problem)) from problem
        self.run.learn(answer["StackId"])
        return self.settle(longest)

    def update(self, template, longest=30 * MINUTE, **parameters):
        """Changes the stack and waits for it. Returns the status."""
        self.begin_update(template, **parameters)
        return self.settle(longest)

    def begin_update(self, template, **parameters):
        """Begins to change the stack. Parameters that aren't named stay as they are."""
        self.before = dict(self.parameters)
        self.parameters |= parameters
        try:
            self.cloudformation.update_stack(
                StackName=self.name, Parameters=as_parameters(self.parameters), Capabilities=CAPABILITIES, Tags=self.run.tags(),
                **self._body(template),
            )
        except ClientError as problem:
            self.parameters = self.before
            raise Refused(error_text(problem)) from problem

    def _body(self, template):
        if isinstance(template, dict):
            return {"TemplateBody": json.dumps(template)}
        return {"TemplateURL": template}

    def settle(self, longest, meanwhile=lambda: None):
        """Waits until nothing is in progress, cleaning up included, and returns the status."""

        def settled():
            meanwhile()
            status = self.status()
            return None if status.endswith("_IN_PROGRESS") else status

        status = self.run.until(self.name, settled, longest) or self.status()
        if "ROLLBACK" in status:
            self.parameters = self.before
        return status

    def status(self):
        """Returns CloudFormation's status of the stack."""
        return self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"]

    def is_gone(self):
        """Returns whether the stack doesn't exist any more."""
        try:
            return self.status() == "DELETE_COMPLETE"
        except ClientError as problem:
            if "does not exist" in error_text(problem):
                return True
            raise

    def outputs(self):
        """Returns the stack's outputs."""
        (stack,) = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def resources(self):
        """Returns the ids of the stack's resources by logical id, and adds them to the run's own things."""
        pages = self.cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        found = {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages for one in page["StackResourceSummaries"] if one.get("PhysicalResourceId")
        }
        self.run.learn(*found.values())
        return found

    def why(self):
        """Returns the first reason of the latest failure."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
        first = ""
        for event in (event for page in pages for event in page["StackEvents"]):
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                first = f"{event['LogicalResourceId']}: {reason}"
            started = event["LogicalResourceId"] == self.name and event["ResourceStatus"] in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
            if started:
                break
        return first

    def delete(self):
        """Begins to delete the stack. The removal at the end of the run waits for it."""
        self.cloudformation.delete_stack(StackName=self.name)


def made(run, part, template, parameters=None, longest=15 * MINUTE):
    """Makes a stack that a check needs. Raises CannotTry with CloudFormation's reason."""
    stack = Stack(run, part)
    try:
        status = stack.create(template, parameters, longest)
    except Refused as problem:
        raise CannotTry(f"the stack {part} was refused: {problem}") from problem
    if status != "CREATE_COMPLETE":
        raise CannotTry(f"the stack {part} ended in {status}: {stack.why()}")
    return stack


def as_parameters(values):
    return [{"ParameterKey": name, "ParameterValue": str(value)} for name, value in values.items()]
