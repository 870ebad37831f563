// Run by `cargo xtask plugins`, with `node --test`.
import assert from "node:assert/strict";
import { test } from "node:test";

import "./host.js";

const sdk = await import("../jackfield.js");
const { host } = globalThis;

const halve = {
  metadata: { nodeType: "acme/halve", version: "1.0.0", category: "math", schema: { required: ["field"] } },
  run: (call) =>
    call.mapItems(({ field }, item) => {
      const number = item[field];
      if (number === "forbidden") throw new sdk.NodeError("TENANT_FORBIDDEN", "not yours");
      if (number % 2) throw new sdk.NodeError("ODD", "it is odd", { retryable: number > 2, status: "none" });
      return { half: number / 2 };
    }),
};
// Gives whatever a test says.
const free = { metadata: { nodeType: "acme/free", version: "1.0.0", category: "test" } };
const node = sdk.plugin(halve, free);

function call(nodeType, items, { goesOn = false, parameters = [{ field: "n" }] } = {}) {
  return node.execute({
    nodeType,
    version: "1.0.0",
    context: { onErrorContinues: goesOn },
    inputs: [JSON.stringify(items.map((n) => ({ n })))],
    parameters: parameters.map((one) => JSON.stringify(one)),
    variables: null,
  });
}

function fails(...parts) {
  try {
    call(...parts);
  } catch (failure) {
    return failure;
  }
  assert.fail("it does not fail");
}

test("what need not be said is described", () => {
  const { contract, nodeTypes } = JSON.parse(node.describe());
  assert.equal(contract, "0.1");
  assert.deepEqual(nodeTypes[0].requiredFields, ["field"]);
  assert.deepEqual(nodeTypes[0].ports, { inputs: 1, outputs: ["main"] });
});

test("items are paired", () => {
  const { ports } = call("acme/halve", [2, 4]);
  assert.deepEqual(JSON.parse(ports[0]), [{ json: { half: 1 }, item: 0 }, { json: { half: 2 }, item: 1 }]);
});

test("the first failure ends the call and keeps what was made", () => {
  const failure = fails("acme/halve", [2, 1, 4]);
  assert.deepEqual([failure.code, failure.message, failure.status], ["ODD", "item 1: it is odd", null]);
  assert.deepEqual(JSON.parse(failure.partial.ports[0]), [{ json: { half: 1 }, item: 0 }]);
});

test("where the workflow goes on every item has its turn", () => {
  const failure = fails("acme/halve", [1, 4, 3], { goesOn: true });
  assert.equal(failure.message, "2 of 3 items failed; item 2: it is odd");
  assert.equal(failure.retryable, true);
  assert.deepEqual(failure.failedItems.map(({ item }) => item), [0, 2]);
  assert.deepEqual(JSON.parse(failure.partial.ports[0]), [{ json: { half: 2 }, item: 1 }]);
});

test("refusals and fixed parameters end the call at once", () => {
  const refused = fails("acme/halve", ["forbidden", 4], { goesOn: true });
  assert.deepEqual([refused.code, refused.failedItems], ["TENANT_FORBIDDEN", []]);
  free.run = (call) =>
    call.mapItems(() => {
      throw sdk.NodeError.parameter("/field", "is no name");
    });
  const wrong = fails("acme/free", [1, 2], { goesOn: true });
  assert.equal(wrong.message, "`/field`: is no name");
  assert.equal(JSON.parse(wrong.details).issues[0].path, "/field");
  const each = fails("acme/free", [1, 2], { goesOn: true, parameters: [{}, {}] });
  assert.deepEqual(each.failedItems.map(({ item }) => item), [0, 1]);
});

test("mistakes are failures and break nothing off", () => {
  const mistakes = [
    () => undefined,
    () => [{}],
    () => sdk.output([{}]),
    () => sdk.output([[]], { waitMs: 1.5 }),
    () => sdk.output([[]], { waitMs: -1 }),
    () => sdk.output([[sdk.item({ n: 1n })]]),
    () => sdk.kv.increment("count", 1n),
    () => sdk.kv.increment("count", 1.5),
    () => sdk.kv.set("key", 3),
    () => sdk.kv.listKeys("", null, -1),
    () => sdk.log.write("loud", "text"),
    () => sdk.http.send({ url: "https://example.org", body: {} }),
    () => sdk.random.bytes(2 ** 32),
    () => {
      throw undefined;
    },
  ];
  for (const mistake of mistakes) {
    free.run = mistake;
    assert.equal(fails("acme/free", [1]).code, "EXECUTION_ERROR", String(mistake));
  }
  free.run = (call) =>
    call.mapItems(() => {
      throw undefined;
    });
  assert.equal(fails("acme/free", [1, 2], { goesOn: true }).failedItems.length, 2);
});

test("a node type that is not there is named", () => {
  assert.match(fails("acme/other", [1]).message, /acme\/other/);
});

test("a refusal of the host is a failure with its code", () => {
  host.kv.get = () => {
    throw { code: "CAPABILITY_REFUSED", message: "not granted", retryable: false };
  };
  free.run = () => sdk.kv.get("key");
  assert.equal(fails("acme/free", [1]).code, "CAPABILITY_REFUSED");
});

test("statuses are told apart by whether they may pass", () => {
  const cases = [[404, false], [408, true], [429, true], [503, true]];
  for (const [status, retryable] of cases) {
    host.http.send = () => ({ status, headers: [{ name: "Retry-After", value: "7" }], body: sdk.toUtf8("busy") });
    const known = { retryable, status, retryAfterMs: 7000 };
    const expected = { code: "HTTP_STATUS", message: `the service answered ${status}: busy`, known };
    assert.throws(() => sdk.http.send({ url: "https://example.org" }).successful(), expected);
  }
  host.http.send = () => ({ status: 200, headers: [], body: sdk.toUtf8("<html>") });
  assert.throws(() => sdk.http.send({ url: "https://example.org" }).successful().json(), { code: "EXECUTION_ERROR" });
});
