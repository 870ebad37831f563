// Something in the place of the host, so that Node.js can import the package: the interfaces of the
// contract are what stands in `globalThis.host`.
import { register } from "node:module";

globalThis.host = { log: {}, http: {}, kv: {}, secrets: {}, config: {}, clock: {}, random: {}, progress: {} };

const hooks = `
const CONTRACT = "jackfield:plugin/";
export const resolve = (name, context, next) =>
  name.startsWith(CONTRACT) ? { url: name, shortCircuit: true } : next(name, context);
export function load(url, context, next) {
  if (!url.startsWith(CONTRACT)) return next(url, context);
  const part = url.slice(CONTRACT.length).split("@")[0];
  return { format: "module", source: "export default globalThis.host." + part, shortCircuit: true };
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
