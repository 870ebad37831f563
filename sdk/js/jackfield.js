// Writes plugins for Jackfield in JavaScript: one object and one function a node type.
//
// The shape is that of a native node type: metadata that says what it is, and a function `run`
// that makes an output of a call. A plugin reaches nothing but what its call hands it and what is
// exported here as `log`, `http`, `kv`, `secrets`, `config`, `clock`, `random` and `progress`; each
// needs the capability that it is named for. It keeps no state: each call gets a fresh instance.
//
//   import { plugin } from "jackfield-plugin";
//
//   export const node = plugin({
//     metadata: { nodeType: "acme/greet", version: "1.0.0", category: "text", schema: {…} },
//     run: (call) => call.mapItems((params) => ({ greeting: `hello ${params.name}` })),
//   });

import hostClock from "jackfield:plugin/clock@0.1.0";
import hostConfig from "jackfield:plugin/config@0.1.0";
import hostHttp from "jackfield:plugin/http@0.1.0";
import hostKv from "jackfield:plugin/kv@0.1.0";
import hostLog from "jackfield:plugin/log@0.1.0";
import hostProgress from "jackfield:plugin/progress@0.1.0";
import hostRandom from "jackfield:plugin/random@0.1.0";
import hostSecrets from "jackfield:plugin/secrets@0.1.0";

import { fromUtf8, toUtf8 } from "./utf8.js";

export { fromUtf8, toUtf8 };

const CONTRACT = "0.1";
const LONGEST_TEXT = 1024;
// The most characters of an answer that an error tells.
const LONGEST_EXCERPT = 200;
const LEVELS = ["trace", "debug", "info", "warn", "error"];
const U16 = 2 ** 16 - 1;
const U32 = 2 ** 32 - 1;
// What ends a call at once, whatever the workflow does after errors.
const WHOLE = ["CAPABILITY_REFUSED", "QUOTA_EXCEEDED", "TENANT_FORBIDDEN"];

/**
 * Why a node failed. Whatever else is thrown in a call is `EXECUTION_ERROR`, which is not tried
 * again.
 */
export class NodeError extends Error {
  /**
   * `code` is a stable name: letters, digits and `_`. What may be `known` besides: `retryable`,
   * whether the same call may succeed later (it is tried again only then); `status`, of a protocol
   * such as HTTP; `retryAfterMs`, how long the other side asked to be left alone; `details`, any
   * JSON; `partial`, lists of items, one a port, as [item] makes them.
   */
  constructor(code, message, known = {}) {
    super(message);
    this.code = code;
    this.known = known;
  }

  /** One parameter that is wrong; `path` is a JSON Pointer into the parameters. */
  static parameter(path, message) {
    const details = { issues: [{ path, message }] };
    return new NodeError("INVALID_PARAMETERS", path ? `\`${path}\`: ${message}` : message, { details });
  }
}

/** An item, made from the item at place `from` of the first input port. */
export const item = (json, from) => (from === undefined ? { json } : { json, item: from });

/**
 * What a call gave: lists of items, one a port. `more` may have `variables`, a list of
 * `{ write: "set", name, value }`, `{ write: "delete", name }` and `{ write: "clear" }`, and
 * `waitMs`, for how long the output is held back.
 */
export const output = (ports, more = {}) => ({ ports, ...more });

/**
 * Makes a plugin of node types, each `{ metadata, run }`. What it gives is to be exported as
 * `node`. `run` is given a [Call] and gives what [output] makes.
 */
export function plugin(...nodeTypes) {
  return {
    describe: () =>
      JSON.stringify({ contract: CONTRACT, nodeTypes: nodeTypes.map(({ metadata }) => complete(metadata)) }),
    execute(call) {
      const found = nodeTypes.find(
        ({ metadata }) => metadata.nodeType === call.nodeType && metadata.version === call.version,
      );
      try {
        if (!found) {
          const text = `the plugin has no node type \`${call.nodeType}\` in version ${call.version}`;
          throw new NodeError("UNKNOWN_NODE_TYPE", text);
        }
        return written(found.run(new Call(call)));
      } catch (error) {
        throw failure(error);
      }
    },
  };
}

