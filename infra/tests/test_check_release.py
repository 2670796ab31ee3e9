"""The check of a release, against correct and broken functions."""

import base64
import contextlib
import functools
import io
import json
import sys
import unittest
import unittest.mock

from botocore.exceptions import ClientError
from botocore.session import Session
from botocore.validate import validate_parameters
from template import ROOT, stack

sys.path.insert(0, str(ROOT / "infra/check_release"))
import check_release  # noqa: E402

ARN = "arn:aws:lambda:eu-central-1:111122223333:function:hall-{}:{}"
HOOK = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "hook-1"}
NEW, LIVE = "8", "7"


def problem(status, code):
    return {"statusCode": status, "headers": {}, "body": json.dumps({"code": code}), "isBase64Encoded": False}


class Functions:
    """Lambda with the functions of a healthy release. `broken` replaces the behaviour of a function."""

    def __init__(self, broken=None, logs=None, theaters=("grand-hall",)):
        self.broken, self.logs, self.listed = broken or {}, logs or {}, theaters
        self.calls = []

    def invoke(self, FunctionName, Payload, LogType):
        validate("lambda", "Invoke", {"FunctionName": FunctionName, "Payload": Payload.encode(), "LogType": LogType})
        function, version = FunctionName.split(":")[6].removeprefix("hall-"), FunctionName.split(":")[7]
        event = json.loads(Payload)
        self.calls.append((function, version, event))
        answer = self.broken.get((function, version), self.answer)(function, event)
        if isinstance(answer, Exception):
            raise answer
        result = {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer.get("error", answer)).encode())}
        if "error" in answer:
            result["FunctionError"] = "Unhandled"
        lines = "START RequestId: 1\n" + "".join(json.dumps(line) + "\n" for line in self.logs.get(function, lambda: [])())
        return {**result, "LogResult": base64.b64encode(lines.encode()).decode()}

    def answer(self, function, event):
        if "Records" in event:
            return {"batchItemFailures": []}
        method, path = event["routeKey"].split(" ", 1)
        theater = event.get("pathParameters", {}).get("theaterId")
        if path == "/theaters":
            return {"statusCode": 200, "body": json.dumps({"theaters": [{"theater_id": name} for name in self.listed]})}
        if function == "bookings":
            return problem(404, "booking_not_found")
        if method == "PUT":
            return problem(403, "forbidden")
        if method == "DELETE":
            return {"statusCode": 204}
        return {"statusCode": 200, "body": "{}"} if theater in self.listed else problem(404, "theater_not_found")


class CodeDeploy:
    """A deployment of one function, and the reported status."""

    def __init__(self, function="book", current=LIVE, target=NEW, silent=None):
        self.info = {"functionName": f"hall-{function}", "functionAlias": "live", "currentVersion": current, "targetVersion": target}
        self.silent, self.reported = silent, []

    def list_deployment_targets(self, **parameters):
        validate("codedeploy", "ListDeploymentTargets", parameters)
        if self.silent:
            raise self.silent
        return {"targetIds": ["target"]}

    def batch_get_deployment_targets(self, **parameters):
        validate("codedeploy", "BatchGetDeploymentTargets", parameters)
        return {"deploymentTargets": [{"deploymentTargetType": "LambdaTarget", "lambdaTarget": {"lambdaFunctionInfo": self.info}}]}

    def put_lifecycle_event_hook_execution_status(self, **parameters):
        validate("codedeploy", "PutLifecycleEventHookExecutionStatus", parameters)
        self.reported.append((parameters["deploymentId"], parameters["lifecycleEventHookExecutionId"], parameters["status"]))


def validate(service, operation, parameters):
    """Checks parameters against the service's model, as a real client does."""
    validate_parameters(parameters, input_shape(service, operation))


@functools.cache
def input_shape(service, operation):
    return Session().get_service_model(service).operation_model(operation).input_shape


def environment(**more):
    versions = {check_release.variable(name): ARN.format(name, NEW) for name in check_release.FUNCTIONS}
    return {**versions, "CACHE_MUST_ANSWER": "true", **more}


class Checked(unittest.TestCase):
    def run_check(self, functions=None, codedeploy=None, event=HOOK, settings=None, seconds=lambda: 300):
        self.functions, self.codedeploy = functions or Functions(), codedeploy or CodeDeploy()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            result = check_release.run(event, self.functions, self.codedeploy, settings or environment(), seconds)
        self.lines = [json.loads(line) for line in said.getvalue().splitlines()]
        self.assertEqual(result["succeeded"], all(finding["ok"] for finding in result["findings"]))
        return result

    def reported(self):
        ((deployment, hook, status),) = self.codedeploy.reported
        self.assertEqual((deployment, hook), ("d-1", "hook-1"))
        return status


