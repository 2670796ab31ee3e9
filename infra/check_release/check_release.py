"""Checks new versions of the functions before they get traffic: CodeDeploy's hook BeforeAllowTraffic.

Calls the version with events as API Gateway, the stream and the queue deliver them. Compares status and code with the
expected ones. No seat for sale changes, because the calls name a theater whose id is made up for this one check. Two
calls still write. Releasing an unknown reservation leaves a record that DynamoDB's TTL removes, and an expiry message
stays in ExpiryQueue for some minutes.

CodeDeploy invokes the function with a deployment's id and waits for `PutLifecycleEventHookExecutionStatus`
(https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure-hooks.html). Invoked with
anything else, such as `{}`, the function checks all versions, and only returns what it found.
"""

import base64
import copy
import json
import os
import random
import time
import uuid
from pathlib import Path

EVENTS = Path(__file__).resolve().parent / "events"
FUNCTIONS = ["get-seats", "reserve", "book", "reservations", "bookings", "theaters", "sync-cache", "publish-events"]
# An instance that has just started may reach the cache only after its first request.
TRIES = 3
# A call takes at most 15 s, the functions' timeout. The remaining time is for the report.
SECONDS_FOR_A_CALL = 30
ALL_TAKEN = {"batchItemFailures": []}
NOT_READY = {"ResourceNotReadyException", "ResourceConflictException"}


class OutOfTime(Exception):
    """Raised when the function's own timeout is near."""


def handler(event, context):
    """Checks the version that CodeDeploy is about to release, and reports the result to CodeDeploy."""
    import boto3  # of the runtime
    from botocore.config import Config

    # boto3 repeats throttled calls, because eight checks start at once and new accounts run ten functions at a time. A
    # call without an answer is a finding.
    settings = Config(retries={"mode": "standard", "max_attempts": 10}, connect_timeout=5, read_timeout=20)
    clients = {name: boto3.client(name, config=settings) for name in ("lambda", "codedeploy")}
    return run(event, clients["lambda"], clients["codedeploy"], os.environ, remaining_seconds=seconds_left(context))


def seconds_left(context):
    """Returns a function that says how many seconds are left."""
    if context is None:
        return lambda: 300
    return lambda: context.get_remaining_time_in_millis() / 1000


def run(event, lambdas, codedeploy, environment, remaining_seconds=lambda: 300):
    """Checks, logs and reports.

    An error of the check itself also fails the release, and CodeDeploy gets the result at once.
    """
    deployment = event.get("DeploymentId") if isinstance(event, dict) else None
    check = Check(lambdas, environment, remaining_seconds)
    try:
        for name, version in versions_to_check(deployment, codedeploy, environment, check).items():
            check.function(name, version)
        if not check.findings:
            check.note("nothing to check")
    except Exception as error:  # noqa: BLE001 - CodeDeploy would wait an hour for a check without a report
        check.finding("the check itself", "an end", f"{type(error).__name__}: {error}", holds=False)
    failed = [finding for finding in check.findings if not finding["ok"]]
    result = {"succeeded": not failed, "findings": check.findings, "notes": check.notes}
    log({"message": "release checked", "succeeded": not failed, "checked": len(check.findings), "failed": len(failed)})
    if deployment:
        codedeploy.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment,
            lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
            status="Failed" if failed else "Succeeded",
        )
    return result


def versions_to_check(deployment, codedeploy, environment, check):
    """Returns the ARNs of the versions to check, by function.

    CodeDeploy knows the version that a deployment moves the alias to. If it doesn't name one, the check tests all
    versions that the stack has published. The environment names them. A deployment that moves the alias back to an
    older version passes without a check, because a rollback must never be held up.
    """
    published = {name: environment[variable(name)] for name in FUNCTIONS if environment.get(variable(name))}
    if not deployment:
        return published
    try:
        info = deployed_function(codedeploy, deployment)
        current, target = int(info["currentVersion"]), int(info["targetVersion"])
        (name,) = [name for name, arn in published.items() if arn.split(":")[6] == info["functionName"].split(":")[-1]]
    except Exception as error:  # noqa: BLE001 - then the environment names the versions
        check.note(f"CodeDeploy didn't name the version ({type(error).__name__}: {error}), so all are checked")
        return published
    if target < current:
        check.note(f"{name} goes back from version {current} to {target}, which is not checked")
        return {}
    return {name: f"{published[name].rsplit(':', 1)[0]}:{target}"}


