"""`make undeploy` without an account."""

import unittest

from commands import Account, Run, Typist


class Undeploy(unittest.TestCase):
    def undeploy(self, *words, lines=None, after=None, status="CREATE_COMPLETE", account_=None):
        made = account_ or Account()
        made.has("hall", status)

        def sam(_):
            (after or (lambda: made.has_not("hall")))()
            return 0

        typist = Typist(*lines) if lines is not None else None
        self.ran = Run(["undeploy", "--stack", "hall", "--region", "eu-central-1", *words], made, typist, sam=sam)
        made.stubs["dynamodb"].assert_no_pending_responses()
        return self.ran

    def test_enter_deletes_nothing(self):
        ran = self.undeploy(lines=[""])
        self.assertEqual((ran.status, ran.sam), (1, []))
        self.assertIn("Kept: the table hall-seats, with everything in it", ran.text)

    def test_yes_deletes_the_stack_and_keeps_the_table_protected(self):
        ran = self.undeploy(lines=["y"])
        self.assertEqual(ran.status, 0)
        self.assertEqual(ran.sam, [["sam", "delete", "--stack-name", "hall", "--region", "eu-central-1", "--no-prompts"]])
        self.assertIn("hall-seats is still protected", ran.text)

    def test_the_question_names_the_stack(self):
        typist = Typist("")
        made = Account()
        made.has("hall")
        Run(["undeploy", "--stack", "hall", "--region", "eu-central-1"], made, typist)
        self.assertEqual(typist.prompts, ["\nDelete the stack hall in eu-central-1? [y/N]: "])

    def test_without_a_terminal_it_needs_yes(self):
        ran = self.undeploy()
        self.assertEqual((ran.status, ran.sam), (2, []))
        self.assertIn("YES=1", ran.text)
        self.assertEqual(self.undeploy("--yes").status, 0)

    def test_confirm_turns_protection_off_and_deletes_no_table(self):
        made = Account()
        made.stubs["dynamodb"].add_response("update_table", {}, {"TableName": "hall-seats", "DeletionProtectionEnabled": False})
        ran = self.undeploy("--yes", "--confirm", account_=made)
        self.assertIn("no longer protected", ran.text)

    def test_a_restored_table_is_named_and_left_alone(self):
        made = Account()
        made.outputs["TableName"] = "restored"
        ran = self.undeploy("--yes", account_=made)
        self.assertIn("Kept: the table restored, from which the stack sells", ran.text)
        self.assertNotIn("delete-table --table-name restored", ran.text)

    def test_a_stack_whose_creation_failed_can_be_deleted(self):
        self.assertEqual(self.undeploy("--yes", status="ROLLBACK_COMPLETE").status, 0)

    def test_a_stack_that_is_busy_is_left_alone(self):
        ran = self.undeploy("--yes", status="UPDATE_IN_PROGRESS")
        self.assertEqual((ran.status, ran.sam), (2, []))

    def test_a_stack_that_is_not_there_is_refused(self):
        made = Account()
        made.has_not("hall")
        ran = Run(["undeploy", "--stack", "hall", "--region", "eu-central-1", "--yes"], made)
        self.assertEqual((ran.status, ran.sam), (2, []))
        self.assertIn("there is none of this name in eu-central-1", ran.text)

    def test_a_deletion_that_failed_says_what_is_left(self):
        made = Account()
        ran = self.undeploy("--yes", account_=made, after=lambda: made.has("hall", "DELETE_FAILED"))
        self.assertEqual(ran.status, 1)
        self.assertIn("The stack is DELETE_FAILED", ran.text)
        self.assertIn("describe-stack-events --stack-name hall", ran.text)


if __name__ == "__main__":
    unittest.main()
