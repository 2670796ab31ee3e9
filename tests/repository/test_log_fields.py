"""The fields of log lines in docs/observability.md, compared with the sources that write them."""

import re
import unittest

from checkout import read

PAGE = read("docs/observability.md")
# Lines of batches, each in a struct with a member `op`.
BATCHES = {"shared/src/sync_cache.rs": 1, "publish/src/handler.rs": 2}
# Fields of every line. The page explains them once.
COMMON = {"op", "ms", "request_id"}


def lines_of(source):
    """Returns the operation and the fields of each log line that a source file writes."""
    for name, body in re.findall(r"struct (\w+)(?:<'a>)? \{\n    op: &'static str,\n(.*?)\n\}", source, re.DOTALL):
        operation = re.search(rf'\b{name} \{{\s*op: "(\w+)"', source)[1]
        yield operation, set(re.findall(r"^    (\w+): ", body, re.MULTILINE))


class Fields(unittest.TestCase):
    def test_every_field_of_a_batch_is_in_its_row(self):
        for path, count in BATCHES.items():
            lines = list(lines_of(read(path)))
            self.assertEqual(len(lines), count, path)
            for operation, fields in lines:
                row = re.search(rf"^\| `{operation}` \|.*\|$", PAGE, re.MULTILINE)
                self.assertTrue(row, operation)
                self.assertEqual(fields - COMMON - set(re.findall(r"`(\w+)`", row[0])), set(), operation)

    def test_the_page_has_every_field_of_the_api_gateway_access_log(self):
        line = re.search(r"Format: >-\n((?: +.*\$context.*\n)+)", read("infra/template.yaml"))[1]
        fields = re.findall(r'"(\w+)":"\$context', line)
        section = PAGE.split("### API Gateway's access log\n")[1].split("\n## ")[0]
        self.assertEqual(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE), fields)