/** One call of a node: where it stands, what came in, and its parameters. */
export class Call {
  #parameters;

  constructor(call) {
    /**
     * Where the call stands: `execution`, `workflow`, `node`, `attempt` (from 1), `runIndex`,
     * `idempotencyKey` (the same for each attempt), `onErrorContinues`.
     */
    this.context = call.context;
    /** The items of each input port. */
    this.inputs = call.inputs.map((text) => JSON.parse(text));
    /** The execution's variables, for node types whose metadata says `variables: "reads"`. */
    this.variables = call.variables ? JSON.parse(call.variables) : {};
    this.#parameters = call.parameters.map((text) => JSON.parse(text));
  }

  /** The items of the first input port. */
  get items() {
    return this.inputs[0] ?? [];
  }

  /** Whether the parameters are the same for all items. */
  get isStatic() {
    return this.#parameters.length <= 1;
  }

  /** The parameters for one item of the first input; those for the first one if nothing is said. */
  params(index = 0) {
    return (this.isStatic ? this.#parameters[0] : this.#parameters[index]) ?? {};
  }

  /**
   * Makes one object of each item of the first input and gives them on the first port, each paired
   * with the item that it was made of. `make` is given the parameters for the item, the item, and
   * its place. What fails is treated as [flatMapItems] says.
   */
  mapItems(make) {
    return this.flatMapItems((params, json, index) => [make(params, json, index)]);
  }

  /**
   * Makes a list of objects of each item of the first input, and gives all of them on the first
   * port. Where the workflow goes on after errors, items that follow one that failed have their
   * turn; the failure then says which failed, and keeps what the others gave.
   */
  flatMapItems(make) {
    const made = [];
    const failed = [];
    for (const [index, json] of this.items.entries()) {
      try {
        const objects = make(this.params(index), json, index);
        for (const object of objects) made.push(item(object, index));
      } catch (thrown) {
        const error = asNodeError(thrown);
        const goesOn = this.items.length > 1 && this.context.onErrorContinues;
        if (!goesOn || this.#concernsTheCall(error)) throw this.#stopped(error, index, made);
        failed.push({ index, error });
      }
    }
    if (failed.length > 0) throw this.#allFailed(failed, made);
    return output([made]);
  }

  #concernsTheCall(error) {
    return WHOLE.includes(error.code) || (error.code === "INVALID_PARAMETERS" && this.isStatic);
  }

  #stopped(error, index, made) {
    const { known } = error;
    if (this.items.length > 1 && !(error.code === "INVALID_PARAMETERS" && this.isStatic)) {
      error.message = `item ${index}: ${error.message}`;
      known.details ??= { item: index };
    }
    if (made.length > 0) known.partial = [made];
    return error;
  }

  #allFailed(failed, made) {
    const deciding = failed.find(({ error }) => error.known.retryable) ?? failed[0];
    const { index, error } = deciding;
    const waits = failed.map((one) => one.error.known.retryAfterMs ?? 0);
    const text = `${failed.length} of ${this.items.length} items failed; item ${index}: ${error.message}`;
    const all = new NodeError(error.code, text, { ...error.known, partial: [made] });
    all.known.retryAfterMs = waits.reduce((most, wait) => Math.max(most, wait), 0) || null;
    all.known.failedItems = failed.map((one) => ({
      item: one.index,
      code: String(one.error.code),
      message: String(one.error.message).slice(0, LONGEST_TEXT),
      status: wholeOrNothing(one.error.known.status, U16),
    }));
    return all;
  }
}

/** Asks the host; what it refuses is thrown as a [NodeError]. */
function asked(call) {
  try {
    return call();
  } catch (fault) {
    throw fromFault(fault);
  }
}

