// Run by `cargo xtask plugins`, with `node --test`.
import assert from "node:assert/strict";
import { test } from "node:test";

import { fromUtf8, toUtf8 } from "./utf8.js";

test("texts come back as they were", () => {
  for (const text of ["", "plain", "Zürich \u20ac \u{1f50c}", "\0\x7f\x80\u07ff\u0800\uffff\u{10000}\u{10ffff}"]) {
    assert.deepEqual(toUtf8(text), new TextEncoder().encode(text));
    assert.equal(fromUtf8(toUtf8(text)), text);
  }
  assert.deepEqual(toUtf8("\ud800x"), new TextEncoder().encode("\ud800x"));
});

test("what is no UTF-8 is replaced, and what follows is kept", () => {
  const broken = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xe2, 0x82]];
  for (const bytes of broken) {
    const text = fromUtf8(new Uint8Array([...bytes, 0x41]));
    assert.match(text, /^\ufffd+A$/);
  }
});
