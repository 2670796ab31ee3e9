"""The Python files of the checkout."""

import ast
import unittest

from checkout import ROOT, files


class Sources(unittest.TestCase):
    def test_every_file_compiles_and_says_its_purpose(self):
        sources = files("*.py")
        self.assertGreater(len(sources), 50)
        for path in sources:
            tree = ast.parse(path.read_text(), path)
            if tree.body:
                self.assertTrue(ast.get_docstring(tree), path.relative_to(ROOT))
