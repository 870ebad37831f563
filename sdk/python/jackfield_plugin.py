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
# The most characters of an answer that an error tells.
LONGEST_EXCERPT = 200
# What ends a call at once, whatever the workflow does after errors.
WHOLE = ("CAPABILITY_REFUSED", "QUOTA_EXCEEDED", "TENANT_FORBIDDEN")


class NodeError(Exception):
    """Why a node failed.

    ``code`` is a stable name: letters, digits and ``_``. ``retryable`` says whether the same call may
    succeed later; it is tried again only then. ``status`` is that of a protocol such as HTTP,
    ``retry_after_ms`` how long the other side asked to be left alone, ``details`` any JSON. Whatever
    else is raised in a call is ``EXECUTION_ERROR``, which is not tried again.
    """

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
    """What a call gave: lists of items, one a port, as :func:`item` makes them.

    ``variables`` are changes to the execution's variables, in order: ``{"write": "set", "name": …,
    "value": …}``, ``{"write": "delete", "name": …}``, ``{"write": "clear"}``. ``wait_ms`` is for how
    long the output is held back.
    """

    ports: list[list[dict]]
    variables: list[dict] = field(default_factory=list)
    wait_ms: Optional[int] = None


def item(json: dict, source: Optional[int] = None) -> dict:
    """An item, made from the item at place ``source`` of the first input port."""
    return {"json": json} if source is None else {"json": json, "item": source}


class NodeType:
    """A node type: ``metadata`` with ``nodeType``, ``version``, ``category`` and what else
    ``docs/writing-plugins.md`` lists, and one method."""

    metadata: dict = {}

    def run(self, call: "Call") -> Output:
        """Runs one attempt. Keeps nothing: the next call may be another instance's."""
        raise NotImplementedError


class Call:
    """One call of a node: where it stands, what came in, and its parameters.

    ``context`` has ``execution``, ``workflow``, ``node``, ``attempt`` (from 1), ``run_index``,
    ``idempotency_key`` (the same for each attempt) and ``on_error_continues``; ``inputs`` the items
    of each input port; ``variables`` those of the execution, for node types whose metadata says
    ``"variables": "reads"``.
    """

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
            wit.ItemFailure(
                place,
                _well_formed(error.code),
                _well_formed(error.message)[:LONGEST_TEXT],
                _told(error.status, _U16),
            )
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
    if not isinstance(output, Output):
        raise TypeError(f"`run` has to give an `Output`, not {type(output).__name__}")
    # Not ASCII alone: what is not Latin would be three times as long.
    ports = [json.dumps(items, ensure_ascii=False, allow_nan=False) for items in output.ports]
    variables = json.dumps(output.variables, allow_nan=False) if output.variables else None
    wait = None if output.wait_ms is None else _whole(output.wait_ms, *_U64)
    return wit.Output([_well_formed(port) for port in ports], variables, wait)


def _as_node_error(raised: Exception) -> NodeError:
    """What was raised, as a failure: a mistake of the plugin's own is ``EXECUTION_ERROR``."""
    if isinstance(raised, NodeError):
        return raised
    text = "".join(traceback.format_exception_only(raised)).strip()
    details = {"stack": traceback.format_exc(limit=-5)}
    return NodeError("EXECUTION_ERROR", text, details=details)


