"""Run by ``cargo xtask plugins``, with ``python3 -m unittest``: the module on an ordinary Python, with
something in the place of what is generated from the contract."""

import json
import sys
import types
import unittest
from collections import namedtuple
from pathlib import Path


class Err(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value


def module(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


Fault = namedtuple("Fault", "code message retryable")
written_log = []
answers = []


def refuse(*_):
    raise Err(Fault("CAPABILITY_REFUSED", "not granted", False))


module("componentize_py_types", Err=Err)
node = module(
    "wit_world.exports.node",
    Call=object,
    Output=namedtuple("Output", "ports variables wait_ms"),
    Failure=namedtuple(
        "Failure",
        "code message retryable status retry_after_ms details partial failed_items",
    ),
    ItemFailure=namedtuple("ItemFailure", "item code message status"),
)
module("wit_world.exports", node=node, Node=object)
level = types.SimpleNamespace(DEBUG="debug", INFO="info", WARN="warn", ERROR="error")
imports = {
    "clock": {},
    "config": {"get": lambda name: None},
    "http": {
        "Header": namedtuple("Header", "name value"),
        "Request": namedtuple("Request", "method url headers body timeout_ms"),
        "send": lambda request: answers.pop(0),
    },
    "kv": {"get": refuse, "increment": lambda key, by: by},
    "log": {"Level": level, "log": lambda at, line: written_log.append((at, line))},
    "progress": {"report": lambda fraction, message: None},
    "random": {},
    "secrets": {},
}
parts = {name: module(f"wit_world.imports.{name}", **members) for name, members in imports.items()}
module("wit_world.imports", **parts)
module("wit_world", exports=sys.modules["wit_world.exports"])

sys.path.insert(0, str(Path(__file__).parent.parent))
import jackfield_plugin as sdk  # noqa: E402

Context = namedtuple("Context", "on_error_continues")
WitCall = namedtuple("WitCall", "node_type version context inputs parameters variables")
Answer = namedtuple("Answer", "status headers body")
Header = namedtuple("Header", "name value")


class Halve(sdk.NodeType):
    metadata = {
        "nodeType": "acme/halve",
        "version": "1.0.0",
        "category": "math",
        "schema": {"type": "object", "required": ["field"]},
    }

    def run(self, call):
        def halve(params, item):
            number = item[params["field"]]
            if number == "forbidden":
                raise sdk.NodeError("TENANT_FORBIDDEN", "not yours")
            if number % 2:
                raise sdk.NodeError("ODD", "it is odd", retryable=number > 2, status="no status")
            return {"half": number // 2}

        return call.map_items(halve)


class Free(sdk.NodeType):
    """Gives whatever a test says."""

    metadata = {"nodeType": "acme/free", "version": "1.0.0", "category": "test"}
    gives = None

    def run(self, call):
        return Free.gives(call)


plugin = sdk.plugin(Halve(), Free())()


def call(node_type, items, goes_on=False, parameters=({"field": "n"},)):
    return WitCall(
        node_type,
        "1.0.0",
        Context(goes_on),
        [json.dumps([{"n": item} for item in items])],
        [json.dumps(one) for one in parameters],
        None,
    )


class Calls(unittest.TestCase):
    def fails(self, *arguments, **named):
        with self.assertRaises(Err) as raised:
            plugin.execute(call(*arguments, **named))
        return raised.exception.value

    def gives(self, function):
        Free.gives = staticmethod(function)

    def test_what_need_not_be_said_is_described(self):
        described = json.loads(plugin.describe())
        self.assertEqual(described["contract"], "0.1")
        halve = described["nodeTypes"][0]
        self.assertEqual(halve["requiredFields"], ["field"])
        self.assertEqual(halve["ports"], {"inputs": 1, "outputs": ["main"]})

    def test_items_are_paired(self):
        output = plugin.execute(call("acme/halve", [2, 4]))
        made = [{"json": {"half": 1}, "item": 0}, {"json": {"half": 2}, "item": 1}]
        self.assertEqual(json.loads(output.ports[0]), made)

    def test_the_first_failure_ends_the_call_and_keeps_what_was_made(self):
        failure = self.fails("acme/halve", [2, 1, 4])
        self.assertEqual((failure.code, failure.message), ("ODD", "item 1: it is odd"))
        self.assertIsNone(failure.status)
        self.assertEqual(json.loads(failure.partial.ports[0]), [{"json": {"half": 1}, "item": 0}])

    def test_where_the_workflow_goes_on_every_item_has_its_turn(self):
        failure = self.fails("acme/halve", [1, 4, 3], goes_on=True)
        self.assertEqual(failure.message, "2 of 3 items failed; item 2: it is odd")
        self.assertTrue(failure.retryable)
        self.assertEqual([one.item for one in failure.failed_items], [0, 2])
        self.assertEqual(json.loads(failure.partial.ports[0]), [{"json": {"half": 2}, "item": 1}])

    def test_refusals_and_fixed_parameters_end_the_call_at_once(self):
        failure = self.fails("acme/halve", ["forbidden", 4], goes_on=True)
        self.assertEqual((failure.code, failure.failed_items), ("TENANT_FORBIDDEN", []))

        def wrong(params, item):
            raise sdk.NodeError.parameter("/field", "is no name")

        self.gives(lambda call: call.map_items(wrong))
        failure = self.fails("acme/free", [1, 2], goes_on=True)
        self.assertEqual(failure.message, "`/field`: is no name")
        self.assertEqual(json.loads(failure.details)["issues"][0]["path"], "/field")
        each = self.fails("acme/free", [1, 2], goes_on=True, parameters=({}, {}))
        self.assertEqual([one.item for one in each.failed_items], [0, 1])

    def test_mistakes_are_failures_and_break_nothing_off(self):
        mistakes = [
            lambda call: None,
            lambda call: sdk.Output([[sdk.item({"n": float("nan")})]]),
            lambda call: sdk.Output([[]], wait_ms=1.5),
            lambda call: sdk.Output([[]], wait_ms=-1),
            lambda call: sdk.kv.increment("count", 1.5),
            lambda call: sdk.kv.increment(3),
            lambda call: {}["missing"],
        ]
        for mistake in mistakes:
            self.gives(mistake)
            self.assertEqual(self.fails("acme/free", [1]).code, "EXECUTION_ERROR")
        self.gives(lambda call: sdk.Output([[sdk.item({"n": "\ud800"})]]))
        output = plugin.execute(call("acme/free", [1]))
        self.assertEqual(json.loads(output.ports[0]), [{"json": {"n": "?"}}])

    def test_a_node_type_that_is_not_there_is_named(self):
        self.assertIn("acme/other", self.fails("acme/other", [1]).message)

    def test_a_refusal_of_the_host_is_a_failure_with_its_code(self):
        self.gives(lambda call: sdk.kv.get("key"))
        self.assertEqual(self.fails("acme/free", [1]).code, "CAPABILITY_REFUSED")

    def test_statuses_are_told_apart_by_whether_they_may_pass(self):
        for status, retryable in [(404, False), (408, True), (429, True), (503, True)]:
            answers.append(Answer(status, [Header("Retry-After", "7")], b"busy"))
            with self.assertRaises(sdk.NodeError) as raised:
                sdk.http.send("GET", "https://example.org").successful()
            error = raised.exception
            self.assertEqual((error.code, error.status), ("HTTP_STATUS", status))
            self.assertEqual((error.retryable, error.retry_after_ms), (retryable, 7000))
        answers.append(Answer(200, [], b"<html>"))
        answer = sdk.http.send("GET", "https://example.org").successful()
        with self.assertRaises(sdk.NodeError):
            answer.json()

    def test_lines_are_written_at_their_level(self):
        sdk.log.debug("a")
        sdk.log.error(3)
        self.assertEqual(written_log, [("debug", "a"), ("error", "3")])


if __name__ == "__main__":
    unittest.main()