/** Writes to the host's log. Capability `log`; without it, what is written is dropped. */
export const log = {
  /** Writes one line; `level` is `trace`, `debug`, `info`, `warn` or `error`. */
  write(level, message) {
    if (!LEVELS.includes(level)) throw new TypeError(`there is no level \`${String(level)}\``);
    hostLog.log(level, String(message));
  },
  /** Writes what helps to find mistakes. */
  debug: (message) => log.write("debug", message),
  /** Writes what is worth knowing. */
  info: (message) => log.write("info", message),
  /** Writes what should be looked at. */
  warn: (message) => log.write("warn", message),
  /** Writes what went wrong. */
  error: (message) => log.write("error", message),
};

/** An answer to an HTTP request, whatever its status is. */
export class Response {
  constructor({ status, headers, body }) {
    /** The status. */
    this.status = status;
    /** All headers: `{ name, value }`. */
    this.headers = headers;
    /** The body, as bytes. */
    this.body = body;
  }

  /** The first header with a name, without regard to case; `undefined` if there is none. */
  header(name) {
    const found = this.headers.find((one) => one.name.toLowerCase() === name.toLowerCase());
    return found?.value;
  }

  /** The body as text. */
  text() {
    return fromUtf8(this.body);
  }

  /** The body as JSON. Throws `EXECUTION_ERROR` when it is none. */
  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      const text = `the answer is not the JSON that was expected: ${error.message}`;
      throw new NodeError("EXECUTION_ERROR", text);
    }
  }

  /**
   * Gives the answer itself, or throws `HTTP_STATUS` for a status that is none of success. 408,
   * 425, 429 and those from 500 on may pass; `retry-after` in seconds is taken along.
   */
  successful() {
    const { status } = this;
    if (status >= 200 && status < 300) return this;
    const excerpt = [...this.text().slice(0, 2 * LONGEST_EXCERPT)].slice(0, LONGEST_EXCERPT).join("");
    const wait = this.header("retry-after") ?? "";
    throw new NodeError("HTTP_STATUS", `the service answered ${status}${excerpt && `: ${excerpt}`}`, {
      retryable: status >= 500 || [408, 425, 429].includes(status),
      status,
      retryAfterMs: /^\d{1,9}$/.test(wait) ? Number(wait) * 1000 : undefined,
    });
  }
}

/**
 * Sends HTTP requests. Capability `http`; only hosts that the manifest names and the tenant's
 * policy lets through.
 */
export const http = {
  /**
   * Sends `{ method, url, headers: { name: value }, body: text | Uint8Array, timeoutMs }`, of which
   * only `url` is needed, waits for the whole answer, and gives a [Response]. Any status is an
   * answer; throws what is refused and what does not answer.
   */
  send({ method = "GET", url, headers = {}, body = "", timeoutMs = null }) {
    const list = Object.entries(headers).map(([name, value]) => ({ name, value: String(value) }));
    const bytes = typeof body === "string" ? toUtf8(body) : body;
    if (!(bytes instanceof Uint8Array)) throw new TypeError("a body is a text or a Uint8Array");
    const request = {
      method: asText(method),
      url: asText(url),
      headers: list,
      body: bytes,
      timeoutMs: timeoutMs === null ? null : asWhole(timeoutMs, 0, U32),
    };
    const answer = asked(() => hostHttp.send(request));
    return new Response(answer);
  },
};

/** Keeps values from call to call, for one tenant each. Capability `kv`. */
export const kv = {
  /** The value of a key; nothing if there is none. */
  get: (key) => asked(() => hostKv.get(asText(key))),
  /** Sets the value of a key; both are texts. */
  set: (key, value) => asked(() => hostKv.set(asText(key), asText(value))),
  /** Removes a key, and says whether it was there. */
  delete: (key) => asked(() => hostKv.delete(asText(key))),
  /** The keys that begin with a text, in order: at most `limit` of them, those behind `after`. */
  listKeys(prefix = "", after = null, limit = 100) {
    const behind = after === null ? null : asText(after);
    return asked(() => hostKv.listKeys(asText(prefix), behind, asWhole(limit, 0, U32)));
  },
  /**
   * Adds to a number and gives the sum, in one step that nobody can come between. A key that is not
   * there counts as 0; one that holds no whole number throws. Sums are exact up to 2 ** 53.
   */
  increment(key, by = 1) {
    const [least, most] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
    return asked(() => hostKv.increment(asText(key), asWhole(by, least, most)));
  },
};