class Healthy(Checked):
    def test_a_healthy_version_of_each_function_succeeds(self):
        for function in check_release.FUNCTIONS:
            with self.subTest(function):
                result = self.run_check(codedeploy=CodeDeploy(function))
                self.assertEqual(self.reported(), "Succeeded", result)
                called = {(name, version) for name, version, _ in self.functions.calls if name != "theaters"}
                self.assertEqual(called, {(function, NEW)} - {("theaters", NEW)})

    def test_the_version_is_the_one_that_codedeploy_names(self):
        self.run_check(codedeploy=CodeDeploy("book", target="11"))
        self.assertEqual({version for _, version, _ in self.functions.calls}, {"11"})

    def test_unnamed_version_leads_to_check_of_all(self):
        result = self.run_check(codedeploy=CodeDeploy(silent=PermissionError("denied")))
        self.assertEqual(self.reported(), "Succeeded")
        self.assertEqual({name for name, _, _ in self.functions.calls}, set(check_release.FUNCTIONS))
        self.assertIn("PermissionError: denied", result["notes"][0])

    def test_manual_call_checks_all_and_reports_nothing(self):
        result = self.run_check(event={})
        self.assertEqual({name for name, _, _ in self.functions.calls}, set(check_release.FUNCTIONS))
        self.assertEqual((result["succeeded"], self.codedeploy.reported), (True, []))

    def test_a_stack_without_events_has_seven_functions(self):
        self.run_check(event={}, settings=environment(PUBLISH_EVENTS=""))
        self.assertNotIn("publish-events", {name for name, _, _ in self.functions.calls})

    def test_it_works_on_a_stack_without_theaters(self):
        result = self.run_check(Functions(theaters=()), CodeDeploy("get-seats"))
        self.assertEqual(self.reported(), "Succeeded")
        self.assertIn("there is no theater, so no seats are read", result["notes"])

    def test_a_version_that_lambda_still_prepares_is_awaited(self):
        error = ClientError({"Error": {"Code": "ResourceConflictException", "Message": "Pending"}}, "Invoke")
        answers = [error, error]

        def pending(function, event):
            return answers.pop() if answers else problem(404, "theater_not_found")

        slept = []
        with unittest.mock.patch.object(check_release.time, "sleep", slept.append):
            self.run_check(Functions({("book", NEW): pending}))
        self.assertEqual((self.reported(), slept), ("Succeeded", [5, 5]))

    def test_going_back_is_never_held_up(self):
        dead = {("book", LIVE): lambda *_: {"error": {"errorType": "Runtime.ExitError"}}}
        result = self.run_check(Functions(dead), CodeDeploy("book", current=NEW, target=LIVE))
        self.assertEqual((self.reported(), self.functions.calls), ("Succeeded", []))
        self.assertIn("book goes back from version 8 to 7", result["notes"][0])


class Harmless(Checked):
    def test_theater_for_sale_gets_only_reads_of_seats(self):
        self.run_check(event={})
        for function, _, event in self.functions.calls:
            theater = event.get("pathParameters", {}).get("theaterId")
            if theater == "grand-hall":
                self.assertEqual((function, event["routeKey"]), ("get-seats", "GET /theaters/{theaterId}/seats"))
            elif theater is not None:
                self.assertRegex(theater, r"^release-check\.[0-9a-f]{32}$")
                self.assertIn(f"/{theater}", event["rawPath"])
                self.assertEqual(event["rawPath"], event["requestContext"]["http"]["path"])

    def test_ids_are_new_each_time(self):
        ids = []
        for _ in range(2):
            self.run_check(codedeploy=CodeDeploy("reservations"))
            ids += [event["pathParameters"]["reservationId"] for _, _, event in self.functions.calls]
        self.assertEqual(len(set(ids)), 4)

    def test_records_of_the_stream_are_of_no_theater_that_there_is(self):
        self.run_check(codedeploy=CodeDeploy("sync-cache"))
        batches = [event for _, _, event in self.functions.calls]
        self.assertEqual(len(batches), 2)
        self.assertEqual(json.dumps(batches).count("THEATER#"), json.dumps(batches).count("THEATER#release-check."))

    def test_no_call_has_a_scope(self):
        self.run_check(event={})
        calls = [event for name, _, event in self.functions.calls if name == "theaters"]
        self.assertNotIn("boxoffice/admin", json.dumps(calls))


