"""Parameters: refused values, reserved capacity, and changes that reach the running version."""

import copy
import unittest
from unittest.mock import patch

from cfnlint.helpers import REGIONS
from combinations import DOMAIN, RESTORED, TOKENS
from registry import schema
from template import PSEUDO, ROOT, leads_to, references, source, stack, transform

PATHS = ["GetSeats", "Reserve", "Book"]


class Refused(unittest.TestCase):
    def test_contradictory_parameters_are_refused(self):
        for parameters, wanting in [
            ({"Cache": "own"}, "CacheUrl"),
            ({"JwtIssuer": TOKENS["JwtIssuer"]}, "JwtAudience"),
            ({"ProtectReads": "true"}, "JwtIssuer"),
            ({"DomainName": DOMAIN["DomainName"]}, "CertificateArn"),
            ({"VpcId": "vpc-1"}, "SubnetIds"),
            ({"SubnetIds": "subnet-1,subnet-2"}, "VpcId"),
            ({"SecurityGroupIds": "sg-1"}, "SubnetIds"),
            ({"Cache": "own", "CacheUrl": "redis://c:1", "SubnetIds": "subnet-1"}, "SecurityGroupIds"),
            ({"OnSaleStart": "at(2027-01-01T09:00:00)"}, "OnSaleEnd"),
            ({"OnSaleEnd": "at(2027-01-01T09:00:00)"}, "OnSaleStart"),
            ({"MonthlyBudget": 10}, "AlarmEmail"),
            ({"TableName": "restored"}, "TableStreamArn"),
            ({"TableStreamArn": RESTORED["TableStreamArn"]}, "TableName"),
            ({"WarmReadUnits": 12000}, "WarmWriteUnits"),
            ({"WarmWriteUnits": 4000}, "WarmReadUnits"),
            ({"DisableExecuteApiEndpoint": "true"}, "DomainName"),
        ]:
            with self.subTest(**parameters):
                (refusal,) = stack(**parameters).refusals()
                self.assertRegex(refusal, f"needs {wanting}$")

    def test_an_empty_list_is_refused_as_empty_however_it_is_seen(self):
        """CloudFormation doesn't say whether a rule sees an empty CommaDelimitedList as [''] or as []."""
        for parameters in [{"JwtIssuer": TOKENS["JwtIssuer"]}, {"VpcId": "vpc-1"}, {"SecurityGroupIds": "sg-1"}, TOKENS, {}]:
            made = stack(**parameters)
            seen = copy.copy(made)
            seen.values = {name: [] if value == [""] else value for name, value in made.values.items()}
            self.assertNotEqual(seen.values, made.values)
            self.assertEqual(seen.refusals(), made.refusals(), parameters)

    def test_a_budget_is_refused_exactly_where_cloudformation_has_none(self):
        there = {region: schema(region, "AWS::Budgets::Budget") is not None for region in REGIONS}
        allowed = {region for region, has in there.items() if has}
        self.assertTrue(allowed and set(REGIONS) - allowed)
        for region in REGIONS:
            with patch.dict(PSEUDO, {"AWS::Region": region}):
                refusals = stack(MonthlyBudget=10, AlarmEmail="on-call@example.com").refusals()
            self.assertEqual(refusals == [], there[region], region)

    def test_every_parameter_has_description_and_group(self):
        template = source()
        groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        shown = [name for group in groups for name in group["Parameters"]]
        self.assertEqual(sorted(shown), sorted(template["Parameters"]))
        readme = (ROOT / "infra/README.md").read_text()
        for name, parameter in template["Parameters"].items():
            self.assertTrue(parameter["Description"].endswith("."), name)
            self.assertIn(f"`{name}`", readme)

    def test_the_template_is_complete_with_none_given(self):
        self.assertTrue(all("Default" in parameter for parameter in source()["Parameters"].values()))


class SetAside(unittest.TestCase):
    def test_nothing_unless_it_is_asked_for(self):
        made = stack()
        for path in PATHS:
            self.assertNotIn("ReservedConcurrentExecutions", made.properties(f"{path}Function"))
        self.assertNotIn("WarmThroughput", made.properties("SeatsTable"))

    def test_reserved_concurrency_of_each_path(self):
        for path in PATHS:
            made = stack(**{f"Reserved{path}": 7})
            reserved = {name for name, function in made.of_type("AWS::Lambda::Function").items()
                        if function["Properties"].get("ReservedConcurrentExecutions") == "7"}
            self.assertEqual(reserved, {f"{path}Function"})

    def test_a_warm_table_takes_both_units(self):
        warm = stack(WarmReadUnits=12000, WarmWriteUnits=40000).properties("SeatsTable")["WarmThroughput"]
        self.assertEqual(warm, {"ReadUnitsPerSecond": "12000", "WriteUnitsPerSecond": "40000"})


class Released(unittest.TestCase):
    # Too long for a version's description. A change of one of them needs a new Release, as `make deploy` sets.
    BY_RELEASE = {"CacheUrl", "SubnetIds", "SecurityGroupIds", "EventBusName", "AdminScope", "StaffScope", "MetricsNamespace", "LogAddresses", "Tracing",
                  "WarmTheaters", "JwtIssuer", "TableName", "TableStreamArn"}
    # Not part of a version.
    APART = {"Deployment", "ReleaseAlarms", "ReservedGetSeats", "ReservedReserve", "ReservedBook"}

    def test_a_parameter_that_changes_a_function_publishes_a_version(self):
        template = source()
        functions = {name: thing["Properties"] for name, thing in template["Resources"].items()
                     if thing["Type"] == "AWS::Serverless::Function"}
        described = {str(properties["VersionDescription"]) for properties in functions.values()}
        deployed_with = template["Globals"]["Function"]["Environment"]["Variables"]["DEPLOYED_WITH"]
        self.assertEqual(described, {str(deployed_with)})
        used = set()
        for thing in [template["Globals"], *({**properties, "Events": 0} for properties in functions.values())]:
            used |= leads_to(thing, template["Conditions"])
        used &= set(template["Parameters"])
        self.assertEqual(used, references(deployed_with) | self.BY_RELEASE | self.APART)

    def test_the_description_is_short_enough_for_lambda(self):
        longest = {name: str(kind.get("MaxValue", kind["Default"])) for name, kind in source()["Parameters"].items()}
        longest |= {"Release": "r" * 64, "ReadsPerMinute": "1" * 9, "WritesPerMinute": "1" * 9, "Cache": "serverless"}
        versions = stack(**longest).of_type("AWS::Lambda::Version").values()
        self.assertTrue(all(len(version["Properties"]["Description"]) <= 256 for version in versions))


if __name__ == "__main__":
    unittest.main()
