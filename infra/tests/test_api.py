"""The API: its routes, tokens, limits, origins and domain name."""

import itertools
import json
import re
import unittest

from combinations import DOMAIN, TOKENS
from template import source, stack

OPEN = {(method, "/errors/{code}") for method in ["GET", "HEAD"]}
READS = {(method, path) for method in ["GET", "HEAD"] for path in [
    "/theaters", "/theaters/{theaterId}", "/theaters/{theaterId}/seats", "/theaters/{theaterId}/map",
    "/shows", "/shows/{showId}", "/shows/{showId}/seats", "/shows/{showId}/map"]}


def routes(made):
    paths = made.properties("HttpApi")["Body"]["paths"].items()
    return {(name.upper(), path): method for path, methods in paths for name, method in methods.items()}


def schemes(made):
    return made.properties("HttpApi")["Body"].get("components", {}).get("securitySchemes", {})


class Routes(unittest.TestCase):
    def test_routes_and_functions_match(self):
        functions = [thing for thing in source()["Resources"].values() if thing["Type"] == "AWS::Serverless::Function"]
        events = [event["Properties"] for function in functions for event in function["Properties"].get("Events", {}).values()
                  if event["Type"] == "HttpApi"]
        named = {(event["Method"], event["Path"]) for event in events}
        made = routes(stack())
        self.assertEqual(set(made), named)
        self.assertTrue(all("x-amazon-apigateway-integration" in method for method in made.values()))

    def test_each_route_of_a_shows_seats_is_like_that_of_a_theater(self):
        made = routes(stack(**TOKENS, ProtectReads="true"))
        theirs = {(method, path) for method, path in made if path.startswith("/theaters/{theaterId}/")}
        self.assertEqual(len(theirs), 14)
        for method, path in theirs:
            own, twin = made[method, path], made[method, path.replace("/theaters/{theaterId}", "/shows/{showId}")]
            self.assertEqual(twin["x-amazon-apigateway-integration"], own["x-amazon-apigateway-integration"], (method, path))
            self.assertEqual(twin.get("security"), own.get("security"), (method, path))

    def test_each_path_parameter_has_a_type(self):
        for (method, path), operation in routes(stack()).items():
            typed = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
            self.assertEqual(set(typed), set(re.findall(r"{(\w+)}", path)), (method, path))
            self.assertTrue(all(parameter["schema"] == {"type": "string"} for parameter in typed.values()), (method, path))


class SigningIn(unittest.TestCase):
    def test_without_issuer_no_route_needs_a_token(self):
        made = stack()
        self.assertEqual(schemes(made), {})
        self.assertTrue(all("security" not in method for method in routes(made).values()))

    def test_with_issuer_all_but_reads_need_a_token(self):
        for route, method in routes(stack(**TOKENS)).items():
            self.assertEqual(method.get("security"), None if route in READS | OPEN else [{"Tokens": []}], route)

    def test_protected_reads_need_a_token(self):
        for route, method in routes(stack(**TOKENS, ProtectReads="true")).items():
            self.assertEqual(method.get("security"), None if route in OPEN else [{"Tokens": []}], route)

    def test_the_functions_know_whether_callers_can_sign_in(self):
        self.assertEqual(stack().variables("GetSeatsFunction")["AUTHORIZER"], "false")
        self.assertEqual(stack(**TOKENS).variables("GetSeatsFunction")["AUTHORIZER"], "true")

    def test_authorizer_checks_issuer_and_audiences(self):
        authorizer = schemes(stack(**TOKENS))["Tokens"]["x-amazon-apigateway-authorizer"]
        self.assertEqual(authorizer["type"], "jwt")
        self.assertEqual(authorizer["identitySource"], "$request.header.Authorization")
        expected = {"issuer": TOKENS["JwtIssuer"], "audience": ["web", "app"]}
        self.assertEqual(authorizer["jwtConfiguration"], expected)

    def test_an_import_that_may_leave_the_authorizer_out_fails(self):
        self.assertEqual(schemes(stack(**TOKENS))["Tokens"]["flows"], {})
        self.assertEqual(stack(**TOKENS).properties("HttpApi")["FailOnWarnings"], True)
        self.assertEqual(stack().properties("HttpApi")["FailOnWarnings"], False)


