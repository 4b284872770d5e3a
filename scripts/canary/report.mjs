// @ts-check
/**
 * The findings of a run, for people.
 *
 * @typedef {import('./verdict.mjs').State} State
 * @typedef {{ subject: string, text: string, state: State, details: string[], place?: string, tests?: string[] }} Item
 * @typedef {{ sdk: string, program: string }} Versions
 * @typedef {{ before: Versions, after: Versions, items: Item[] }} Findings
 */
const words = { same: 'same', changed: 'CHANGED', not_run: 'not run', unguarded: 'by hand' };
const longestText = 100;
const longestValue = 160;
const mostScenarios = 4;

/** 0 nothing changed, 1 something changed, 2 not everything could be run. @param {readonly Item[]} items */
export function exitCodeFor(items) {
  if (items.some(({ state }) => state === 'changed')) return 1;
  return items.some(({ state }) => state === 'not_run') ? 2 : 0;
}

/** @param {readonly Item[]} items @returns {Record<State, number>} */
export function countStates(items) {
  const count = (/** @type {State} */ state) => items.filter((item) => item.state === state).length;
  return { same: count('same'), changed: count('changed'), not_run: count('not_run'), unguarded: count('unguarded') };
}

/** @param {Findings} findings */
export function reportText({ before, after, items }) {
  const lines = [`Agent SDK ${before.sdk} -> ${after.sdk}, claude ${before.program} -> ${after.program}`];
  let subject = '';
  for (const item of items) {
    if (item.subject !== subject) lines.push('', (subject = item.subject));
    const place = item.place === undefined ? '' : ` (${item.place})`;
    lines.push(`  ${words[item.state].padEnd(8)} ${cut(item.text, longestText)}${place}`);
    for (const detail of item.details) lines.push(`           ${detail}`);
  }
  const counts = countStates(items);
  lines.push(
    '',
    `${counts.same} the same, ${counts.changed} changed, ${counts.not_run} not run, ${counts.unguarded} without a test: look at those by hand.`,
  );
  return lines.join('\n');
}

/** @param {import('./recordings.mjs').FoundDifference} found */
export function differenceText({ difference: { kind, path, from, to }, scenarios }) {
  const where = scenarios.length > mostScenarios ? `${scenarios.length} recordings` : scenarios.join(', ');
  const change =
    from === undefined
      ? `new: ${valueText(to)}`
      : to === undefined
        ? `gone: ${valueText(from)}`
        : `${valueText(from)} -> ${valueText(to)}`;
  return `${kind}${path && ` ${path}`}: ${change} (${where})`;
}

/** @param {unknown} value */
const valueText = (value) => cut(JSON.stringify(value), longestValue);

/** @param {string} text @param {number} length */
const cut = (text, length) => (text.length > length ? `${text.slice(0, length).trimEnd()}…` : text);
