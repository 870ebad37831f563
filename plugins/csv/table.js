// Makes objects of the rows of a table.

import { rows } from "./csv.js";

// Whole numbers and fractions as JSON writes them.
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/;
// As many digits as a double keeps.
const MOST_DIGITS = 15;

/**
 * The objects of a CSV text. Throws a `SyntaxError` that names the line.
 *
 * `header` says whether the first row names the fields, `numbers` whether fields that are numbers
 * become numbers, and `ragged` what is done with rows that have more or fewer fields than the
 * header: `fail`, or `fill`.
 */
export function objects(text, { separator, header, numbers, ragged }) {
  const table = rows(text, separator);
  const names = header ? named(table.shift()) : [];
  const value = numbers ? asNumber : (field) => field;
  return table.map(({ line, fields }) => {
    if (header && ragged === "fail" && fields.length !== names.length) {
      const counts = `the number of fields is ${fields.length}, and that of the header ${names.length}`;
      throw new SyntaxError(`line ${line}: ${counts}`);
    }
    const entries = fields.map((field, at) => [names[at] ?? `column${at + 1}`, value(field)]);
    for (const name of names.slice(fields.length)) entries.push([name, null]);
    return Object.fromEntries(entries);
  });
}

function asNumber(field) {
  if (!NUMBER.test(field)) return field;
  const digits = field.replace(/[-.]/g, "").replace(/^0+/, "");
  const number = Number(field);
  return digits.length > MOST_DIGITS || Object.is(number, -0) ? field : number;
}

function named(row) {
  if (row === undefined) return [];
  const names = new Set();
  for (const name of row.fields) {
    if (names.has(name)) throw new SyntaxError(`the header names \`${name}\` twice`);
    names.add(name);
  }
  return row.fields;
}
