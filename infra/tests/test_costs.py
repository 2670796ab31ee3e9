"""docs/costs.md has the results of infra/costs.py, which follow the template, the prices and the log lines."""

import contextlib
import copy
import io
import re
import sys
import unittest
from pathlib import Path
from unittest import mock

from template import ROOT, Stack, _transformed, stack

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import costs

ALARM = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": [
    {"Id": "sum", "Expression": "SUM(METRICS())"},
    {"Id": "a", "MetricStat": {}}, {"Id": "b", "MetricStat": {}}, {"Id": "c", "MetricStat": {}}]}}
FILTER = {"Type": "AWS::Logs::MetricFilter", "Properties": {"MetricTransformations": [{"MetricName": "Another"}]}}


def stack_with(**resources):
    """Returns the stack without a cache, with further resources."""
    template = copy.deepcopy(_transformed())
    template["Resources"].update(resources)
    return Stack(template, {"Cache": "none"})


def dollars(items):
    return {item.what: item.dollars for item in items}


class Page(unittest.TestCase):
    def test_the_page_is_what_is_computed(self):
        text = costs.PAGE.read_text()
        self.assertEqual(costs.page(text), text, "docs/costs.md is old: infra/python infra/costs.py --write")

    def test_a_page_without_a_place_for_a_table_is_refused_by_its_name(self):
        with self.assertRaisesRegex(SystemExit, "no place for the table idle"):
            costs.page("# What it costs\n")

    def test_every_price_has_a_source(self):
        text = (ROOT / "bench/prices.toml").read_text()
        sections = re.split(r"^\[", text, flags=re.MULTILINE)[1:]
        for section in sections:
            with self.subTest(section=section.split("]")[0]):
                self.assertTrue("https://" in section or section.startswith(("assumed", "free")), section)

    def test_a_new_price_or_a_longer_line_changes_the_page(self):
        text = costs.PAGE.read_text()
        dearer = costs.prices()
        dearer["cloudwatch"]["alarm_metric_month"] = 0.2
        longer = {name: count + 50 for name, count in costs.lines().items()}
        with mock.patch.object(costs, "prices", lambda: dearer):
            self.assertNotEqual(costs.page(text), text)
        with mock.patch.object(costs, "lines", lambda: longer):
            self.assertNotEqual(costs.page(text), text)


class Counted(unittest.TestCase):
    def test_an_alarm_is_billed_for_each_metric_that_it_reads(self):
        before, after = stack_with(), stack_with(Another=ALARM)
        self.assertEqual(costs.alarm_metrics(after), costs.alarm_metrics(before) + 3)
        what = "alarms, by the metrics that they read"
        self.assertAlmostEqual(dollars(costs.idle(after))[what] - dollars(costs.idle(before))[what], 0.3)

    def test_a_metric_filter_is_a_metric_more(self):
        before, after = stack_with(), stack_with(Another=FILTER)
        self.assertEqual(costs.own_metrics(after), costs.own_metrics(before) + ["Another"])
        self.assertAlmostEqual(costs.metrics(after).dollars - costs.metrics(before).dollars, 0.3)
        self.assertEqual(costs.own_metrics(stack()).count("ReleaseFailures"), 1, "six filters count into it")

    def test_every_metric_is_read_by_an_alarm_or_the_dashboard(self):
        made = stack()
        names = costs.own_metrics(made)
        self.assertGreaterEqual(len(names), 5)
        readers = str(costs.of_type(made, "AWS::CloudWatch::Alarm") + costs.of_type(made, "AWS::CloudWatch::Dashboard"))
        self.assertEqual([name for name in names if not re.search(rf"['\"]{name}['\"]", readers)], [])

    def test_alarms_and_dashboard_read_only_written_metrics(self):
        made = stack()
        board = str(costs.of_type(made, "AWS::CloudWatch::Dashboard"))
        shown = set(re.findall(r'\["boxoffice", "([A-Za-z]+)"', board))
        watched = {alarm["MetricName"] for alarm in costs.of_type(made, "AWS::CloudWatch::Alarm")
                   if str(alarm.get("Namespace", "")).startswith("boxoffice")}
        self.assertTrue(shown and watched)
        self.assertLessEqual(shown | watched, set(costs.own_metrics(made)))

    def test_every_metric_of_the_functions_is_documented(self):
        table = (ROOT / "docs/observability.md").read_text().split("\n## Metrics\n")[1]
        names = costs.METRIC.findall((ROOT / "shared/src/observability/metrics.rs").read_text())
        self.assertEqual([name for name in names if f"\n| `{name}`" not in table and f", `{name}` |" not in table], [])

    def test_a_queue_that_lambda_polls_costs_when_it_is_empty(self):
        self.assertEqual(costs.polled_queues(stack()), 1)
        self.assertEqual(costs.polled_queues(stack(PublishEvents="false")), 0)
        self.assertEqual(costs.POLLS_A_MONTH, 648_000)

    def test_a_stream_is_read_for_each_function_that_listens(self):
        counts = [costs.polled_streams(stack(**parameters)) for parameters in ({}, {"Cache": "none"}, {"Cache": "none", "PublishEvents": "false"})]
        self.assertEqual(counts, [2, 1, 0])

    def test_the_access_log_counts_by_the_length_of_its_format(self):
        made = stack()
        before = costs.access_log_bytes(made)
        self.assertGreater(before, 200)
        (name, stage), = made.of_type("AWS::ApiGatewayV2::Stage").items()
        longer = copy.deepcopy(made)
        longer.resources[name]["Properties"]["AccessLogSettings"]["Format"] += '"status":"$context.status"'
        self.assertEqual(costs.access_log_bytes(longer), before + len('"status":"200"'))

    def test_each_field_of_the_access_log_has_a_usual_value(self):
        (stage,) = stack().of_type("AWS::ApiGatewayV2::Stage").values()
        fields = re.findall(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)", stage["Properties"]["AccessLogSettings"]["Format"])
        self.assertEqual([field for field in fields if field not in costs.ACCESS_VALUES], [])


