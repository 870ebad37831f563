"""Greets: a plugin for Jackfield, to begin with."""

from jackfield_plugin import NodeType, plugin


class Greet(NodeType):
    metadata = {
        "nodeType": "acme/greet",
        "version": "0.1.0",
        "category": "text",
        "description": "Greets somebody.",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string", "description": "Who is greeted."}},
            "required": ["name"],
            "additionalProperties": False,
        },
        "examples": [
            {
                "title": "A greeting",
                "parameters": {"name": "Ada"},
                "input": [[{}]],
                "output": [[{"greeting": "hello Ada"}]],
            }
        ],
    }

    def run(self, call):
        return call.map_items(lambda params, item: item | {"greeting": "hello " + params["name"]})


Node = plugin(Greet())
