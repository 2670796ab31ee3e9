"""The deployed stack: its tables, roles and settings."""

import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Functions that write for callers, by the logical ids of their roles.
WRITERS = ["ReserveRole", "BookRole", "ReservationsRole", "BookingsRole", "TheatersRole"]
STAGE = "v1"


class Unsuitable(Exception):
    """The reason in one line why a stack, table or option can't be used."""


class Session(boto3.Session):
    """A session that retries throttled calls."""

    def client(self, service, **options):
        return super().client(service, config=Config(retries={"mode": "standard", "max_attempts": 8}), **options)


def connected(region):
    """Returns a session for a region, by default that of the environment."""
    # boto3 reads only AWS_DEFAULT_REGION, and the profile.
    session = Session(region_name=region or os.environ.get("AWS_REGION"))
    if session.region_name is None:
        raise Unsuitable("--region: name the stack's region, or set AWS_REGION")
    return session


class Stack:
    """A deployed stack."""

    def __init__(self, session, name):
        self.session, self.name = session, name
        cloudformation = session.client("cloudformation")
        try:
            (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                raise Unsuitable(f"there is no stack {name!r} in {session.region_name}") from error
            raise
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        self.parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in found.get("Parameters", [])}
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        self.resources = {part["LogicalResourceId"]: part.get("PhysicalResourceId") for page in pages for part in page["StackResourceSummaries"]}
        if "TableName" not in self.outputs or "SeatsTable" not in self.resources:
            raise Unsuitable(f"{name!r} is no stack of the box office")

    @property
    def table(self):
        """The table that the functions use."""
        return self.outputs["TableName"]

    @property
    def own_table(self):
        """The table that the stack made."""
        return self.resources["SeatsTable"]

    @property
    def archive(self):
        """The log group of the archived events."""
        if "EventArchiveName" not in self.outputs:
            raise Unsuitable(f"{self.name!r} archives no events (PublishEvents, EventArchiveDays): name a file of events with --events")
        return self.outputs["EventArchiveName"]

    def roles(self):
        """Returns the roles of the functions that write for callers, by logical id."""
        return {name: self.resources[name] for name in WRITERS}
