// Makes items of the rows of a CSV text: a plugin in JavaScript, without any capability.

import { NodeError, plugin } from "jackfield-plugin";

import { objects } from "./table.js";

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
        description:
          "Whether fields that are written as JSON writes numbers, and have no more digits than are kept, become numbers.",
      },
      ragged: {
        enum: ["fail", "fill"],
        default: "fail",
        description:
          "What is done with rows that don't have as many fields as the header: an error that names the line, or `null` for what is missing and `column4`… for what is more.",
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

function read({ text, separator = ",", header = true, numbers = false, ragged = "fail" }) {
  // One unit of UTF-16, so that it is one place in the text.
  if (separator.length !== 1 || ['"', "\n", "\r"].includes(separator)) {
    throw NodeError.parameter("/separator", "must be one character, and no quote or end of a line");
  }
  try {
    return objects(text, { separator, header, numbers, ragged });
  } catch (error) {
    if (error instanceof SyntaxError) throw new NodeError("INVALID_INPUT", error.message);
    throw error;
  }
}

export const node = plugin({ metadata, run: (call) => call.flatMapItems(read) });
