// Run by `cargo xtask plugins`, with `node --test`.
import assert from "node:assert/strict";
import { test } from "node:test";

import { rows } from "./csv.js";

test("fields are read as they were meant", () => {
  assert.deepEqual(rows("", ","), []);
  assert.deepEqual(rows("\ufeffa,b\r\n1,2\n", ","), [["a", "b"], ["1", "2"]]);
  assert.deepEqual(rows('"x ""y"", z";\n;"line\nbreak"', ";"), [['x "y", z', ""], ["", "line\nbreak"]]);
  assert.deepEqual(rows("a,\n", ","), [["a", ""]]);
});

test("what is broken is named by its line", () => {
  assert.throws(() => rows('a\n"b', ","), /line 2: a quoted field does not end/);
  assert.throws(() => rows('"a\n"b', ","), /line 2: a quoted field goes on/);
});