def _failure(error: NodeError) -> wit.Failure:
    details = None if error.details is None else json.dumps(error.details, default=str)
    partial = _written(error.partial) if error.partial else None
    return wit.Failure(
        _well_formed(error.code),
        _well_formed(error.message),
        bool(error.retryable),
        _told(error.status, _U16),
        _told(error.retry_after_ms, _U64),
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


def _well_formed(text: Any) -> str:
    """A text without halves of surrogate pairs, which the border to the host does not take."""
    return str(text).encode("utf-8", "replace").decode("utf-8")


def _text(value: Any) -> str:
    """Refuses what is no text. What the border to the host does not take breaks the call off."""
    if not isinstance(value, str):
        raise TypeError(f"a text is needed, not {type(value).__name__}")
    return _well_formed(value)


def _whole(value: Any, least: int, most: int) -> int:
    """Refuses what is no whole number within bounds."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"a whole number is needed, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{value} is not within {least} and {most}")
    return value


def _told(value: Any, bounds: tuple[int, int]) -> Optional[int]:
    """What is no whole number within bounds is left out of what is only told."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and bounds[0] <= value <= bounds[1] else None


_U16 = (0, 2**16 - 1)
_U32 = (0, 2**32 - 1)
_U64 = (0, 2**64 - 1)
_S64 = (-(2**63), 2**63 - 1)


class log:
    """Writes to the host's log. Capability ``log``; without it, what is written is dropped."""

    @staticmethod
    def debug(message: str) -> None:
        """Writes what helps to find mistakes."""
        _log.log(_log.Level.DEBUG, _well_formed(message))

    @staticmethod
    def info(message: str) -> None:
        """Writes what is worth knowing."""
        _log.log(_log.Level.INFO, _well_formed(message))

    @staticmethod
    def warn(message: str) -> None:
        """Writes what should be looked at."""
        _log.log(_log.Level.WARN, _well_formed(message))

    @staticmethod
    def error(message: str) -> None:
        """Writes what went wrong."""
        _log.log(_log.Level.ERROR, _well_formed(message))


@dataclass
class Response:
    """An answer to an HTTP request, whatever its status is."""

    status: int
    headers: list[tuple[str, str]]
    body: builtins.bytes

    def header(self, name: str) -> Optional[str]:
        """The first header with a name, without regard to case."""
        found = (value for known, value in self.headers if known.lower() == name.lower())
        return next(found, None)

    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises ``EXECUTION_ERROR`` when it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            text = f"the answer is not the JSON that was expected: {error}"
            raise NodeError("EXECUTION_ERROR", text) from None

    def successful(self) -> "Response":
        """Gives the answer itself, or raises ``HTTP_STATUS`` for a status that is none of success.

        408, 425, 429 and those from 500 on may pass; ``retry-after`` in seconds is taken along.
        """
        if 200 <= self.status < 300:
            return self
        excerpt = self.text()[:LONGEST_EXCERPT]
        wait = self.header("retry-after") or ""
        is_number = wait.isascii() and wait.isdigit() and len(wait) < 10
        raise NodeError(
            "HTTP_STATUS",
            f"the service answered {self.status}" + (f": {excerpt}" if excerpt else ""),
            retryable=self.status >= 500 or self.status in (408, 425, 429),
            status=self.status,
            retry_after_ms=int(wait) * 1000 if is_number else None,
        )


class http:
    """Sends HTTP requests. Capability ``http``; only hosts that the manifest names and the tenant's
    policy lets through."""

    @staticmethod
    def send(
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        timeout_ms: Optional[int] = None,
    ) -> Response:
        """Sends a request and waits for the whole answer. Any status is an answer; what is refused
        and what does not answer is raised."""
        listed = [_http.Header(_text(name), _text(value)) for name, value in headers]
        timeout = None if timeout_ms is None else _whole(timeout_ms, *_U32)
        request = _http.Request(_text(method), _text(url), listed, builtins.bytes(body), timeout)
        answer = _asked(_http.send, request)
        listed = [(header.name, header.value) for header in answer.headers]
        return Response(answer.status, listed, answer.body)


class kv:
    """Keeps values from call to call, for one tenant each. Capability ``kv``."""

    @staticmethod
    def get(key: str) -> Optional[str]:
        """The value of a key."""
        return _asked(_kv.get, _text(key))

    @staticmethod
    def set(key: str, value: str) -> None:
        """Sets the value of a key."""
        _asked(_kv.set, _text(key), _text(value))

    @staticmethod
    def delete(key: str) -> bool:
        """Removes a key, and says whether it was there."""
        return _asked(_kv.delete, _text(key))

    @staticmethod
    def list_keys(prefix: str, after: Optional[str] = None, limit: int = 100) -> list[str]:
        """The keys that begin with a text, in order: at most ``limit``, those behind ``after``."""
        behind = None if after is None else _text(after)
        return _asked(_kv.list_keys, _text(prefix), behind, _whole(limit, *_U32))

    @staticmethod
    def increment(key: str, by: int = 1) -> int:
        """Adds to a number and gives the sum, in one step that nobody can come between.

        A key that is not there counts as 0; one that holds no whole number raises.
        """
        return _asked(_kv.increment, _text(key), _whole(by, *_S64))


class secrets:
    """Reads secrets of the tenant. Capability ``secrets``."""

    @staticmethod
    def get(name: str) -> str:
        """The secret with a name that the manifest asks for."""
        return _asked(_secrets.get, _text(name))


class config:
    """Reads what the operator set for the plugin. Capability ``config``."""

    @staticmethod
    def get(name: str) -> Optional[str]:
        """The value of a setting, if there is one."""
        return _asked(_config.get, _text(name))


class clock:
    """Reads the clocks. Capability ``clock``."""

    @staticmethod
    def now_ms() -> int:
        """Milliseconds since the beginning of 1970, UTC."""
        return _asked(_clock.now_ms)

    @staticmethod
    def monotonic_ns() -> int:
        """Nanoseconds since some moment; never less than before within one call."""
        return _asked(_clock.monotonic_ns)


class random:
    """Draws random numbers. Capability ``random``."""

    @staticmethod
    def bytes(count: int) -> builtins.bytes:
        """So many bytes, good enough for keys; at most 65,536 at a time."""
        return _asked(_random.bytes, _whole(count, *_U32))


class progress:
    """Says how far a call is. Capability ``progress``; without it, what is said is dropped."""

    @staticmethod
    def report(fraction: float, message: str = "") -> None:
        """Reports a fraction of 0 to 1, with a short text."""
        _progress.report(float(fraction), _well_formed(message))
