"""`make logs` without an account."""

import datetime
import unittest
from unittest import mock

from commands import Account, Run
from operate import logs as command
from operate.refusal import Refusal

LINE = ('{"timestamp":"2026-11-30T15:32:07.123Z","level":"INFO","message":"request","route":"GET /theaters/{theaterId}/seats","status":200,"code":"","duration_ms":3.06,'
        '"_aws":{"Timestamp":1},"span":{"request_id":"b360","name":"request"}}')


def groups(made, *names):
    for prefix, found in [("/aws/lambda/hall/", [name for name in names if name != "api"]),
                          ("/aws/vendedlogs/hall/api", [name for name in names if name == "api"])]:
        listed = [{"logGroupName": f"{prefix.removesuffix('api')}{name}"} for name in found]
        made.stubs["logs"].add_response("describe_log_groups", {"logGroups": listed}, {"logGroupNamePrefix": prefix})


def lines(made, *events):
    listed = [{"eventId": f"{at}{text[:9]}", "timestamp": at, "message": text, "logStreamName": "s"} for at, text in events]
    made.stubs["logs"].add_response("filter_log_events", {"events": listed})


class Logs(unittest.TestCase):
    def logs(self, made, *words):
        return Run(["logs", "--stack", "hall", "--region", "eu-central-1", "--since", "1h", *words], made)

    def test_all_groups_are_shown_together_by_time(self):
        made = Account()
        groups(made, "book", "get-seats", "api")
        lines(made, (3000, LINE), (5000, "plain"))
        lines(made, (2000, LINE))
        lines(made, (4000, '{"requestId":"a=","status":"200","routeKey":"GET /x","error":"-"}'))
        ran = self.logs(made)
        self.assertEqual(ran.status, 0, ran.text)
        shown = [line.split(maxsplit=3)[2] for line in ran.text.splitlines()]
        self.assertEqual(shown, ["get-seats", "book", "api", "book"])

    def test_a_line_of_json_is_readable(self):
        self.assertEqual(
            command.readable(LINE),
            'INFO  request route="GET /theaters/{theaterId}/seats" status=200 duration_ms=3.06 span.request_id=b360 span.name=request')
        self.assertEqual(command.readable("Task timed out after 15.00 seconds"), "Task timed out after 15.00 seconds")
        self.assertEqual(command.readable("[1]"), "[1]")

    def test_lines_of_lambda_itself_are_shown_only_raw(self):
        for words, expected in [([], 1), (["--raw"], 4)]:
            made = Account()
            groups(made, "book")
            lines(made, (1, "START RequestId: 1"), (2, LINE), (3, '{"type":"platform.report","record":{"status":"success"}}'),
                  (4, "REPORT RequestId: 1"))
            ran = self.logs(made, *words)
            self.assertEqual(len(ran.text.splitlines()), expected, ran.text)

    def test_a_failure_that_lambda_reports_is_shown(self):
        self.assertFalse(command.is_platform('{"type":"platform.runtimeDone","record":{"status":"timeout"}}'))
        self.assertFalse(command.is_platform("RequestId: 1 Error: Runtime exited with error"))

    def test_one_function_is_read_alone(self):
        made = Account()
        groups(made, "book", "get-seats")
        lines(made, (1, LINE))
        self.assertEqual(self.logs(made, "--function", "book").status, 0)
        made.stubs["logs"].assert_no_pending_responses()

    def test_an_unknown_function_is_refused(self):
        made = Account()
        groups(made, "book", "api")
        ran = self.logs(made, "--function", "bok")
        self.assertEqual(ran.status, 2)
        self.assertIn("FUNCTION: 'bok' was refused, expected one of api, book", ran.text)

    def test_a_stack_without_logs_is_refused(self):
        made = Account()
        groups(made)
        ran = self.logs(made)
        self.assertEqual(ran.status, 2)
        self.assertIn("stack hall: it has no logs", ran.text)

    def test_missing_permission_is_one_line(self):
        made = Account()
        made.stubs["logs"].add_client_error("describe_log_groups", "AccessDeniedException", "not authorized")
        ran = self.logs(made)
        self.assertEqual(ran.status, 1)
        self.assertIn("logs: AWS refused: ", ran.text)

    def test_following_shows_each_line_once_until_ctrl_c(self):
        made = Account()
        groups(made, "book")
        lines(made, (100_000, LINE))
        lines(made, (100_000, LINE), (101_000, "new"))
        with mock.patch.object(command.time, "sleep", side_effect=[None, KeyboardInterrupt]):
            ran = self.logs(made, "--follow")
        self.assertEqual(ran.status, 0)
        self.assertEqual([line.split(maxsplit=3)[3] for line in ran.text.splitlines()], [command.readable(LINE), "new"])

    def test_the_time_to_begin_at(self):
        for text, expected in [("30s", 970_000), ("10m", 400_000), ("0m", 1_000_000), ("1970-01-01T00:10:00Z", 600_000)]:
            self.assertEqual(command.since_ms(text, 1000), expected)
        local = datetime.datetime(2027, 3, 1, 9, 45)
        self.assertEqual(command.since_ms("2027-03-01T09:45", 0), int(local.timestamp() * 1000))
        for text in ["", "10", "ten", "10w"]:
            with self.assertRaises(Refusal):
                command.since_ms(text, 0)


if __name__ == "__main__":
    unittest.main()
