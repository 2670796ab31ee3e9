"""Releases: the check before traffic, the alarms that roll a release back, and the queues of undelivered records."""

import json
import re
import unittest

from combinations import all_combinations
from template import ROOT, references, stack, transform

FUNCTIONS = ["GetSeats", "Reserve", "Book", "Reservations", "Bookings", "Theaters", "SyncCache", "PublishEvents"]
OF_REQUESTS = FUNCTIONS[:6]


def functions_of(made):
    return FUNCTIONS if made.values["PublishEvents"] == "true" else FUNCTIONS[:-1]


def groups(made):
    return {name: group["Properties"] for name, group in made.of_type("AWS::CodeDeploy::DeploymentGroup").items()}


def version_of(made, function):
    """Returns the logical id of the version that the alias of a function points to."""
    return made.properties(f"{function}FunctionAliaslive")["FunctionVersion"]["Fn::GetAtt"][0]


def alarms_of_a_release(made):
    return [alarm["Name"]["Ref"] for alarm in groups(made)["BookFunctionDeploymentGroup"]["AlarmConfiguration"]["Alarms"]]


def reachable(made, name):
    """Returns all resources that a resource depends on, directly or indirectly."""
    found, left = set(), {name}
    while left:
        next_name = left.pop()
        found.add(next_name)
        left |= (references(made.resources[next_name]) & set(made.resources)) - found
    return found


def statement(made, role, sid):
    (policy,) = made.properties(role)["Policies"]
    (found,) = [part for part in policy["PolicyDocument"]["Statement"] if part["Sid"] == sid]
    return found


