// Reads CSV as RFC 4180 has it, and what programs make of it: other separators, lines that end
// with a line feed or a carriage return alone, a byte order mark, empty lines.

const ENDS = ["\n", "\r"];

/**
 * The rows of a text: `{ line, fields }`, where `line` is the line that the row begins on. Empty
 * lines are left out. Throws a `SyntaxError` that names the line.
 */
export function rows(text, separator) {
  const all = [];
  let [at, line] = [text.startsWith("\ufeff") ? 1 : 0, 1];
  while (at < text.length) {
    const row = { line, fields: [] };
    const begun = at;
    for (;;) {
      const field = text[at] === '"' ? quoted(text, separator, at, line) : plain(text, separator, at);
      row.fields.push(field.text);
      [at, line] = [field.end, line + field.lines];
      if (text[at] !== separator) break;
      at += 1;
    }
    if (at > begun) all.push(row);
    if (text[at] === "\r") at += 1;
    if (text[at] === "\n") at += 1;
    line += 1;
  }
  return all;
}

/** Whether a place in a text is behind a field. */
function isEnd(text, separator, at) {
  return at >= text.length || text[at] === separator || ENDS.includes(text[at]);
}

function plain(text, separator, begun) {
  let end = begun;
  while (!isEnd(text, separator, end)) end += 1;
  return { text: text.slice(begun, end), end, lines: 0 };
}

function quoted(text, separator, begun, line) {
  const pieces = [];
  let at = begun + 1;
  for (;;) {
    const end = text.indexOf('"', at);
    if (end < 0) throw new SyntaxError(`line ${line}: a quoted field does not end`);
    pieces.push(text.slice(at, end));
    at = end + 1;
    if (text[at] !== '"') break;
    pieces.push('"');
    at += 1;
  }
  const whole = pieces.join("");
  const lines = whole.match(/\r\n|\r|\n/g)?.length ?? 0;
  if (!isEnd(text, separator, at)) {
    throw new SyntaxError(`line ${line + lines}: a quoted field goes on after its end`);
  }
  return { text: whole, end: at, lines };
}
