"""Writes plugins for Jackfield in Python: one class and one function a node type.

The shape is that of a native node type: metadata that says what it is, and a method ``run`` that
makes an output of a call. A plugin reaches nothing but what its call hands it and what is here as
``log``, ``http``, ``kv``, ``secrets``, ``config``, ``clock``, ``random`` and ``progress``; each needs
the capability that it is named for, and raises :class:`NodeError` where it is refused. A plugin
keeps no state: each call gets a fresh instance.

    from jackfield_plugin import NodeType, plugin

    class Greet(NodeType):
        metadata = {"nodeType": "acme/greet", "version": "1.0.0", "category": "text", "schema": {...}}

        def run(self, call):
            return call.map_items(lambda params, item: {"greeting": "hello " + params["name"]})

    Node = plugin(Greet())
"""

import builtins
import json
import traceback
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import node as wit
from wit_world.imports import clock as _clock
from wit_world.imports import config as _config
from wit_world.imports import http as _http
from wit_world.imports import kv as _kv
from wit_world.imports import log as _log
from wit_world.imports import progress as _progress
from wit_world.imports import random as _random
from wit_world.imports import secrets as _secrets

CONTRACT = "0.1"
LONGEST_TEXT = 1024
# What ends a call at once, whatever the workflow does after errors.
WHOLE = ("CAPABILITY_REFUSED", "QUOTA_EXCEEDED", "TENANT_FORBIDDEN")


class NodeError(Exception):
    """Why a node failed."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retryable: bool = False,
        status: Optional[int] = None,
        retry_after_ms: Optional[int] = None,
        details: Any = None,
    ):
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.status = status
        self.retry_after_ms = retry_after_ms
        self.details = details
        self.partial: Optional[Output] = None
        self.failed_items: list[wit.ItemFailure] = []

    @classmethod
    def parameter(cls, path: str, message: str) -> "NodeError":
        """One parameter that is wrong; ``path`` is a JSON Pointer into the parameters."""
        text = f"`{path}`: {message}" if path else message
        details = {"issues": [{"path": path, "message": message}]}
        return cls("INVALID_PARAMETERS", text, details=details)


@dataclass
class Output:
    """What a call gave: lists of items, one a port, as :func:`item` makes them."""

    ports: list[list[dict]]
    variables: list[dict] = field(default_factory=list)
    wait_ms: Optional[int] = None


def item(json: dict, source: Optional[int] = None) -> dict:
    """An item, made from the item at place ``source`` of the first input port."""
    return {"json": json} if source is None else {"json": json, "item": source}


class NodeType:
    """A node type: metadata, and one method."""

    metadata: dict = {}

    def run(self, call: "Call") -> Output:
        """Runs one attempt. Keeps nothing: the next call may be another instance's."""
        raise NotImplementedError


class Call:
    """One call of a node: where it stands, what came in, and its parameters."""

    def __init__(self, call: wit.Call):
        self.context = call.context
        self.inputs: list[list[dict]] = [json.loads(text) for text in call.inputs]
        self.variables: dict = json.loads(call.variables) if call.variables else {}
        self._parameters: list[dict] = [json.loads(text) for text in call.parameters]

    @property
    def items(self) -> list[dict]:
        """The items of the first input port."""
        return self.inputs[0] if self.inputs else []

    @property
    def is_static(self) -> bool:
        """Whether the parameters are the same for all items."""
        return len(self._parameters) <= 1

    def params(self, index: int = 0) -> dict:
        """The parameters for one item of the first input."""
        if self.is_static:
            return self._parameters[0] if self._parameters else {}
        return self._parameters[index]

    def map_items(self, make: Callable[[dict, dict], dict]) -> Output:
        """Makes one object of each item of the first input and gives them on the first port.

        Where the workflow goes on after errors, items that follow one that failed have their turn;
        the failure then says which failed, and keeps what the others gave.
        """
        made: list[dict] = []
        failed: list[tuple[int, NodeError]] = []
        for index, json_object in enumerate(self.items):
            try:
                made.append(item(make(self.params(index), json_object), index))
            except Exception as raised:
                error = _as_node_error(raised)
                goes_on = len(self.items) > 1 and self.context.on_error_continues
                if not goes_on or self._concerns_the_call(error):
                    raise self._stopped(error, index, made) from raised
                failed.append((index, error))
        if failed:
            raise self._all_failed(failed, made)
        return Output([made])

    def _concerns_the_call(self, error: NodeError) -> bool:
        return error.code in WHOLE or self._is_about_fixed_parameters(error)

    def _is_about_fixed_parameters(self, error: NodeError) -> bool:
        return error.code == "INVALID_PARAMETERS" and self.is_static

    def _stopped(self, error: NodeError, index: int, made: list[dict]) -> NodeError:
        if len(self.items) > 1 and not self._is_about_fixed_parameters(error):
            error.message = f"item {index}: {error.message}"
            if error.details is None:
                error.details = {"item": index}
        if made:
            error.partial = Output([made])
        return error

    def _all_failed(self, failed: list[tuple[int, NodeError]], made: list[dict]) -> NodeError:
        index, deciding = next((one for one in failed if one[1].retryable), failed[0])
        text = f"{len(failed)} of {len(self.items)} items failed; item {index}: {deciding.message}"
        waits = [error.retry_after_ms or 0 for _, error in failed]
        whole = NodeError(
            deciding.code,
            text,
            retryable=deciding.retryable,
            status=deciding.status,
            retry_after_ms=max(waits) or None,
            details=deciding.details,
        )
        whole.partial = Output([made])
        whole.failed_items = [
            wit.ItemFailure(place, error.code, error.message[:LONGEST_TEXT], error.status)
            for place, error in failed
        ]
        return whole


