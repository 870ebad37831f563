"""Counts, over all executions of a tenant: a plugin in Python with one capability, ``kv``."""

from jackfield_plugin import NodeError, NodeType, kv, plugin

# The largest whole number that JSON carries everywhere.
MOST = 2**53 - 1


class Counter(NodeType):
    metadata = {
        "nodeType": "examples/counter",
        "version": "0.1.0",
        "category": "state",
        "description": "Counts items, and goes on counting in the next execution.",
        "tags": ["count", "state"],
        "capabilities": ["kv"],
        "schema": {
            "type": "object",
            "properties": {
                "name": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 100,
                    "description": "Which counter. Each tenant has its own.",
                },
                "by": {
                    "type": "integer",
                    "default": 1,
                    "minimum": -1_000_000,
                    "maximum": 1_000_000,
                    "description": "What each item adds.",
                },
                "reset": {
                    "type": "boolean",
                    "default": False,
                    "description": "Whether it begins again at 0, before anything is added.",
                },
                "field": {
                    "type": "string",
                    "default": "count",
                    "description": "The field of the item that the count is put in.",
                },
            },
            "required": ["name"],
            "additionalProperties": False,
        },
        "examples": [
            {
                "title": "Items get numbers",
                "parameters": {"name": "orders"},
                "input": [[{"id": "a"}, {"id": "b"}]],
            }
        ],
    }

    def run(self, call):
        begun_again = set()

        def count(params, item):
            name = params["name"]
            if not name or len(name) > 100:
                raise NodeError.parameter("/name", "must have 1 to 100 characters")
            key = "count/" + name
            if params.get("reset", False) and name not in begun_again:
                kv.delete(key)
                begun_again.add(name)
            total = kv.increment(key, params.get("by", 1))
            if abs(total) > MOST:
                raise NodeError("LIMIT_EXCEEDED", f"the counter `{name}` has passed what JSON can tell")
            return item | {params.get("field", "count"): total}

        return call.map_items(count)


Node = plugin(Counter())