def deployed_function(codedeploy, deployment):
    """Returns CodeDeploy's description of the one function of a deployment
    (https://docs.aws.amazon.com/codedeploy/latest/APIReference/API_LambdaFunctionInfo.html)."""
    (target,) = codedeploy.list_deployment_targets(deploymentId=deployment)["targetIds"]
    answer = codedeploy.batch_get_deployment_targets(deploymentId=deployment, targetIds=[target])
    (target,) = answer["deploymentTargets"]
    return target["lambdaTarget"]["lambdaFunctionInfo"]


def variable(name):
    """Returns the variable that holds the ARN of a function's newest version."""
    return name.upper().replace("-", "_")


class Check:
    """Calls versions and keeps the findings."""

    def __init__(self, lambdas, environment, remaining_seconds):
        self.lambdas, self.environment, self.remaining_seconds = lambdas, environment, remaining_seconds
        self.cache_must_answer = environment.get("CACHE_MUST_ANSWER") == "true"
        # A theater that doesn't exist.
        self.theater = f"release-check.{uuid.uuid4().hex}"
        self.findings, self.notes = [], []
        self.sleep = time.sleep

    def function(self, name, version):
        """Makes all calls of one function."""
        getattr(self, name.replace("-", "_"))(version)

    def get_seats(self, version):
        self.request(version, "get-seats.unknown-theater", 404, "theater_not_found")
        theater = self.theater_for_sale()
        if theater is None:
            return self.note("there is no theater, so no seats are read")
        self.real_seats(version, theater)

    def reserve(self, version):
        self.request(version, "reserve.success", 404, "theater_not_found")

    def book(self, version):
        self.request(version, "book.success", 404, "theater_not_found")

    def reservations(self, version):
        self.request(version, "reservations.unknown", 404, "theater_not_found")
        # This call writes, so that an id that is released before it was reserved can't be reserved later.
        self.request(version, "reservations.release", 204)

    def bookings(self, version):
        self.request(version, "bookings.unknown", 404, "booking_not_found")
        self.request(version, "bookings.cancel", 404, "booking_not_found")

    def theaters(self, version):
        self.request(version, "theaters.list", 200)
        self.request(version, "theaters.success", 404, "theater_not_found")
        # Without the administrators' scope.
        self.request(version, "theaters.put.forbidden", 403, "forbidden")

    def sync_cache(self, version):
        # The first reads the layout from the table, the second drops the theater from the cache.
        self.batch(version, "sync-cache.changes", self.records("sync-cache.changes"))
        self.batch(version, "sync-cache.deleted", self.records("sync-cache.deleted"))

    def publish_events(self, version):
        # The first reads the seat from the table. The second comes too early and is sent to ExpiryQueue once more.
        now = int(time.time())
        wake_ups = [self.wake_up("due", now - 60), self.wake_up("early", now + 120)]
        self.batch(version, "wake-ups", {"Records": wake_ups})

    def theater_for_sale(self):
        """Returns the id of an existing theater, read by the newest version of theaters.

        Returns None without any theater.
        """
        version = self.environment.get(variable("theaters"))
        answer, _ = self.invoke(version, self.event("theaters.list")) if version else ({}, "")
        theaters = body_of(answer).get("theaters") or [{}]
        return theaters[0].get("theater_id")

    def real_seats(self, version, theater):
        """Reads the seats of a theater that is for sale.

        The expected answer is 200, or the answer of the live version.
        """
        event = self.event("get-seats.success", theater)
        answer, _ = self.invoke(version, event)
        expected, got = (200, None), status_and_code(answer)
        if got != expected:
            alias = f"{version.rsplit(':', 1)[0]}:live"
            expected = status_and_code(self.invoke(alias, event)[0])
            self.note(f"the seats of {theater} can't be read. The live version answers {expected}")
        self.finding(f"{short(version)} get-seats.success with a theater that is for sale", expected, got)

    def request(self, version, name, status, code=None):
        """Makes a request of API Gateway.

        Repeats it while the cache doesn't answer an instance that has just started.
        """
        for _ in range(TRIES):
            answer, lines = self.invoke(version, self.event(name))
            cache_failed = any(line.get("CacheErrors") for line in lines)
            if not cache_failed:
                break
        self.finding(f"{short(version)} {name}", (status, code), status_and_code(answer))
        self.cache(version, name, cache_failed)

    def batch(self, version, name, event):
        """Delivers a batch. The version must accept all records."""
        for _ in range(TRIES):
            answer, _ = self.invoke(version, event)
            if answer == ALL_TAKEN:
                break
        if name == "sync-cache.deleted" and "batchItemFailures" in answer:
            return self.cache(version, name, answer != ALL_TAKEN)
        self.finding(f"{short(version)} {name}", ALL_TAKEN, answer)

    def cache(self, version, name, failed):
        """Notes whether the cache answered."""
        if not failed:
            return
        if self.cache_must_answer:
            self.finding(f"{short(version)} {name}", "an answer of the cache", "none")
        else:
            self.note(f"{short(version)} got no answer of the cache, which is let through")

    def invoke(self, version, event):
        """Invokes a version. Returns its answer and the JSON lines that it logged."""
        if self.remaining_seconds() < SECONDS_FOR_A_CALL:
            raise OutOfTime(f"less than {SECONDS_FOR_A_CALL} s are left")
        answer = self.invoke_when_ready(version, json.dumps(event))
        payload = json.loads(answer["Payload"].read() or b"null")
        lines = json_lines(base64.b64decode(answer.get("LogResult") or "").decode(errors="replace"))
        if "FunctionError" in answer:
            return {"function_error": answer["FunctionError"], "payload": payload}, lines
        return payload, lines

    def invoke_when_ready(self, version, payload):
        """Invokes a version.

        Repeats the call while Lambda still prepares the version, as it may do for a function in a VPC
        (https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html).
        """
        while True:
            try:
                return self.lambdas.invoke(FunctionName=version, Payload=payload, LogType="Tail")
            except Exception as error:
                code = getattr(error, "response", {}).get("Error", {}).get("Code")
                if code not in NOT_READY or self.remaining_seconds() < SECONDS_FOR_A_CALL:
                    raise
                self.sleep(5)

    def event(self, name, theater=None):
        """Reads an event of API Gateway, and puts it into the theater of the check, under ids of its own."""
        event = json.loads((EVENTS / f"{name}.json").read_text())
        parameters = event.get("pathParameters", {})
        own = {"theaterId": theater or self.theater, "reservationId": str(uuid.uuid4()), "bookingId": str(uuid.uuid4())}
        path = event["rawPath"]
        for parameter, old in parameters.items():
            path = path.replace(f"/{old}", f"/{own[parameter]}")
            parameters[parameter] = own[parameter]
        event["rawPath"] = event["requestContext"]["http"]["path"] = path
        # Each call has an address of its own (RFC 5737), so that limits on callers don't refuse the check.
        address = f"192.0.2.{random.randrange(1, 255)}"
        event["headers"]["x-forwarded-for"] = event["requestContext"]["http"]["sourceIp"] = address
        event["requestContext"]["timeEpoch"] = int(time.time() * 1000)
        return event

    def records(self, name):
        """Reads a batch of the stream, and puts its records into the theater of the check."""
        batch = json.loads((EVENTS / f"{name}.json").read_text())
        for record in batch["Records"]:
            images = [record["dynamodb"].get(part) for part in ("Keys", "OldImage", "NewImage")]
            for image in filter(None, images):
                image["pk"] = {"S": f"THEATER#{self.theater}"}
        return copy.deepcopy(batch)

    def wake_up(self, message, expires_at):
        """Builds a message of ExpiryQueue for a seat that doesn't exist."""
        body = {"theater_id": self.theater, "seat": "A1", "changed_at": 1, "expires_at": expires_at}
        return {"messageId": message, "eventSource": "aws:sqs", "body": json.dumps(body)}

    def finding(self, call, expected, got, holds=None):
        """Keeps and logs a difference between the expected and the actual answer."""
        ok = expected == got if holds is None else holds
        finding = {"call": call, "expected": expected, "got": got, "ok": ok}
        self.findings.append(finding)
        log({"message": "as expected" if ok else "NOT as expected", **finding})

    def note(self, text):
        """Keeps and logs a note that isn't a finding."""
        self.notes.append(text)
        log({"message": text})


def status_and_code(answer):
    """Returns an answer's status and its problem's code, or the whole answer if it isn't in API Gateway's format."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return answer
    status = answer["statusCode"]
    return status, body_of(answer).get("code") if status >= 400 else None


def body_of(answer):
    """Returns the JSON object of a body, or an empty one."""
    try:
        body = answer.get("body") or "{}"
        body = json.loads(base64.b64decode(body) if answer.get("isBase64Encoded") else body)
    except (ValueError, AttributeError):
        return {}
    return body if isinstance(body, dict) else {}


def json_lines(text):
    """Returns the JSON objects among the lines of a log."""
    lines = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            lines.append(value)
    return lines


def short(version):
    """Returns `function:version` of an ARN."""
    return ":".join(version.split(":")[6:]) or version


def log(fields):
    """Logs a JSON line."""
    print(json.dumps(fields, default=str), flush=True)