def plugin(*node_types: NodeType) -> type:
    """Makes a plugin of node types. The module that is built names what this gives ``Node``."""

    class Node(exports.Node):
        def describe(self) -> str:
            described = [_complete(node_type.metadata) for node_type in node_types]
            return json.dumps({"contract": CONTRACT, "nodeTypes": described})

        def execute(self, call: wit.Call) -> wit.Output:
            try:
                for node_type in node_types:
                    metadata = node_type.metadata
                    if (metadata["nodeType"], metadata["version"]) == (call.node_type, call.version):
                        return _written(node_type.run(Call(call)))
                text = f"the plugin has no node type `{call.node_type}` in version {call.version}"
                raise NodeError("UNKNOWN_NODE_TYPE", text)
            except Exception as raised:
                raise Err(_failure(_as_node_error(raised))) from raised

    return Node


def _complete(metadata: dict) -> dict:
    """Metadata with what need not be said."""
    whole = {"description": "", "ports": {"inputs": 1, "outputs": ["main"]}}
    required = metadata.get("schema", {}).get("required", [])
    if required:
        whole["requiredFields"] = required
    return whole | metadata


def _written(output: Output) -> wit.Output:
    # Not ASCII alone: what is not Latin would be three times as long.
    ports = [json.dumps(items, ensure_ascii=False, allow_nan=False) for items in output.ports]
    variables = json.dumps(output.variables) if output.variables else None
    return wit.Output(ports, variables, output.wait_ms)


def _as_node_error(raised: Exception) -> NodeError:
    """What was raised, as a failure: a mistake of the plugin's own is ``EXECUTION_ERROR``."""
    if isinstance(raised, NodeError):
        return raised
    text = "".join(traceback.format_exception_only(raised)).strip()
    details = {"stack": traceback.format_exc(limit=-5)}
    return NodeError("EXECUTION_ERROR", text, details=details)


def _failure(error: NodeError) -> wit.Failure:
    details = None if error.details is None else json.dumps(error.details)
    partial = _written(error.partial) if error.partial else None
    return wit.Failure(
        error.code,
        error.message,
        error.retryable,
        error.status,
        error.retry_after_ms,
        details,
        partial,
        error.failed_items,
    )


def _asked(call: Callable, *arguments) -> Any:
    """Asks the host; what it refuses is raised as a :class:`NodeError`."""
    try:
        return call(*arguments)
    except Err as refused:
        fault = refused.value
        raise NodeError(fault.code, fault.message, retryable=fault.retryable) from None


def _text(value: Any) -> str:
    """Refuses what is no text: the border to the host takes no other types."""
    if not isinstance(value, str):
        raise TypeError(f"a text is needed, not {type(value).__name__}")
    return value


def _whole(value: Any, least: int, most: int) -> int:
    """Refuses what is no whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"a whole number is needed, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{value} is not within {least} and {most}")
    return value


_U32 = (0, 2**32 - 1)
_S64 = (-(2**63), 2**63 - 1)


class log:
    """Writes to the host's log. Capability ``log``."""

    @staticmethod
    def info(message: str) -> None:
        _log.log(_log.Level.INFO, str(message))

    @staticmethod
    def warn(message: str) -> None:
        _log.log(_log.Level.WARN, str(message))


class http:
    """Sends HTTP requests. Capability ``http``."""

    @staticmethod
    def send(
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_ms: Optional[int] = None,
    ) -> _http.Response:
        """Sends a request and waits for the whole answer. Any status is an answer."""
        listed = [_http.Header(_text(name), _text(value)) for name, value in headers]
        timeout = None if timeout_ms is None else _whole(timeout_ms, *_U32)
        request = _http.Request(_text(method), _text(url), listed, builtins.bytes(body), timeout)
        return _asked(_http.send, request)


class kv:
    """Keeps values from call to call, for one tenant each. Capability ``kv``."""

    @staticmethod
    def get(key: str) -> Optional[str]:
        return _asked(_kv.get, _text(key))

    @staticmethod
    def set(key: str, value: str) -> None:
        _asked(_kv.set, _text(key), _text(value))

    @staticmethod
    def delete(key: str) -> bool:
        return _asked(_kv.delete, _text(key))

    @staticmethod
    def list_keys(prefix: str, after: Optional[str] = None, limit: int = 100) -> list[str]:
        behind = None if after is None else _text(after)
        return _asked(_kv.list_keys, _text(prefix), behind, _whole(limit, *_U32))

    @staticmethod
    def increment(key: str, by: int = 1) -> int:
        return _asked(_kv.increment, _text(key), _whole(by, *_S64))


class secrets:
    """Reads secrets of the tenant. Capability ``secrets``."""

    @staticmethod
    def get(name: str) -> str:
        return _asked(_secrets.get, _text(name))


class config:
    """Reads what the operator set for the plugin. Capability ``config``."""

    @staticmethod
    def get(name: str) -> Optional[str]:
        return _asked(_config.get, _text(name))


class clock:
    """Reads the clocks. Capability ``clock``."""

    @staticmethod
    def now_ms() -> int:
        return _asked(_clock.now_ms)

    @staticmethod
    def monotonic_ns() -> int:
        return _asked(_clock.monotonic_ns)


class random:
    """Draws random numbers. Capability ``random``."""

    @staticmethod
    def bytes(count: int) -> bytes:
        return _asked(_random.bytes, _whole(count, *_U32))


class progress:
    """Says how far a call is. Capability ``progress``."""

    @staticmethod
    def report(fraction: float, message: str = "") -> None:
        _progress.report(float(fraction), str(message))
