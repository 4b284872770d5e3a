// @ts-check
/** The names in a version of the SDK and its program: exports, options, methods, hooks, requests and frames. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} types The text of `sdk.d.ts`.
 * @param {string} help What the program says to `--help`.
 * @returns {Set<string>}
 */
export function namesOf(types, help) {
  const code = types.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const exported = [...code.matchAll(/^export declare (?:type|interface|function|class|const) (\w+)/gm)];
  const kinds = [...code.matchAll(/^\s+(type|subtype|hook_event_name|hookEventName): ((?:'\w+'(?: \| )?)+);/gm)];
  return new Set([
    ...exported.map(([, name]) => `export ${name}`),
    ...membersOf(code, /declare type Options = \{/).map((name) => `option ${name}`),
    ...membersOf(code, /declare interface Query [^{]*\{/).map((name) => `method Query.${name}`),
    ...kinds.flatMap(([, field, values = '']) =>
      [...values.matchAll(/'(\w+)'/g)].map(([, value]) => `${field} ${value}`),
    ),
    ...[...help.matchAll(/^\s{2,6}(?:-\w, )?(--[a-z][a-z-]+)/gm)].map(([, name]) => `option ${name} of the program`),
  ]);
}

/**
 * The names of the outermost members.
 * @param {string} code
 * @param {RegExp} opening Ends with the brace.
 */
function membersOf(code, opening) {
  const match = opening.exec(code);
  /** @type {string[]} */
  const names = [];
  if (!match) return names;
  let depth = 1;
  for (const line of code.slice(match.index + match[0].length).split('\n')) {
    const [, name] = /^\s*(?:readonly )?(\w+)\??[:(<]/.exec(line) ?? [];
    if (depth === 1 && name !== undefined) names.push(name);
    for (const sign of line.match(/[{}()[\]]/g) ?? []) depth += '{(['.includes(sign) ? 1 : -1;
    if (depth <= 0) break;
  }
  return names;
}

/**
 * @param {ReadonlySet<string>} before
 * @param {ReadonlySet<string>} after
 */
export const compareNames = (before, after) => ({
  gone: [...before].filter((name) => !after.has(name)),
  added: [...after].filter((name) => !before.has(name)),
});

/** @param {string} folder The SDK's. */
export const typesOf = (folder) => readFileSync(join(folder, 'sdk.d.ts'), 'utf8');
