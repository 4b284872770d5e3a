import type { DiffLine } from './diff-lines.ts';

interface Hunk {
  oldStart: number;
  newStart: number;
  lines: string[];
}

// Checked by hand: a schema parser would make up a sixth of the bundle.
function isHunk(value: unknown): value is Hunk {
  const { oldStart, newStart, lines } = (value ?? {}) as Record<string, unknown>;
  return (
    Number.isSafeInteger(oldStart) &&
    Number.isSafeInteger(newStart) &&
    Array.isArray(lines) &&
    lines.every((line) => typeof line === 'string')
  );
}

/**
 * The lines of a change from the agent's own result, with their context and line numbers. Undefined if the result has no
 * patch.
 */
export function patchLines(rawOutput: unknown): DiffLine[] | undefined {
  const { structuredPatch: hunks } = (rawOutput ?? {}) as { structuredPatch?: unknown };
  if (!Array.isArray(hunks) || hunks.length === 0 || !hunks.every(isHunk)) return undefined;
  const shown: DiffLine[] = [];
  let next = 1;
  for (const { oldStart, newStart, lines } of hunks) {
    const skipped = oldStart - next;
    if (skipped > 0) shown.push({ kind: 'skipped', text: `${skipped} unchanged ${skipped === 1 ? 'line' : 'lines'}` });
    let before = oldStart;
    let after = newStart;
    for (const line of lines) {
      const text = line.slice(1);
      if (line.startsWith('+')) shown.push({ kind: 'added', text, number: after++ });
      else if (line.startsWith('-')) shown.push({ kind: 'removed', text, number: before++ });
      else if (!line.startsWith('\\')) {
        shown.push({ kind: 'same', text, number: after++ });
        before += 1;
      }
    }
    next = before;
  }
  return shown;
}
