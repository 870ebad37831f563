// Writes plugins for Jackfield in JavaScript: one object and one function a node type.
//
// The shape is that of a native node type: metadata that says what it is, and a function `run`
// that makes an output of a call. A plugin reaches nothing but what its call hands it and what is
// exported here as `log`, `http`, `kv`, `secrets`, `config`, `clock`, `random` and `progress`; each
// needs the capability that it is named for. It keeps no state: each call gets a fresh instance.
//
//   import { plugin } from "./jackfield.js";
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
// What ends a call at once, whatever the workflow does after errors.
const WHOLE = ["CAPABILITY_REFUSED", "QUOTA_EXCEEDED", "TENANT_FORBIDDEN"];

/**
 * Why a node failed. Further fields of `known`: `retryable`, `status`, `retryAfterMs`, `details`,
 * `partial` (lists of items, one a port).
 */
export class NodeError extends Error {
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

/** An item, made from the item at place `item` of the first input port. */
export const item = (json, from) => (from === undefined ? { json } : { json, item: from });

/** What a call gave: lists of items, one a port; `more` may have `variables` and `waitMs`. */
export const output = (ports, more = {}) => ({ ports, ...more });

/** Makes a plugin of node types. What it gives is to be exported as `node`. */
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
    this.context = call.context;
    this.inputs = call.inputs.map((text) => JSON.parse(text));
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

  /** Makes one object of each item of the first input and gives them on the first port. */
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
      } catch (error) {
        const goesOn = this.items.length > 1 && this.context.onErrorContinues;
        if (!goesOn || this.#concernsTheCall(error)) throw this.#stopped(error, index, made);
        failed.push({ index, error: asNodeError(error) });
      }
    }
    if (failed.length > 0) throw this.#allFailed(failed, made);
    return output([made]);
  }

  #concernsTheCall(error) {
    return WHOLE.includes(error.code) || (error.code === "INVALID_PARAMETERS" && this.isStatic);
  }

  #stopped(thrown, index, made) {
    const error = asNodeError(thrown);
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
      code: one.error.code,
      message: one.error.message.slice(0, LONGEST_TEXT),
      status: one.error.known.status ?? null,
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

/** Writes to the host's log. Capability `log`. */
export const log = {
  write: (level, message) => hostLog.log(level, String(message)),
  info: (message) => log.write("info", message),
  warn: (message) => log.write("warn", message),
};

/** Sends HTTP requests. Capability `http`. */
export const http = {
  /**
   * Sends `{ method, url, headers: {name: value}, body: text | Uint8Array, timeoutMs }` and gives
   * `{ status, headers: [{name, value}], body, text(), json() }`. Any status is an answer.
   */
  send({ method = "GET", url, headers = {}, body = "", timeoutMs = null }) {
    const list = Object.entries(headers).map(([name, value]) => ({ name, value: String(value) }));
    const bytes = typeof body === "string" ? toUtf8(body) : body;
    const answer = asked(() => hostHttp.send({ method, url, headers: list, body: bytes, timeoutMs }));
    const text = () => fromUtf8(answer.body);
    return { ...answer, text, json: () => JSON.parse(text()) };
  },
};

/** Keeps values from call to call, for one tenant each. Capability `kv`. */
export const kv = {
  get: (key) => asked(() => hostKv.get(key)),
  set: (key, value) => asked(() => hostKv.set(key, value)),
  delete: (key) => asked(() => hostKv.delete(key)),
  listKeys: (prefix, after, limit) => asked(() => hostKv.listKeys(prefix, after ?? null, limit)),
  increment: (key, by = 1) => asked(() => hostKv.increment(key, by)),
};

/** Reads secrets of the tenant. Capability `secrets`. */
export const secrets = { get: (name) => asked(() => hostSecrets.get(name)) };

/** Reads what the operator set for the plugin. Capability `config`. */
export const config = { get: (name) => asked(() => hostConfig.get(name)) };

/** Reads the clocks. Capability `clock`. */
export const clock = {
  nowMs: () => asked(() => hostClock.nowMs()),
  monotonicNs: () => asked(() => hostClock.monotonicNs()),
};

/** Draws random numbers. Capability `random`. */
export const random = { bytes: (count) => asked(() => hostRandom.bytes(count)) };

/** Says how far a call is. Capability `progress`. */
export const progress = { report: (fraction, message = "") => hostProgress.report(fraction, message) };

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

function written({ ports, variables = null, waitMs = null }) {
  return {
    ports: ports.map((items) => JSON.stringify(items)),
    variables: variables && JSON.stringify(variables),
    waitMs,
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
    code,
    message,
    retryable: known.retryable ?? false,
    status: known.status ?? null,
    retryAfterMs: known.retryAfterMs ?? null,
    details: known.details === undefined ? null : JSON.stringify(known.details),
    partial: known.partial ? written({ ports: known.partial }) : null,
    failedItems: known.failedItems ?? [],
  };
}
