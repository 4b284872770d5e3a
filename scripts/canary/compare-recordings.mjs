// @ts-check
/**
 * What differs between two recordings of one scenario, besides what differs from run to run: ids, times, costs, counts of
 * tokens, names that the program makes up, and the order in which things that happen at once are told.
 *
 * @typedef {{ kind: string, path: string, from: unknown, to: unknown }} Difference
 * `kind` is the frame's or line's; `path` leads to the field in it and is empty for all of it; what is not there is undefined.
 */

const volatileName =
  /(^|_)(uuid|id|ms|at|time|timestamp|tokens|usage|cost_usd|usd|seq)$|(Id|Ids|Uuid|Ms|At|Tokens|USD|Usage)$|^(timestamp|version|claude_code_version|signature|cwd|pid|usage|modelUsage|socket)$/;
/**
 * Anything that the program makes up, in texts; and counts, which stand in them too.
 * @type {[RegExp, string][]}
 */
const volatileText = [
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'],
  // What `ls -l` says of owners, sizes and times, and what remains of it where a text was cut.
  [/[d-][rwx-]{9} +\d+ +\S+ +\S+ +\d+ \w{3} +\d+ [\d:]+ |\btotal \d+$/gm, '<listed>'],
  [/ \d\d:\d\d /g, ' <time> '],
  [/0{8}-0000-4000-8000-\d{12}/g, '<id>'],
  [/\b(msg|toolu|req)_demo_\w+/g, '<id>'],
  [/\b0m[0-9a-z]{7}-[0-9a-f]{8}\b/g, '<id>'],
  [/\b[a-z]?[0-9a-f]{16}\b/g, '<id>'],
  [/\bb[0-9a-z]{8}\b/g, '<task>'],
  [/\btask-\d+\b/g, '<task>'],
  [/\b(make-a-plan)-[a-z]+-[a-z]+\b/g, '$1'],
  [/\b(\w*tokens|duration_ms)(\W{1,3})\d+/g, '$1$2<number>'],
  [/(?<=pasted_content id=")[0-9a-f]+/g, '<id>'],
  [
    /(?<=\$)\d+(?:[.,]\d+)*|\b\d+(?:[.,]\d+)*(?= ?(?:%|(?:ms|s|m|k|tokens?|bytes|in|out|input|output|cache|stream events)\b))/g,
    '<number>',
  ],
  // oxlint-disable-next-line no-control-regex -- what is drawn depends on counts of tokens
  [/^[^]*\x1b[^]*$/, '<drawn>'],
];
/** Of deltas, the field that holds the piece. */
const deltaParts = new Map([
  ['input_json_delta', 'partial_json'],
  ['text_delta', 'text'],
  ['thinking_delta', 'thinking'],
]);
/** Lines that the program writes again and again, as often as it finds time for. */
const repeated = new Set([
  'last-prompt',
  'mode',
  'permission-mode',
  'atis-latch',
  'tools-used',
  'cost-state',
  'file-history-snapshot',
]);

/**
 * @param {readonly string[]} before Lines of JSON.
 * @param {readonly string[]} after
 * @returns {Difference[]}
 */
export function compareRecordings(before, after) {
  const [old, now] = [prepare(before), prepare(after)];
  const pairs = pairUp(old, now);
  /** @type {Difference[]} */
  const differences = [];
  for (const [from, to] of pairs) {
    const kind = (from ?? to)?.kind ?? '';
    if (from && to) differences.push(...fieldsThatDiffer(from.value, to.value).map((each) => ({ kind, ...each })));
    else if (!(repeated.has(kind) && [old, now].every((entries) => entries.some((entry) => entry.kind === kind))))
      differences.push({ kind, path: '', from: from?.value, to: to?.value });
  }
  return differences.filter((each, index) => differences.findIndex((other) => keyOf(other) === keyOf(each)) === index);
}

/** @param {Difference} difference */
export const keyOf = ({ kind, path, from, to }) => JSON.stringify([kind, path, from ?? null, to ?? null]);

/**
 * @typedef {{ kind: string, value: any }} Entry
 * @param {readonly string[]} lines
 * @returns {Entry[]}
 */
function prepare(lines) {
  /** @type {Entry[]} */
  const entries = [];
  for (const line of lines) {
    const value = JSON.parse(line);
    const kind = kindOf(value);
    const last = entries.at(-1);
    // How they are cut into pieces depends on the length of the paths and names in them.
    const part = deltaParts.get(value.event?.delta?.type);
    if (part && last?.kind === kind) last.value.event.delta[part] += value.event.delta[part];
    else entries.push({ kind, value });
  }
  return entries.map(({ kind, value }) => ({ kind, value: neutral(value) }));
}

/** @param {any} value */
function kindOf(value) {
  const { type, subtype, event, message, attachment, state, operation } = value;
  const blocks = Array.isArray(message?.content) ? message.content.map((/** @type {any} */ block) => block.type) : [];
  const parts = [type, subtype, event?.type, event?.delta?.type, attachment?.type, operation, ...blocks];
  return [...parts, type === 'command_lifecycle' ? state : undefined].filter(Boolean).join('/');
}

/**
 * @param {any} value
 * @param {string} [name]
 * @returns {any}
 */
function neutral(value, name = '') {
  if (volatileName.test(name)) return '…';
  if (typeof value === 'string') return volatileText.reduce((text, [from, to]) => text.replace(from, to), value);
  if (Array.isArray(value)) return value.map((each) => neutral(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([each, inner]) => [each, neutral(inner, each)]));
}

/**
 * Pairs of the same kind: those in the same order, and then those that stand elsewhere. Whatever is left over has no other.
 * @param {Entry[]} old
 * @param {Entry[]} now
 * @returns {[Entry | undefined, Entry | undefined][]}
 */
function pairUp(old, now) {
  const lengths = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  const at = (/** @type {number} */ i, /** @type {number} */ j) => lengths[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const row = lengths[i];
      if (row) row[j] = old[i]?.kind === now[j]?.kind ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  /** @type {[Entry | undefined, Entry | undefined][]} */
  const pairs = [];
  /** @type {Entry[]} */
  const gone = [];
  /** @type {Entry[]} */
  const come = [];
  for (let i = 0, j = 0; i < old.length || j < now.length;) {
    const [from, to] = [old[i], now[j]];
    if (from && to && from.kind === to.kind) {
      pairs.push([from, to]);
      i += 1;
      j += 1;
    } else if (from && (!to || at(i + 1, j) >= at(i, j + 1))) {
      gone.push(from);
      i += 1;
    } else if (to) {
      come.push(to);
      j += 1;
    }
  }
  for (const from of gone) {
    const index = come.findIndex(({ kind }) => kind === from.kind);
    pairs.push([from, index === -1 ? undefined : come.splice(index, 1)[0]]);
  }
  return [...pairs, ...come.map((to) => /** @type {[undefined, Entry]} */ ([undefined, to]))];
}

/**
 * @param {any} from
 * @param {any} to
 * @param {string} [path]
 * @returns {{ path: string, from: unknown, to: unknown }[]}
 */
function fieldsThatDiffer(from, to, path = '') {
  const areRecords = [from, to].every((each) => typeof each === 'object' && each !== null && !Array.isArray(each));
  if (areRecords)
    return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((name) =>
      fieldsThatDiffer(from[name], to[name], `${path}.${name}`),
    );
  if (Array.isArray(from) && Array.isArray(to)) {
    // Of lists of names what has come and gone says more than the two lists.
    if ([...from, ...to].every((each) => typeof each === 'string')) {
      const [gone, come] = [from.filter((each) => !to.includes(each)), to.filter((each) => !from.includes(each))];
      return gone.length + come.length === 0 ? [] : [{ path: `${path}[]`, from: gone, to: come }];
    }
    if (from.length === to.length)
      return from.flatMap((each, index) => fieldsThatDiffer(each, to[index], `${path}[${index}]`));
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from, to }];
}
