// Reads CSV as RFC 4180 has it, and what programs make of it: other separators, lines that end
// with a line feed alone, a byte order mark.

/** The rows of a text, each a list of fields. Throws a `SyntaxError` that names the line. */
export function rows(text, separator) {
  const all = [];
  let [at, line] = [text.startsWith("\ufeff") ? 1 : 0, 1];
  while (at < text.length) {
    const row = [];
    for (;;) {
      let field;
      if (text[at] === '"') {
        const begun = line;
        const pieces = [];
        at += 1;
        for (;;) {
          const end = text.indexOf('"', at);
          if (end < 0) throw new SyntaxError(`line ${begun}: a quoted field does not end`);
          const piece = text.slice(at, end);
          pieces.push(piece);
          line += piece.split("\n").length - 1;
          at = end + 1;
          if (text[at] !== '"') break;
          pieces.push('"');
          at += 1;
        }
        field = pieces.join("");
        if (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") {
          throw new SyntaxError(`line ${line}: a quoted field goes on after its end`);
        }
      } else {
        const begun = at;
        while (at < text.length && text[at] !== separator && text[at] !== "\n" && text[at] !== "\r") at += 1;
        field = text.slice(begun, at);
      }
      row.push(field);
      if (text[at] !== separator) break;
      at += 1;
    }
    if (text[at] === "\r") at += 1;
    if (text[at] === "\n") at += 1;
    line += 1;
    all.push(row);
  }
  return all;
}