class Broken(Checked):
    """Each fault of a version fails the release. The log has the expected and the actual answer."""

    def failed_call(self):
        self.assertEqual(self.reported(), "Failed")
        (line, *_) = [line for line in self.lines if line["message"] == "NOT as expected"]
        return line

    def test_a_version_that_does_not_start(self):
        dead = {(name, NEW): lambda *_: {"error": {"errorType": "Runtime.ExitError"}} for name in check_release.FUNCTIONS}
        for function in check_release.FUNCTIONS:
            with self.subTest(function):
                self.run_check(Functions(dead), CodeDeploy(function))
                self.assertIn("Runtime.ExitError", json.dumps(self.failed_call()["got"]))

    def test_a_version_that_cannot_read_the_table(self):
        for function in check_release.FUNCTIONS[:6]:
            with self.subTest(function):
                self.run_check(Functions({(function, NEW): lambda *_: problem(500, "internal")}), CodeDeploy(function))
                self.assertEqual(self.failed_call()["got"], [500, "internal"])

    def test_a_version_that_gives_records_back(self):
        for function in ("sync-cache", "publish-events"):
            failing = {(function, NEW): lambda *_: {"batchItemFailures": [{"itemIdentifier": "1"}]}}
            self.run_check(Functions(failing), CodeDeploy(function))
            self.assertEqual(self.reported(), "Failed")

    def test_version_that_lets_everyone_change_theaters(self):
        self.run_check(Functions({("theaters", NEW): lambda _, event: {"statusCode": 201}}), CodeDeploy("theaters"))
        self.assertEqual(self.reported(), "Failed")

    def test_version_that_cannot_read_seats_of_live_version(self):
        healthy = Functions()

        def new(function, event):
            for_sale = event["pathParameters"]["theaterId"] == "grand-hall"
            return problem(500, "internal") if for_sale else healthy.answer(function, event)

        self.run_check(Functions({("get-seats", NEW): new}), CodeDeploy("get-seats"))
        self.assertEqual(self.failed_call()["expected"], [200, None])

    def test_a_layout_that_no_version_can_read_holds_up_no_release(self):
        broken = problem(500, "internal")

        def answer(function, event):
            return broken if event["pathParameters"]["theaterId"] == "grand-hall" else Functions().answer(function, event)

        both = {("get-seats", NEW): answer, ("get-seats", "live"): answer}
        self.run_check(Functions(both), CodeDeploy("get-seats"))
        self.assertEqual(self.reported(), "Succeeded")

    def test_a_call_without_an_answer(self):
        self.run_check(Functions({("book", NEW): lambda *_: TimeoutError("no answer for 20 s")}))
        self.assertEqual(self.failed_call()["got"], "TimeoutError: no answer for 20 s")

    def test_a_check_that_runs_out_of_time_says_so_before_it_ends(self):
        self.run_check(seconds=lambda: 29)
        self.assertEqual(self.failed_call()["got"], "OutOfTime: less than 30 s are left")

    def test_a_check_without_settings(self):
        self.run_check(codedeploy=CodeDeploy(silent=ValueError()), settings={"BOOK": "no ARN"})
        self.assertEqual(self.reported(), "Failed")


class Cache(Checked):
    FAILING = {"book": lambda: [{"op": "book", "CacheErrors": 1}]}

    def test_a_version_that_does_not_reach_the_cache_fails(self):
        self.run_check(Functions(logs=self.FAILING))
        self.assertEqual(self.reported(), "Failed")
        self.assertIn("an answer of the cache", [line.get("expected") for line in self.lines])

    def test_an_instance_that_reaches_it_at_the_second_call_is_right(self):
        left = [1]
        logs = {"book": lambda: [{"op": "book", "CacheErrors": left.pop() if left else 0}]}
        self.run_check(Functions(logs=logs))
        self.assertEqual(self.reported(), "Succeeded")
        self.assertEqual(len(self.functions.calls), 2)

    def test_release_passes_if_cache_need_not_answer(self):
        result = self.run_check(Functions(logs=self.FAILING), settings=environment(CACHE_MUST_ANSWER="false"))
        self.assertEqual(self.reported(), "Succeeded")
        self.assertIn("got no answer of the cache, which is let through", result["notes"][0])
        failing = {("sync-cache", NEW): lambda _, event: {
            "batchItemFailures": [{"itemIdentifier": "1"}] if len(event["Records"]) == 1 else []}}
        self.run_check(Functions(failing), CodeDeploy("sync-cache"), settings=environment(CACHE_MUST_ANSWER="false"))
        self.assertEqual(self.reported(), "Succeeded")
        self.run_check(Functions(failing), CodeDeploy("sync-cache"))
        self.assertEqual(self.reported(), "Failed")


class Files(unittest.TestCase):
    def test_the_events_are_those_of_the_documentation(self):
        for copy in check_release.EVENTS.glob("*.json"):
            original = ROOT / "events" / copy.name
            self.assertEqual(copy.read_bytes(), original.read_bytes(), f"cp {original} {copy}")

    def test_every_event_is_used_and_every_used_event_is_there(self):
        used = set()
        for name in check_release.FUNCTIONS:
            functions = Functions()
            check = check_release.Check(functions, environment(), lambda: 300)
            read, records = check.event, check.records
            check.event = lambda name, *rest: used.add(name) or read(name, *rest)
            check.records = lambda name: used.add(name) or records(name)
            with contextlib.redirect_stdout(io.StringIO()):
                check.function(name, ARN.format(name, NEW))
        self.assertEqual(used, {path.stem for path in check_release.EVENTS.glob("*.json")})

    def test_it_checks_every_function_of_the_stack(self):
        functions = set(stack().of_type("AWS::Lambda::Function")) - {"CheckReleaseFunction"}
        names = {"".join(part.title() for part in name.split("-")) + "Function" for name in check_release.FUNCTIONS}
        self.assertEqual(functions, names)

    def test_its_own_timeout_is_long_enough_for_the_slowest_function(self):
        # Three calls with three tries each.
        self.assertGreaterEqual(stack().properties("CheckReleaseFunction")["Timeout"], 3 * 3 * 20 + check_release.SECONDS_FOR_A_CALL)


if __name__ == "__main__":
    unittest.main()