class Rates(unittest.TestCase):
    def test_reads_have_their_own_rate(self):
        (stage,) = stack(ReadRate=7, ReadBurst=8, WriteRate=1, WriteBurst=2).of_type("AWS::ApiGatewayV2::Stage").values()
        settings = stage["Properties"]
        self.assertEqual(settings["DefaultRouteSettings"], {"ThrottlingRateLimit": "1", "ThrottlingBurstLimit": "2"})
        of_reads = {"ThrottlingRateLimit": "7", "ThrottlingBurstLimit": "8"}
        self.assertEqual(settings["RouteSettings"], {f"{method} {path}": of_reads for method, path in READS | OPEN})

    def test_default_rates_fit_the_smallest_regional_quota(self):
        values = {name: int(stack().values[name]) for name in ["ReadRate", "ReadBurst", "WriteRate", "WriteBurst"]}
        self.assertLessEqual(values["ReadRate"] + values["WriteRate"], 2500)
        self.assertLessEqual(values["ReadBurst"] + values["WriteBurst"], 1250)

    def test_limits_apply_to_each_caller(self):
        limits = {"ReadsPerMinute": 600, "ReadsBurst": 90, "WritesPerMinute": 60, "WritesBurst": 9, "TrustedProxies": 1}
        names = ["READS_PER_MINUTE", "READS_BURST", "WRITES_PER_MINUTE", "WRITES_BURST", "TRUSTED_PROXIES"]
        variables = stack(**limits).variables("BookFunction")
        self.assertEqual([variables[name] for name in names], ["600", "90", "60", "9", "1"])
        variables = stack().variables("BookFunction")
        self.assertEqual([variables[name] for name in names], ["0", "", "0", "", "0"])

    def test_default_shortest_reservation_exceeds_clock_difference(self):
        names = ["MIN_RESERVATION_SECONDS", "MAX_RESERVATION_SECONDS"]
        self.assertEqual([stack().variables("ReserveFunction")[name] for name in names], ["10", "1800"])
        variables = stack(MinReservationSeconds=30).variables("ReserveFunction")
        self.assertEqual(variables["MIN_RESERVATION_SECONDS"], "30")

    def test_booking_is_not_limited_unless_that_is_set(self):
        names = ["MAX_BOOKED_PER_CALLER", "BOOKING_NEEDS_RESERVATION"]
        self.assertEqual([stack().variables("BookFunction")[name] for name in names], ["0", "false"])
        variables = stack(MaxBookedPerCaller=8, BookingNeedsReservation="true").variables("BookFunction")
        self.assertEqual([variables[name] for name in names], ["8", "true"])

    def test_the_key_of_callers_names_is_the_stacks_own(self):
        self.assertTrue(stack().variables("BookFunction")["LOG_KEY"])


class Pages(unittest.TestCase):
    def test_pages_of_the_origins_given_may_call_and_no_others(self):
        self.assertNotIn("x-amazon-apigateway-cors", stack().properties("HttpApi")["Body"])
        cors = stack(CorsOrigins="https://a.example,https://b.example").properties("HttpApi")["Body"]["x-amazon-apigateway-cors"]
        self.assertEqual(cors["allowOrigins"], ["https://a.example", "https://b.example"])
        # Each route with GET has HEAD.
        methods = {method for method, _ in routes(stack())} | {"HEAD"}
        self.assertEqual(set(cors["allowMethods"]), methods)
        self.assertNotIn("allowCredentials", cors)


class AccessLog(unittest.TestCase):
    # Values without a quote or a backslash: ids, numbers, times, and names from the API's definition or from AWS.
    SAFE = {"requestId", "requestTime", "routeKey", "status", "responseLength", "responseLatency", "integrationLatency",
            "integrationStatus", "error.responseType"}

    def test_each_line_is_json(self):
        (stage,) = stack().of_type("AWS::ApiGatewayV2::Stage").values()
        line = stage["Properties"]["AccessLogSettings"]["Format"]
        self.assertLessEqual(set(re.findall(r"\$context\.([A-Za-z.]+)", line)), self.SAFE)
        # A missing value is a hyphen.
        self.assertIn("routeKey", json.loads(re.sub(r"\$context\.[A-Za-z.]+", "-", line)))


class Name(unittest.TestCase):
    def test_the_functions_know_the_path_of_the_stage_and_of_the_mapping(self):
        made = stack(**DOMAIN)
        (stage,) = made.of_type("AWS::ApiGatewayV2::Stage").values()
        mapping = made.properties("DomainMapping")["ApiMappingKey"]
        for name in made.of_type("AWS::Lambda::Function"):
            base = made.variables(name).get("BASE_PATH", f"/{mapping}")  # a function without routes may have none
            self.assertEqual(base, f"/{mapping}", name)
            self.assertEqual(base, f"/{stage['Properties']['StageName']}", name)
        self.assertEqual(made.variables("GetSeatsFunction")["BASE_PATH"], "/v1")

    def test_the_default_address_stays_open_unless_it_is_closed(self):
        closed = stack(**DOMAIN, DisableExecuteApiEndpoint="true")
        for made, is_closed in [(stack(), False), (stack(**DOMAIN), False), (closed, True)]:
            (server,) = made.properties("HttpApi")["Body"]["servers"]
            configuration = server["x-amazon-apigateway-endpoint-configuration"]
            self.assertEqual(configuration, {"disableExecuteApiEndpoint": is_closed})
        self.assertEqual(closed.outputs["ApiUrl"]["Value"], "https://api.example.com/v1")
        self.assertIn("execute-api", str(stack(**DOMAIN).outputs["ApiUrl"]["Value"]))

    def test_own_domain_has_the_same_paths(self):
        made = stack(**DOMAIN)
        mapping = made.properties("DomainMapping")
        self.assertEqual((mapping["ApiMappingKey"], mapping["Stage"]), ("v1", {"Ref": "HttpApiv1Stage"}))
        (configuration,) = made.properties("Domain")["DomainNameConfigurations"]
        self.assertEqual(configuration["SecurityPolicy"], "TLS_1_2")
        self.assertNotIn("DomainRecord", made.resources)

    def test_its_record_is_written_only_into_a_zone_that_is_given(self):
        record = stack(**DOMAIN, HostedZoneId="Z1").properties("DomainRecord")
        self.assertEqual((record["HostedZoneId"], record["Name"]), ("Z1", "api.example.com"))
        for without in itertools.chain([{}], [{"HostedZoneId": "Z1"}]):
            self.assertNotIn("DomainRecord", stack(**without).resources)


if __name__ == "__main__":
    unittest.main()
