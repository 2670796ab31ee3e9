"""The cache: the functions' settings, its user, and the commands that this user may send."""

import re
import unittest
from unittest.mock import patch

from combinations import CACHES
from template import PSEUDO, ROOT, Stack, stack, transform
from valkey import Refused, Valkey, available

NAME = "boxoffice-0a1b2c3d"
USERS = ["GetSeats", "Reserve", "Book", "Reservations", "Bookings", "Theaters", "SyncCache"]


def told(made, function="GetSeatsFunction"):
    names = ["CACHE_URL", "CACHE_CLUSTER", "CACHE_IAM_USER", "CACHE_IAM_CACHE", "CACHE_IAM_SERVERLESS"]
    return [made.variables(function).get(name) for name in names]


class Told(unittest.TestCase):
    def test_serverless_cache(self):
        url = {"Fn::Sub": "rediss://${ValkeyServerless.Endpoint.Address}:6379"}
        self.assertEqual(told(stack()), [url, "true", {"Ref": "ValkeyUser"}, {"Ref": "ValkeyServerless"}, "true"])

    def test_node_cache(self):
        url = {"Fn::Sub": "rediss://${ValkeyNode.PrimaryEndPoint.Address}:6379"}
        self.assertEqual(told(stack(Cache="node")), [url, "false", {"Ref": "ValkeyUser"}, {"Ref": "ValkeyNode"}, "false"])

    def test_own_cache(self):
        made = stack(Cache="own", CacheUrl="rediss://u:p@c:1", CacheCluster="true")
        self.assertEqual(told(made), ["rediss://u:p@c:1", "true", "", "", ""])

    def test_own_cache_may_have_any_certificate_authority(self):
        for parameters in CACHES:
            trusted = stack(**parameters).variables("GetSeatsFunction")["TRUSTED_AUTHORITIES"]
            self.assertEqual(trusted, "system" if parameters["Cache"] == "own" else "amazon")

    def test_other_partitions_use_system_authorities(self):
        for partition, trusted in [("aws", "amazon"), ("aws-us-gov", "amazon"), ("aws-cn", "system"), ("aws-eusc", "system")]:
            with patch.dict(PSEUDO, {"AWS::Partition": partition}):
                made = Stack(transform(), {})
            self.assertEqual(made.variables("GetSeatsFunction")["TRUSTED_AUTHORITIES"], trusted)

    def test_cache_none_ignores_the_url(self):
        self.assertEqual(told(stack(Cache="none", CacheUrl="redis://c:1")), ["", "false", "", "", ""])

    def test_publish_events_gets_no_cache(self):
        for parameters in CACHES:
            url, _, user, name, serverless = told(stack(**parameters), "PublishEventsFunction")
            self.assertEqual([url, user, name, serverless], [None] * 4)

    def test_the_stream_is_delivered_only_where_there_is_a_cache(self):
        for parameters in CACHES:
            made = stack(**parameters)
            self.assertEqual("SeatChanges" in made.resources, parameters["Cache"] != "none")

    def test_sync_cache_starts_with_the_newest_record(self):
        mapping = stack().properties("SeatChanges")
        self.assertEqual(mapping["FunctionName"], {"Ref": "SyncCacheFunctionAliaslive"})
        self.assertEqual(mapping["EventSourceArn"], {"Fn::GetAtt": ["SeatsTable", "StreamArn"]})
        self.assertEqual(mapping["StartingPosition"], "LATEST")


