// Makes items of the rows of a CSV text: a plugin in JavaScript, without any capability.

import { NodeError, plugin } from "jackfield-plugin";

import { rows } from "./csv.js";

const metadata = {
  nodeType: "examples/csv-to-items",
  version: "0.1.0",
  category: "convert",
  description: "Makes an item of each row of a CSV text.",
  tags: ["csv", "table"],
  schema: {
    type: "object",
    properties: {
      text: { type: "string", description: "The CSV text." },
      separator: {
        type: "string",
        minLength: 1,
        maxLength: 1,
        default: ",",
        description: "The character between fields.",
      },
      header: {
        type: "boolean",
        default: true,
        description: "Whether the first row names the fields; they are `column1`, `column2`… otherwise.",
      },
      numbers: {
        type: "boolean",
        default: false,
        description: "Whether fields that are written as JSON writes numbers become numbers.",
      },
    },
    required: ["text"],
    additionalProperties: false,
  },
  examples: [
    {
      title: "A table with a header",
      parameters: { text: 'name,note\nAda,"first, of all"\nGrace,\n' },
      input: [[{}]],
      output: [[{ name: "Ada", note: "first, of all" }, { name: "Grace", note: "" }]],
    },
    {
      title: "Numbers, without a header",
      parameters: { text: "1;x\n007;2.5", separator: ";", header: false, numbers: true },
      input: [[{}]],
      output: [[{ column1: 1, column2: "x" }, { column1: "007", column2: 2.5 }]],
    },
  ],
};

const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/;

function objects({ text, separator = ",", header = true, numbers = false }) {
  if (separator === '"' || separator === "\n" || separator === "\r") {
    throw NodeError.parameter("/separator", "must be no quote and no end of a line");
  }
  const table = read(text, separator);
  const names = header ? named(table.shift() ?? []) : [];
  const value = (field) => (numbers && NUMBER.test(field) ? Number(field) : field);
  return table.map((row, place) => {
    if (header && row.length > names.length) {
      const text = `row ${place + 1} has ${row.length} fields, the header has ${names.length}`;
      throw new NodeError("INVALID_INPUT", text);
    }
    return Object.fromEntries(row.map((field, at) => [names[at] ?? `column${at + 1}`, value(field)]));
  });
}

function read(text, separator) {
  try {
    return rows(text, separator);
  } catch (error) {
    if (error instanceof SyntaxError) throw new NodeError("INVALID_INPUT", error.message);
    throw error;
  }
}

function named(names) {
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined) throw new NodeError("INVALID_INPUT", `the header names \`${twice}\` twice`);
  return names;
}

export const node = plugin({ metadata, run: (call) => call.flatMapItems(objects) });
