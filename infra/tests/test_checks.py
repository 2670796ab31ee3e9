"""Each check in infra/checks finds a fault that the test adds."""

import sys
import unittest

from template import ROOT, stack

sys.path.insert(0, str(ROOT / "infra/checks"))
import api_body  # noqa: E402
import iam  # noqa: E402
import schemas  # noqa: E402


class Schemas(unittest.TestCase):
    def test_a_wrong_property_is_found_in_any_variant(self):
        queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 90}}
        wrong = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimout": 90, "MessageRetentionPeriod": "long"}}
        self.assertEqual(schemas.findings({"Queue": queue}), [])
        found = schemas.findings({"Queue": queue, "QueueVariant2": wrong})
        self.assertEqual({match.path[1] for match in found}, {"QueueVariant2"})
        self.assertGreaterEqual(len(found), 2)

    def test_each_variant_of_a_resource_is_kept_once(self):
        resources = schemas.variants([stack(), stack(Cache="none"), stack(Cache="none")])
        self.assertEqual(resources["SeatsTable"]["Type"], "AWS::DynamoDB::Table")
        self.assertIn("BookFunctionVariant2", resources)
        self.assertNotIn("BookFunctionVariant3", resources)


class Body(unittest.TestCase):
    def test_it_is_checked_with_and_without_issuer_and_pages(self):
        bodies = [body for _, body in api_body.bodies()]
        forms = {("components" in body, "x-amazon-apigateway-cors" in body) for body in bodies}
        self.assertEqual(len(forms), 4)
        self.assertNotIn("Fn::", str(bodies))


class Calls(unittest.TestCase):
    def test_each_function_has_recorded_calls(self):
        self.assertEqual({function.name for function in iam.functions()}, set(iam.RECORDED))

    def test_calls_in_network_are_checked_against_its_endpoint(self):
        made = stack()
        requests = list(iam.Function(made, "BookFunction", iam.Addresses(made)).requests())
        through = {request["simulation"]["request"]["action"] for request in requests if "vpcEndpointPolicies" in request["simulation"]}
        self.assertLessEqual(set(iam.RECORDED["book"]), through)
        self.assertNotIn("Fn::", str(requests))

    def test_an_answer_that_was_not_expected_is_named(self):
        made = stack(Cache="none")
        requests = [({}, request) for request in iam.Function(made, "BookFunction", iam.Addresses(made)).requests()]
        right = ["Allowed" if request["expected"] else "ImplicitlyDenied" for _, request in requests]
        self.assertEqual(list(iam.wrong(requests, right)), [])
        (said,) = iam.wrong(requests, ["ImplicitlyDenied", *right[1:]])
        self.assertRegex(said, "^book: dynamodb:BatchGetItem on .* is ImplicitlyDenied and not Allowed")


if __name__ == "__main__":
    unittest.main()
