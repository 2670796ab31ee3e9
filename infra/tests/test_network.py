"""The network of a cache that the stack creates, and the traffic that it allows."""

import itertools
import re
import unittest

from combinations import all_combinations
from template import source, stack

BROUGHT = {"VpcId": "vpc-1", "SubnetIds": "subnet-1,subnet-2"}
NETWORK = {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::EC2::VPCEndpoint", "AWS::EC2::FlowLog"}


def functions(made):
    return made.of_type("AWS::Lambda::Function")


class Made(unittest.TestCase):
    """A network that the stack creates."""

    def test_functions_that_use_the_cache_are_in_its_subnets(self):
        for cache, zones in itertools.product(["serverless", "node"], [2, 3]):
            made = stack(Cache=cache, Zones=zones)
            subnets = [{"Ref": name} for name in ["SubnetA", "SubnetB", "SubnetC"][:zones]]
            self.assertEqual(len(made.of_type("AWS::EC2::Subnet")), zones)
            for name, function in functions(made).items():
                vpc = function["Properties"].get("VpcConfig")
                inside = {"SubnetIds": subnets, "SecurityGroupIds": [{"Fn::GetAtt": ["FunctionsGroup", "GroupId"]}]}
                outside = name in ("PublishEventsFunction", "CheckReleaseFunction")
                self.assertEqual(vpc, None if outside else inside, name)
            where = made.properties("ValkeyServerless" if cache == "serverless" else "ValkeySubnets")
            self.assertEqual(where["SubnetIds"], subnets)

    def test_each_subnet_has_a_zone_addresses_and_routes_of_its_own(self):
        made = stack(Zones=3)
        subnets = made.of_type("AWS::EC2::Subnet")
        for number, (name, subnet) in enumerate(sorted(subnets.items())):
            properties = subnet["Properties"]
            self.assertEqual(properties["AvailabilityZone"]["Fn::Select"][0], number)
            self.assertEqual(properties["CidrBlock"]["Fn::Select"][0], number)
            self.assertFalse(properties.get("MapPublicIpOnLaunch"))
        associated = made.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
        self.assertEqual({part["Properties"]["SubnetId"]["Ref"] for part in associated}, set(subnets))

    def test_only_dynamodb_and_only_this_table_is_reached_from_it(self):
        made = stack()
        for kind in ["AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"]:
            self.assertEqual(made.of_type(kind), {})
        (endpoint,) = made.of_type("AWS::EC2::VPCEndpoint").values()
        properties = endpoint["Properties"]
        self.assertEqual(properties["ServiceName"], "com.amazonaws.eu-central-1.dynamodb")
        self.assertEqual((properties["VpcEndpointType"], properties["RouteTableIds"]), ("Gateway", [{"Ref": "RouteTable"}]))
        (statement,) = properties["PolicyDocument"]["Statement"]
        self.assertEqual(statement["Resource"], {"Fn::GetAtt": ["SeatsTable", "Arn"]})
        self.assertEqual(statement["Condition"], {"StringEquals": {"aws:PrincipalAccount": "111122223333"}})

    def test_endpoint_allows_only_actions_of_vpc_functions(self):
        made = stack()
        needed = set()
        for function in functions(made).values():
            if "VpcConfig" in function["Properties"]:
                role = function["Properties"]["Role"]["Fn::GetAtt"][0]
                (policy,) = made.properties(role)["Policies"]
                statements = policy["PolicyDocument"]["Statement"]
                needed |= {action for part in statements if part["Sid"] == "Table" for action in part["Action"]}
        (endpoint,) = made.of_type("AWS::EC2::VPCEndpoint").values()
        (statement,) = endpoint["Properties"]["PolicyDocument"]["Statement"]
        self.assertEqual(set(statement["Action"]), needed)

    def test_functions_reach_only_cache_and_dynamodb(self):
        for cache in ["serverless", "node"]:
            made = stack(Cache=cache)
            self.assertNotIn("SecurityGroupIngress", made.properties("CacheGroup"))
            self.assertNotIn("SecurityGroupIngress", made.properties("FunctionsGroup"))
            (ingress,) = made.of_type("AWS::EC2::SecurityGroupIngress").values()
            ports = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6380}
            group = {"Fn::GetAtt": ["FunctionsGroup", "GroupId"]}
            self.assertLessEqual({**ports, "SourceSecurityGroupId": group}.items(), ingress["Properties"].items())
            to_cache, to_dynamodb = made.properties("FunctionsGroup")["SecurityGroupEgress"]
            self.assertLessEqual(ports.items(), to_cache.items())
            self.assertEqual(to_cache["DestinationSecurityGroupId"], {"Fn::GetAtt": ["CacheGroup", "GroupId"]})
            self.assertEqual((to_dynamodb["FromPort"], to_dynamodb["ToPort"]), (443, 443))
            (nowhere,) = made.properties("CacheGroup")["SecurityGroupEgress"]
            self.assertEqual(nowhere["CidrIp"], "127.0.0.1/32")

    def test_zones_are_the_first_ones_or_those_that_are_named(self):
        for zones, named in [(2, ""), (3, ""), (2, "eu-central-1c,eu-central-1a"), (3, "eu-central-1c,eu-central-1a,eu-central-1b")]:
            subnets = stack(Zones=zones, AvailabilityZones=named).of_type("AWS::EC2::Subnet")
            chosen = [subnet["Properties"]["AvailabilityZone"] for _, subnet in sorted(subnets.items())]
            automatic = [{"Fn::Select": [number, {"Fn::GetAZs": ""}]} for number in range(zones)]
            self.assertEqual(chosen, named.split(",") if named else automatic)

    def test_bad_list_of_zones_is_refused(self):
        pattern = source()["Parameters"]["AvailabilityZones"]["AllowedPattern"]
        for value in ["", "eu-central-1a,eu-central-1b", "us-gov-west-1a,us-gov-west-1b,us-gov-west-1c"]:
            self.assertTrue(re.fullmatch(pattern, value), value)
        for value in ["eu-central-1a", "eu-central-1", "euc1-az1,euc1-az2", "eu-central-1a, eu-central-1b", "a,b,c,d"]:
            self.assertFalse(re.fullmatch(pattern, value), value)

    def test_a_known_prefix_list_narrows_the_way_to_dynamodb(self):
        _, to_dynamodb = stack(DynamoDbPrefixListId="pl-1").properties("FunctionsGroup")["SecurityGroupEgress"]
        self.assertEqual(to_dynamodb["DestinationPrefixListId"], "pl-1")
        self.assertNotIn("CidrIp", to_dynamodb)

    def test_every_rule_says_what_it_is_for(self):
        made = stack()
        rules = [made.properties("CacheIngress")]
        rules += [rule for group in ["FunctionsGroup", "CacheGroup"] for rule in made.properties(group)["SecurityGroupEgress"]]
        self.assertTrue(all(rule["Description"] for rule in rules))

    def test_refused_traffic_is_written_down(self):
        self.assertEqual(stack().properties("RefusedTraffic")["TrafficType"], "REJECT")


