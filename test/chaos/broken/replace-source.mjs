// @ts-check
// A hook of Node's module loader: one module has another source than its file.
/** @type {{ url: string, source: string }} */
let replaced;

export function initialize(/** @type {{ url: string, source: string }} */ data) {
  replaced = data;
}

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  if (url !== replaced.url) return nextLoad(url, context);
  return { format: 'module', source: replaced.source, shortCircuit: true };
}