/** Reads secrets of the tenant. Capability `secrets`. */
export const secrets = {
  /** The secret with a name that the manifest asks for. */
  get: (name) => asked(() => hostSecrets.get(asText(name))),
};

/** Reads what the operator set for the plugin. Capability `config`. */
export const config = {
  /** The value of a setting; nothing if there is none. */
  get: (name) => asked(() => hostConfig.get(asText(name))),
};

/** Reads the clocks. Capability `clock`. */
export const clock = {
  /** Milliseconds since the beginning of 1970, UTC. */
  nowMs: () => asked(() => hostClock.nowMs()),
  /** Nanoseconds since some moment; never less than before within one call. */
  monotonicNs: () => asked(() => hostClock.monotonicNs()),
};

/** Draws random numbers. Capability `random`. */
export const random = {
  /** So many bytes, good enough for keys; at most 65,536 at a time. */
  bytes: (count) => asked(() => hostRandom.bytes(asWhole(count, 0, U32))),
};

/** Says how far a call is. Capability `progress`; without it, what is said is dropped. */
export const progress = {
  /** Reports a fraction of 0 to 1, with a short text. */
  report: (fraction, message = "") => hostProgress.report(Number(fraction), String(message)),
};

/** Metadata with what need not be said. */
function complete(metadata) {
  const { schema, ...rest } = metadata;
  const required = schema?.required ?? [];
  return {
    description: "",
    ...(required.length > 0 && { requiredFields: required }),
    ...(schema && { schema }),
    ports: { inputs: 1, outputs: ["main"] },
    ...rest,
  };
}

/** Refuses what is no text. What the border to the host does not take breaks the call off. */
function asText(value) {
  if (typeof value === "string") return value;
  throw new TypeError(`a text is needed, not ${typeof value}`);
}

/** Refuses what is no whole number within bounds. */
function asWhole(value, least, most) {
  if (!Number.isSafeInteger(value)) throw new TypeError(`a whole number is needed, not ${String(value)}`);
  if (value < least || value > most) throw new RangeError(`${value} is not within ${least} and ${most}`);
  return value;
}

/** What is no whole number within bounds is left out of what is only told. */
function wholeOrNothing(value, most) {
  return Number.isSafeInteger(value) && value >= 0 && value <= most ? value : null;
}

function written(output) {
  if (!Array.isArray(output?.ports) || !output.ports.every(Array.isArray)) {
    throw new TypeError("`run` has to give what `output` or `call.mapItems` makes");
  }
  const { ports, variables = null, waitMs = null } = output;
  return {
    ports: ports.map((items) => JSON.stringify(items)),
    variables: variables && JSON.stringify(variables),
    waitMs: waitMs === null ? null : asWhole(waitMs, 0, Number.MAX_SAFE_INTEGER),
  };
}

function isFault(thrown) {
  return typeof thrown?.code === "string" && typeof thrown.message === "string";
}

function fromFault(fault) {
  if (fault instanceof NodeError || !isFault(fault)) return fault;
  return new NodeError(fault.code, fault.message, { retryable: fault.retryable === true });
}

/** What was thrown, as a [NodeError]: a mistake of the plugin's own is `EXECUTION_ERROR`. */
function asNodeError(thrown) {
  const error = fromFault(thrown);
  if (error instanceof NodeError) return error;
  const details = typeof error?.stack === "string" ? { stack: error.stack } : undefined;
  return new NodeError("EXECUTION_ERROR", String(error), { details });
}

function failure(thrown) {
  const { code, message, known } = asNodeError(thrown);
  return {
    code: String(code),
    message: String(message),
    retryable: known.retryable === true,
    status: wholeOrNothing(known.status, U16),
    retryAfterMs: wholeOrNothing(known.retryAfterMs, Number.MAX_SAFE_INTEGER),
    details: JSON.stringify(known.details) ?? null,
    partial: known.partial ? written({ ports: known.partial }) : null,
    failedItems: known.failedItems ?? [],
  };
}