class Brought(unittest.TestCase):
    """The operator's own network."""

    def test_only_security_groups_are_made_in_own_network(self):
        made = stack(**BROUGHT)
        self.assertEqual({thing["Type"] for thing in made.resources.values()} & NETWORK, set())
        for group in ["FunctionsGroup", "CacheGroup"]:
            self.assertEqual(made.properties(group)["VpcId"], "vpc-1")
        config = made.properties("BookFunction")["VpcConfig"]
        self.assertEqual(config["SubnetIds"], ["subnet-1", "subnet-2"])
        self.assertEqual(config["SecurityGroupIds"], [{"Fn::GetAtt": ["FunctionsGroup", "GroupId"]}])

    def test_own_groups_are_used_and_cache_admits_the_first(self):
        made = stack(**BROUGHT, SecurityGroupIds="sg-1,sg-2")
        self.assertNotIn("FunctionsGroup", made.resources)
        self.assertEqual(made.properties("BookFunction")["VpcConfig"]["SecurityGroupIds"], ["sg-1", "sg-2"])
        self.assertEqual(made.properties("CacheIngress")["SourceSecurityGroupId"], "sg-1")

    def test_functions_reach_own_cache_in_own_network(self):
        made = stack(Cache="own", CacheUrl="redis://c:1", SubnetIds="subnet-1", SecurityGroupIds="sg-1")
        self.assertEqual(made.properties("BookFunction")["VpcConfig"], {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})
        self.assertEqual({kind for kind in (thing["Type"] for thing in made.resources.values()) if "EC2" in kind}, set())


class Interfaces(unittest.TestCase):
    """The network interfaces of functions in a VPC."""

    def test_lambda_may_delete_them_in_every_combination(self):
        for parameters in all_combinations():
            made = stack(**parameters)
            for name in functions(stack()):  # all functions that may have been in a VPC before
                if "VpcConfig" in stack().properties(name):
                    role = made.properties(made.properties(name)["Role"]["Fn::GetAtt"][0])
                    self.assertIn({"Ref": "NetworkAccess"}, role["ManagedPolicyArns"], name)
        allowed, denied = stack(Cache="none").properties("NetworkAccess")["PolicyDocument"]["Statement"]
        self.assertIn("ec2:DeleteNetworkInterface", allowed["Action"])
        self.assertEqual((denied["Effect"], denied["Action"]), ("Deny", allowed["Action"]))

    def test_no_version_outlives_the_update_that_replaces_it(self):
        for parameters in all_combinations():
            for name, version in stack(**parameters).of_type("AWS::Lambda::Version").items():
                policies = version.get("DeletionPolicy"), version.get("UpdateReplacePolicy", "Delete")
                self.assertEqual(policies, ("Delete", "Delete"), name)


class Without(unittest.TestCase):
    def test_no_cache_means_no_vpc(self):
        for network in [{}, BROUGHT]:
            made = stack(Cache="none", **network)
            self.assertTrue(all("VpcConfig" not in function["Properties"] for function in functions(made).values()))
            self.assertEqual([name for name, thing in made.resources.items() if "EC2" in thing["Type"]], [])

    def test_cache_over_the_internet_needs_no_vpc(self):
        made = stack(Cache="own", CacheUrl="rediss://cache.example.com:6379")
        self.assertTrue(all("VpcConfig" not in function["Properties"] for function in functions(made).values()))


if __name__ == "__main__":
    unittest.main()