class Check(unittest.TestCase):
    def test_it_runs_before_traffic_of_every_function(self):
        for parameters in all_combinations():
            made = stack(**parameters)
            aliases = made.of_type("AWS::Lambda::Alias")
            self.assertEqual(set(aliases), {f"{name}FunctionAliaslive" for name in functions_of(made)})
            for name, alias in aliases.items():
                policy = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
                self.assertEqual(policy.get("BeforeAllowTrafficHook"), {"Ref": "CheckReleaseFunction"}, name)

    def test_it_runs_for_each_kind_of_deployment(self):
        for kind in ("AllAtOnce", "Linear10PercentEvery1Minute"):
            made = transform(Deployment=kind)["Resources"]
            policy = made["BookFunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
            self.assertIn("BeforeAllowTrafficHook", policy)

    def test_it_knows_the_version_of_each_function(self):
        for events in ("true", "false"):
            made = stack(PublishEvents=events)
            variables = made.variables("CheckReleaseFunction")
            for function in functions_of(made):
                name = re.sub(r"(?<!^)(?=[A-Z])", "_", function).upper()
                self.assertEqual(variables[name], {"Ref": version_of(made, function)})
        self.assertEqual(variables["PUBLISH_EVENTS"], "")

    def test_codedeploy_invokes_check_and_check_invokes_versions(self):
        made = stack()
        invoke = statement(made, "DeploymentRole", "Check")
        self.assertEqual(invoke["Action"], ["lambda:InvokeFunction"])
        self.assertEqual(invoke["Resource"], {"Fn::GetAtt": ["CheckReleaseFunction", "Arn"]})
        versions = statement(made, "CheckReleaseRole", "Versions")
        self.assertEqual(versions["Action"], ["lambda:InvokeFunction"])
        self.assertEqual(versions["Resource"], [{"Fn::Sub": "${%sFunction.Arn}:*" % name} for name in FUNCTIONS])
        report = statement(made, "CheckReleaseRole", "Deployments")
        self.assertIn("codedeploy:PutLifecycleEventHookExecutionStatus", report["Action"])
        self.assertIn("deploymentgroup:${ServerlessDeploymentApplication}/*", report["Resource"]["Fn::Sub"])

    def test_it_has_no_access_to_the_table(self):
        self.assertNotIn("dynamodb", json.dumps(stack().properties("CheckReleaseRole")))

    def test_check_release_is_not_built(self):
        function = stack().resources["CheckReleaseFunction"]
        self.assertIs(function["Metadata"]["SkipBuild"], True)
        module, handler = function["Properties"]["Handler"].split(".")
        source = (ROOT / "infra" / function["Properties"]["Code"] / f"{module}.py").read_text()
        self.assertIn(f"def {handler}(", source)

    def test_cache_must_answer_unless_release_alarms_are_off(self):
        for parameters, expected in [({}, "true"), ({"ReleaseAlarms": "false"}, "false"), ({"Cache": "none"}, "false")]:
            self.assertEqual(stack(**parameters).variables("CheckReleaseFunction")["CACHE_MUST_ANSWER"], expected)


class Alarms(unittest.TestCase):
    def test_default_release_takes_ten_minutes(self):
        for group in groups(stack()).values():
            self.assertIn("Canary10Percent10Minutes", str(group["DeploymentConfigName"]))
        made = transform(Deployment="AllAtOnce")["Resources"].values()
        kinds = [thing["Properties"]["DeploymentConfigName"] for thing in made if thing["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
        self.assertTrue(all("AllAtOnce" in str(kind) for kind in kinds))

    def test_the_alarms_of_a_release_take_it_back(self):
        for parameters in all_combinations():
            made = stack(**parameters)
            self.assertEqual(len(groups(made)), len(functions_of(made)))
            for name, group in groups(made).items():
                stopping = group["AlarmConfiguration"]
                self.assertTrue(stopping["Enabled"], name)
                self.assertEqual([alarm["Name"]["Ref"] for alarm in stopping["Alarms"]], ["ReleaseFailuresAlarm", "ReleaseErrorsAlarm"])
                self.assertLessEqual(len(stopping["Alarms"]), 10)
                self.assertIn("DEPLOYMENT_STOP_ON_ALARM", group["AutoRollbackConfiguration"]["Events"])

    def test_a_release_can_go_through_while_an_alarm_is_on(self):
        for parameters in ({}, {"Cache": "none"}, {"PublishEvents": "false"}):
            for name, group in groups(stack(ReleaseAlarms="false", **parameters)).items():
                # Without the property, the group would keep its alarms.
                self.assertEqual(group.get("AlarmConfiguration"), {}, name)

    def test_they_count_only_the_newest_version(self):
        made = stack(Release="now")
        for name in alarms_of_a_release(made):
            alarm = made.properties(name)
            metrics = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part] or [alarm]
            for metric in metrics:
                dimensions = {part["Name"]: part["Value"] for part in metric["Dimensions"]}
                if "FunctionName" in dimensions:
                    function = dimensions["FunctionName"]["Ref"].removesuffix("Function")
                    self.assertEqual(dimensions["Resource"], {"Fn::Sub": "${%sFunction}:live" % function})
                    self.assertEqual(dimensions["ExecutedVersion"], {"Fn::GetAtt": [version_of(made, function), "Version"]})
                else:
                    self.assertEqual(dimensions, {"Release": "now"}, name)

    def test_errors_of_every_function_count_in_at_most_ten_metrics(self):
        for events in ("true", "false"):
            made = stack(PublishEvents=events)
            metrics = [part for part in made.properties("ReleaseErrorsAlarm")["Metrics"] if "MetricStat" in part]
            counted = [dict((d["Name"], d["Value"]) for d in part["MetricStat"]["Metric"]["Dimensions"])["FunctionName"]["Ref"]
                       for part in metrics]
            self.assertEqual(counted, [f"{name}Function" for name in functions_of(made)])
            self.assertLessEqual(len(metrics), 10)

    def test_failed_requests_are_counted_by_the_release_that_logs_them(self):
        made = stack(Release="now")
        filters = made.of_type("AWS::Logs::MetricFilter")
        for function in OF_REQUESTS:
            properties = filters[f"{function}FailuresFilter"]["Properties"]
            self.assertEqual(properties["LogGroupName"], {"Ref": f"{function}LogGroup"})
            self.assertEqual(properties["FilterPattern"], '{ $.status >= 500 && $.release = "*" }')
            (metric,) = properties["MetricTransformations"]
            self.assertEqual(metric["Dimensions"], [{"Key": "Release", "Value": "$.release"}])
            # CloudWatch refuses a default together with a dimension.
            self.assertNotIn("DefaultValue", metric)
            alarm = made.properties("ReleaseFailuresAlarm")
            self.assertEqual((alarm["Namespace"], alarm["MetricName"]), (metric["MetricNamespace"], metric["MetricName"]))
            self.assertEqual(made.variables(f"{function}Function")["RELEASE"], "now")

    def test_functions_log_what_the_filters_read(self):
        summary = (ROOT / "shared/src/http/access_log.rs").read_text()
        fields = re.findall(r"^    (\w+): ", summary[summary.index("struct AccessLogLine"):summary.index("\n}\n")], re.MULTILINE)
        self.assertLessEqual({"status", "release"}, set(fields))
        # The check of a release reads this.
        self.assertIn('("CacheErrors", self.cache_errors)', (ROOT / "shared/src/observability/metrics.rs").read_text())

    def test_none_of_them_depends_on_an_alias_or_the_api(self):
        made = stack()
        for name in alarms_of_a_release(made):
            behind = reachable(made, name)
            self.assertEqual([other for other in behind if "Aliaslive" in other or other == "HttpApi"], [], name)

    def test_the_runbooks_name_the_way_past_them(self):
        for page in ("release-taken-back.md", "take-a-release-back.md"):
            self.assertIn("ReleaseAlarms=false", (ROOT / "docs/runbooks" / page).read_text())

    def test_the_access_log_is_what_the_operators_alarm_reads(self):
        made = stack()
        self.assertIn('"status":"$context.status"', re.sub(r"\s", "", str(made.of_type("AWS::ApiGatewayV2::Stage"))))
        self.assertEqual(made.properties("FailedAnswersFilter")["FilterPattern"], '{ $.status = "5*" }')


class Undelivered(unittest.TestCase):
    """Harmless notes of sync-cache and lost events of publish-events are in separate queues."""

    QUEUES = {"SeatChanges": "UndeliveredChanges", "PublishEventsFunctionChanges": "UndeliveredEvents"}

    def test_stream_functions_have_own_queue_alarm_and_output(self):
        made = stack()
        for mapping, queue in self.QUEUES.items():
            destination = made.properties(mapping)["DestinationConfig"]["OnFailure"]["Destination"]
            self.assertEqual(destination, {"Fn::GetAtt": [queue, "Arn"]})
            (dimension,) = made.properties(f"{queue}Alarm")["Dimensions"]
            self.assertEqual(dimension["Value"], {"Fn::GetAtt": [queue, "QueueName"]})
            self.assertEqual(made.outputs[f"{queue}Url"]["Value"], {"Ref": queue})

    def test_each_role_may_send_to_its_own_queue_only(self):
        made = stack()
        for role, queue in [("SyncCacheRole", "UndeliveredChanges"), ("PublishEventsRole", "UndeliveredEvents")]:
            self.assertEqual(statement(made, role, "Undelivered")["Resource"], {"Fn::GetAtt": [queue, "Arn"]})
            (other,) = set(self.QUEUES.values()) - {queue}
            self.assertNotIn(other, json.dumps(made.properties(role)))

    def test_lost_record_stays_in_stream_until_redelivery(self):
        mapping = stack().properties("PublishEventsFunctionChanges")
        hours_in_the_stream, age = 24, mapping["MaximumRecordAgeInSeconds"] / 3600
        # Long enough for an unavailable bus, and short enough to deliver the missed records again.
        self.assertGreaterEqual(age, 6)
        self.assertGreaterEqual(hours_in_the_stream - age, 12)
        # A number of attempts doesn't limit the time.
        self.assertEqual(mapping["MaximumRetryAttempts"], -1)
        self.assertTrue(mapping["BisectBatchOnFunctionError"])
        self.assertEqual(mapping["FunctionResponseTypes"], ["ReportBatchItemFailures"])

    def test_the_dashboard_is_json_and_shows_the_queues(self):
        for events, queues in [("true", 3), ("false", 1)]:
            body = stack(PublishEvents=events).properties("Dashboard")["DashboardBody"]["Fn::Sub"]
            text, names = body if isinstance(body, list) else (body, {})
            for name, value in names.items():
                text = text.replace(f"${{{name}}}", value.get("Fn::Sub", name))
            widgets = json.loads(re.sub(r"\$\{[^}]+\}", "name", text))["widgets"]
            metrics = {widget["properties"]["title"]: widget["properties"]["metrics"] for widget in widgets}
            self.assertEqual(len(metrics["Undelivered messages"]), queues)


if __name__ == "__main__":
    unittest.main()
