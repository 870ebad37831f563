"""Run by ``cargo xtask plugins``, with ``python3 -m unittest``: the counter, with a dictionary in the
place of the host."""

import sys
import types
import unittest
from pathlib import Path


class NodeError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code

    @classmethod
    def parameter(cls, path, message):
        return cls("INVALID_PARAMETERS", f"`{path}`: {message}")


class Keeper:
    """As ``kv`` is, for one tenant."""

    kept = {}

    def increment(self, key, by=1):
        self.kept[key] = self.kept.get(key, 0) + by
        return self.kept[key]

    def delete(self, key):
        return self.kept.pop(key, None) is not None


stub = types.ModuleType("jackfield_plugin")
stub.NodeError, stub.NodeType, stub.kv = NodeError, object, Keeper()
stub.plugin = lambda node_type: node_type
sys.modules["jackfield_plugin"] = stub

sys.path.insert(0, str(Path(__file__).parent.parent))
import plugin  # noqa: E402


class Call:
    def __init__(self, items, **parameters):
        self.items, self.parameters = items, parameters

    def map_items(self, make):
        return [make(self.parameters, item) for item in self.items]


def count(items, **parameters):
    return [item["count"] for item in plugin.Node.run(Call(items, **parameters))]


class Counts(unittest.TestCase):
    def setUp(self):
        Keeper.kept.clear()

    def test_counting_goes_on_where_it_ended(self):
        self.assertEqual(count([{}, {}], name="a"), [1, 2])
        self.assertEqual(count([{}], name="a", by=10), [12])
        self.assertEqual(count([{}], name="b"), [1])

    def test_a_call_begins_again_once_however_many_items_it_has(self):
        count([{}, {}], name="a")
        self.assertEqual(count([{}, {}], name="a", reset=True), [1, 2])

    def test_names_have_bounds_and_so_have_counts(self):
        for name in ["", "n" * 101]:
            with self.assertRaises(NodeError) as raised:
                count([{}], name=name)
            self.assertEqual(raised.exception.code, "INVALID_PARAMETERS")
        Keeper.kept["count/a"] = plugin.MOST
        with self.assertRaises(NodeError) as raised:
            count([{}], name="a")
        self.assertEqual(raised.exception.code, "LIMIT_EXCEEDED")


if __name__ == "__main__":
    unittest.main()
