// Run by `cargo xtask plugins`, with `node --test`.
import assert from "node:assert/strict";
import { test } from "node:test";

import { rows } from "./csv.js";
import { objects } from "./table.js";

const fields = (text, separator = ",") => rows(text, separator).map((row) => row.fields);

test("fields are read as they were meant", () => {
  assert.deepEqual(fields(""), []);
  assert.deepEqual(fields("\ufeffa,b\r\n1,2\n"), [["a", "b"], ["1", "2"]]);
  assert.deepEqual(fields('"x ""y"", z";\n;"line\nbreak"', ";"), [['x "y", z', ""], ["", "line\nbreak"]]);
  assert.deepEqual(fields("a,\n"), [["a", ""]]);
  assert.deepEqual(fields('""\n""""'), [[""], ['"']]);
  assert.deepEqual(fields('a"b, c '), [['a"b', " c "]]);
  assert.deepEqual(fields("Zürich,\u{1f50c}\r東京,\ud800"), [["Zürich", "\u{1f50c}"], ["東京", "\ud800"]]);
});

test("empty lines are left out, and lines are counted all the same", () => {
  const all = rows('\na\r\n\r\n"b\r\nc"\n\n\nd', ",");
  assert.deepEqual(all, [
    { line: 2, fields: ["a"] },
    { line: 4, fields: ["b\r\nc"] },
    { line: 8, fields: ["d"] },
  ]);
});

test("what is broken is named by its line", () => {
  assert.throws(() => rows('a\n"b', ","), /^SyntaxError: line 2: a quoted field does not end$/);
  assert.throws(() => rows('"a\n"b', ","), /^SyntaxError: line 2: a quoted field goes on after its end$/);
  assert.throws(() => rows('a\n\n"b" ', ","), /^SyntaxError: line 3: /);
});

const all = { separator: ",", header: true, numbers: true, ragged: "fail" };

test("numbers become numbers only where nothing is lost", () => {
  const text = "n\n1\n-2.5\n0.001\n-0\n007\n1e3\n 1\n123456789012345\n1234567890123456\n0.1234567890123456789";
  const numbers = objects(text, all).map((row) => row.n);
  const kept = ["-0", "007", "1e3", " 1", 123456789012345, "1234567890123456", "0.1234567890123456789"];
  assert.deepEqual(numbers, [1, -2.5, 0.001, ...kept]);
});

test("ragged rows fail or are filled, as is asked for", () => {
  const text = "a,b\n1\n\n1,2,3\n";
  assert.throws(() => objects(text, all), /^SyntaxError: line 2: the number of fields is 1, and that of the header 2$/);
  assert.deepEqual(objects(text, { ...all, ragged: "fill" }), [
    { a: 1, b: null },
    { a: 1, b: 2, column3: 3 },
  ]);
  assert.deepEqual(objects("1\n1,2", { ...all, header: false }), [{ column1: 1 }, { column1: 1, column2: 2 }]);
});

test("a header names each field once, whatever the name is", () => {
  assert.throws(() => objects("a,b,a\n", all), /the header names `a` twice/);
  assert.deepEqual(objects("", all), []);
  const [row] = objects("__proto__,constructor\nx,y", all);
  assert.equal(JSON.stringify(row), '{"__proto__":"x","constructor":"y"}');
});
