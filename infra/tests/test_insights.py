"""The Contributor Insights rules, which rank shows and theaters."""

import json
import re
import unittest

from template import ROOT, stack

# Operators of filters: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContributorInsights-RuleSyntax.html
OPERATORS = {
    "In": lambda value, wanted: value in wanted,
    "IsPresent": lambda value, wanted: (value is not None) == wanted,
    "GreaterThan": lambda value, wanted: value is not None and value > wanted,
    "LessThan": lambda value, wanted: value is not None and value < wanted,
}


def rules():
    """Returns the body of each rule by its logical name, with the names of its log groups."""
    made = stack(ShowInsights="yes").of_type("AWS::CloudWatch::InsightRule")
    return {name: json.loads(rule["Properties"]["RuleBody"]["Fn::Sub"]) for name, rule in made.items()}


def matches(rule, line):
    """Returns whether a log line is counted by a rule."""
    for condition in rule["Contribution"]["Filters"]:
        field = condition["Match"].removeprefix("$.")
        (operator,) = set(condition) - {"Match"}
        if not OPERATORS[operator](line.get(field), condition[operator]):
            return False
    return True


class Rules(unittest.TestCase):
    def test_there_are_no_rules_by_default(self):
        self.assertEqual(stack().of_type("AWS::CloudWatch::InsightRule"), {})
        self.assertEqual(set(rules()), {"ShowRequests", "TheaterRequests", "ShowRefusals", "TheaterRefusals"})

    def test_each_ranks_the_show_or_the_theater_of_a_line(self):
        show, theater = {"op": "reserveInShow", "show": "evening-1"}, {"op": "reserve", "theater": "1"}
        for status, names in [(201, {"Requests"}), (409, {"Requests", "Refusals"}), (403, {"Requests", "Refusals"}), (503, {"Requests"})]:
            for kind, line in [("Show", show), ("Theater", theater)]:
                counted = {name for name, rule in rules().items() if matches(rule, {**line, "status": status})}
                self.assertEqual(counted, {kind + name for name in names}, (kind, status))
        self.assertFalse(any(matches(rule, {"op": "listShows", "status": 200}) for rule in rules().values()))

    def test_they_read_log_groups_of_the_stack_alone(self):
        for name, rule in rules().items():
            groups = [re.fullmatch(r"\$\{(\w+LogGroup)\}", group)[1] for group in rule["LogGroupNames"]]
            self.assertLessEqual(set(groups), set(stack().of_type("AWS::Logs::LogGroup")), name)
            self.assertEqual(groups == ["ReserveLogGroup"], name.endswith("Refusals"), name)

    def test_they_keep_to_the_syntax_of_rules(self):
        for name, rule in rules().items():
            self.assertEqual(rule["Schema"], {"Name": "CloudWatchLogRule", "Version": 1}, name)
            self.assertEqual((rule["LogFormat"], rule["AggregateOn"]), ("JSON", "Count"), name)
            self.assertLessEqual(len(rule["Contribution"]["Filters"]), 4, name)
            self.assertEqual(len(rule["Contribution"]["Keys"]), 1, name)

    def test_their_fields_are_documented(self):
        page = (ROOT / "docs/observability.md").read_text()
        for rule in rules().values():
            fields = {*rule["Contribution"]["Keys"], *(condition["Match"] for condition in rule["Contribution"]["Filters"])}
            for field in fields:
                self.assertIn(f"`{field.removeprefix('$.')}`", page)


if __name__ == "__main__":
    unittest.main()