class Made(unittest.TestCase):
    def test_it_is_encrypted_and_only_its_own_user_gets_in(self):
        for name, groups in [("ValkeyServerless", "UserGroupId"), ("ValkeyNode", "UserGroupIds")]:
            made = stack(Cache="serverless" if name == "ValkeyServerless" else "node")
            group = made.properties(name)[groups]
            self.assertIn(group, [{"Ref": "ValkeyUsers"}, [{"Ref": "ValkeyUsers"}]])
            self.assertEqual(made.properties("ValkeyUsers")["UserIds"], [{"Ref": "ValkeyUser"}])
            user = made.properties("ValkeyUser")
            self.assertEqual(user["AuthenticationMode"], {"Type": "iam"})
            self.assertEqual((user["UserId"], user["UserName"]), (NAME, NAME))
        nodes = made.properties("ValkeyNode")
        self.assertTrue(nodes["TransitEncryptionEnabled"] and nodes["AtRestEncryptionEnabled"])

    def test_its_name_is_one_that_iam_and_elasticache_take(self):
        for parameters, names in [({}, ["ServerlessCacheName"]), ({"Cache": "node"}, ["ReplicationGroupId"])]:
            made = stack(**parameters)
            cache = made.properties("ValkeyNode" if parameters else "ValkeyServerless")
            for name in names:
                self.assertRegex(cache[name], r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")

    def test_it_cannot_cost_more_than_was_allowed(self):
        limits = stack(CacheMaxGigabytes=2, CacheMaxUnitsPerSecond=5000).properties("ValkeyServerless")["CacheUsageLimits"]
        self.assertEqual(limits, {"DataStorage": {"Maximum": "2", "Unit": "GB"}, "ECPUPerSecond": {"Maximum": "5000"}})

    def test_standby_node_exists_by_default(self):
        for multi, nodes in [("true", 2), ("false", 1)]:
            group = stack(Cache="node", CacheMultiAZ=multi).properties("ValkeyNode")
            standing_by = [group["MultiAZEnabled"], group["AutomaticFailoverEnabled"]]
            self.assertEqual((group["NumCacheClusters"], standing_by), (nodes, [nodes == 2] * 2))

    def test_just_the_functions_that_use_it_may_sign_in_to_it_as_its_user(self):
        for parameters in CACHES:
            made = stack(**parameters)
            roles = made.of_type("AWS::IAM::Role").items()
            may = {name for name, role in roles if {"Ref": "CacheAccess"} in role["Properties"].get("ManagedPolicyArns", [])}
            self.assertEqual(may, {f"{name}Role" for name in USERS})
            (statement,) = made.properties("CacheAccess")["PolicyDocument"]["Statement"]
            self.assertEqual(statement["Action"], ["elasticache:Connect"])
            kinds = ["serverlesscache", "replicationgroup", "user"]
            self.assertEqual(statement["Resource"], [f"arn:aws:elasticache:eu-central-1:111122223333:{kind}:{NAME}" for kind in kinds])

    def test_the_names_in_the_policy_are_those_of_the_cache_and_its_user(self):
        self.assertEqual(stack().properties("ValkeyServerless")["ServerlessCacheName"], NAME)
        self.assertEqual(stack(Cache="node").properties("ValkeyNode")["ReplicationGroupId"], NAME)
        self.assertEqual(stack().properties("ValkeyUser")["UserId"], NAME)


@unittest.skipUnless(available(), "there is no valkey-server: `python3 local/install_tools.py run` gets it")
class AccessString(unittest.TestCase):
    """The user's access string on a real Valkey, with the script that the functions send."""

    @classmethod
    def setUpClass(cls):
        cls.valkey = Valkey()
        cls.addClassCleanup(cls.valkey.stop)
        access = stack().properties("ValkeyUser")["AccessString"]
        cls.valkey.call("ACL", "SETUSER", "functions", ">secret", *access.split())
        cls.functions = cls.valkey.connect()
        cls.functions.call("AUTH", "functions", "secret")
        cls.script = cls.functions.call("SCRIPT", "LOAD", (ROOT / "shared/src/cache/protocol/availability.lua").read_bytes())

    def run_script(self, *arguments, key="hall:{1}:availability"):
        words = (str(argument) if isinstance(argument, int) else argument for argument in arguments)
        return self.functions.call("EVALSHA", self.script, "1", key, *words)

    def test_every_command_of_the_script_is_in_it(self):
        source = "".join((ROOT / "shared/src/cache" / name).read_text() for name in ["protocol/availability.lua", "rate_limit.lua"])
        used = {command.lower() for command in re.findall(r"redis\.p?call\('(\w+)'", source)}
        access = stack().properties("ValkeyUser")["AccessString"].split()
        self.assertLessEqual({f"+{command}" for command in used}, set(access))
        self.assertIn("+evalsha", access)

    def test_fill_merge_peek_and_read_are_allowed(self):
        token, slots = "t" * 16, "\0" * 24
        self.assertEqual(self.run_script("begin", 1, 2, token, "missing", 500, 5000, 60000, 15000), b"fill")
        entry = b"\0\0\0\1" + b"\0\0\0\0\0\5" + b"\2" + b"\0\0\0\0" + b"\0"
        self.assertEqual(self.run_script("merge", 1, entry, "tell"), 1)
        self.assertEqual(self.run_script("end", 1, token, slots, 60000, 1, "r" * 8), 1)
        self.assertEqual(len(self.run_script("peek", 1, "\0\0\0\1")), 12)
        string = self.functions.call("GET", "hall:{1}:availability")
        self.assertEqual(len(string), 48 + 24)
        # A caller that has seen this state gets three numbers. Other callers get the string.
        self.assertEqual(len(self.run_script("look", string[40:48])), 3)
        self.assertEqual(self.run_script("look", "another?"), string)
        # A renewal, and a newer layout.
        self.assertEqual(self.run_script("begin", 1, 2, "u" * 16, "renewal", 500, 5000, 60000, 15000), b"fresh")
        lease, longest = 30000, 60000
        self.assertEqual(self.run_script("begin", 2, 3, "v" * 16, "missing", lease, longest, 60000, 15000), b"fill")
        left = self.run_script("begin", 2, 3, "w" * 15 + "\1", "unreadable", lease, longest, 60000, 15000)
        self.assertIn(left, range(1, lease + 1), "what the other has left of its lease")
        self.assertEqual(self.functions.call("DEL", "hall:{1}:availability"), 1)

    def test_commands_of_the_client_are_allowed(self):
        self.assertEqual(self.functions.call("PING"), b"PONG")
        self.assertEqual(self.functions.call("CLIENT", "SETINFO", "LIB-NAME", "redis-rs"), b"OK")
        with self.assertRaisesRegex(Refused, "cluster support disabled"):
            self.functions.call("CLUSTER", "SLOTS")

    def test_summaries_of_shows_are_allowed(self):
        key = "hall:{shows}:summaries"
        self.assertEqual(self.functions.call("HSET", key, "evening-1", "packed"), 1)
        self.assertEqual(self.functions.call("HMGET", key, "evening-1", "evening-2"), [b"packed", None])
        self.assertEqual(self.functions.call("HDEL", key, "evening-1"), 1)
        with self.assertRaisesRegex(Refused, "NOPERM"):
            self.functions.call("HSET", "other:{shows}:summaries", "evening-1", "packed")

    def test_nothing_else_does(self):
        for command in ["FLUSHALL", "KEYS *", "CONFIG GET *", "ACL LIST", "INFO", "SCRIPT FLUSH", "CLUSTER RESET", "CLIENT LIST",
                        "GET other:{1}:availability", "SET other:{1}:availability x", "SUBSCRIBE news", "MONITOR"]:
            with self.subTest(command), self.assertRaisesRegex(Refused, "NOPERM"):
                self.functions.call(*command.split())
        with self.assertRaisesRegex(Refused, "NOPERM"):
            self.run_script("peek", 1, "\0\0\0\1", key="other:{1}:availability")


if __name__ == "__main__":
    unittest.main()