class Traffic(unittest.TestCase):
    def test_without_tracing_no_trace_is_paid_for(self):
        what = "X-Ray, at most"
        self.assertGreater(dollars(costs.used(stack(), costs.cinema("serverless")))[what], 1)
        self.assertEqual(dollars(costs.used(stack(Tracing="false"), costs.cinema("serverless")))[what], 0)

    def test_a_stack_without_events_pays_for_none(self):
        items = dollars(costs.used(stack(PublishEvents="false"), costs.cinema("serverless")))
        self.assertNotIn("EventBridge", items)
        self.assertNotIn("SQS: ends of reservations", items)

    def test_longer_retention_costs_storage_only(self):
        usual, longer = (dollars(costs.used(stack(LogRetentionDays=days), costs.cinema("none"))) for days in (30, 365))
        changed = {what for what in usual if usual[what] != longer[what]}
        self.assertEqual(changed, {"logs: storage"})


class Command(unittest.TestCase):
    def output(self, *words):
        written = io.StringIO()
        with contextlib.redirect_stdout(written):
            costs.main(list(words))
        return written.getvalue()

    def test_an_idle_month_and_a_sale_of_given_parameters(self):
        self.assertIn("$3.00  dashboard (1)", self.output("Cache=none"))
        small, large = (self.output("--sale", "seats=2000", f"buyers={buyers}", "Cache=none") for buyers in (2000, 20000))
        self.assertIn("API Gateway (44,000 requests)", small)
        self.assertIn("API Gateway (431,000 requests)", large)

    def test_unknown_names_and_bad_numbers_are_refused(self):
        for words, said in [(["Cach=none"], "Cach: not a parameter"), (["--sale", "seat=1"], "seat: not a parameter .* or of a sale"),
                            (["--sale", "seats=0"], "seats: expected a number above 0, got '0'"), (["--idle"], "an idle month of a stack")]:
            with self.subTest(words=words), self.assertRaisesRegex(SystemExit, said):
                self.output(*words)

    def test_the_check_of_the_page_names_the_command_that_writes_it(self):
        self.assertEqual(self.output("--check"), "")
        with mock.patch.object(costs, "tables", lambda: {"idle": "another"}), self.assertRaisesRegex(SystemExit, "--write"):
            self.output("--check")


class IdleMonth(unittest.TestCase):
    def month(self, **parameters):
        return dict(costs.idle_month(parameters))

    def test_idle_stack_without_cache_pays_alarms_dashboard_and_calls(self):
        self.assertEqual(set(self.month(Cache="none")), {"alarms, by the metrics that they read", "dashboard",
                                                         "SQS: Lambda polls the idle queue", "KMS: the table's key"})

    def test_a_cache_costs_its_minimum_or_its_nodes(self):
        none = self.month(Cache="none")
        serverless = self.month(Cache="serverless")
        self.assertAlmostEqual(serverless["cache: serverless, its minimum of 100 MB"], 0.1 * 730 * 0.084)
        node = self.month(Cache="node", CacheMultiAZ="false")
        self.assertAlmostEqual(node["cache: 1 x cache.t4g.small"], 730 * 0.0256)
        self.assertGreater(sum(serverless.values()), sum(none.values()))

    def test_a_node_without_a_known_price_is_named_without_dollars(self):
        self.assertIsNone(self.month(Cache="node", CacheNodeType="cache.r7g.large")["cache: 2 x cache.r7g.large"])

    def test_rankings_of_shows_are_named_without_dollars(self):
        what = "Contributor Insights: rankings of shows"
        self.assertNotIn(what, self.month(Cache="none"))
        self.assertIsNone(self.month(Cache="none", ShowInsights="yes")[what])

    def test_provisioned_instances_cost_always_or_during_sale(self):
        always = self.month(Cache="none", ProvisionedBook=4)
        self.assertAlmostEqual(always["Lambda: 4 instances that always stand ready"], 4 * 0.5 * 730 * 3600 * 0.0000041667)
        sale = {"OnSaleStart": "at(2027-01-01T09:00:00)", "OnSaleEnd": "at(2027-01-01T11:00:00)"}
        self.assertEqual(self.month(Cache="none", ProvisionedBook=4, **sale), self.month(Cache="none"))

    def test_free_amounts_are_subtracted_once(self):
        items = costs.idle(stack(Cache="none"))
        self.assertTrue(all(0 <= item.after_free <= item.dollars for item in items))
        by_name = {item.what: item for item in items}
        self.assertEqual(by_name["dashboard"].after_free, 0)


if __name__ == "__main__":
    unittest.main()
