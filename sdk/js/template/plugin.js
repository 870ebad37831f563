// Greets: a plugin for Jackfield, to begin with.

import { plugin } from "jackfield-plugin";

const metadata = {
  nodeType: "acme/greet",
  version: "0.1.0",
  category: "text",
  description: "Greets somebody.",
  schema: {
    type: "object",
    properties: { name: { type: "string", description: "Who is greeted." } },
    required: ["name"],
    additionalProperties: false,
  },
  examples: [
    {
      title: "A greeting",
      parameters: { name: "Ada" },
      input: [[{}]],
      output: [[{ greeting: "hello Ada" }]],
    },
  ],
};

export const node = plugin({
  metadata,
  run: (call) => call.mapItems(({ name }, item) => ({ ...item, greeting: `hello ${name}` })),
});
