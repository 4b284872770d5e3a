import { z } from 'zod';
import type { DiffLine } from './diff-lines.ts';

const hunk = z.object({ oldStart: z.number(), newStart: z.number(), lines: z.array(z.string()) });
const edited = z.object({ structuredPatch: z.array(hunk).min(1) });

/**
 * The lines of a change as the agent's own result tells them: with what stands around them in the file, and their numbers.
 * Undefined where it tells nothing of the kind.
 */
export function patchLines(rawOutput: unknown): DiffLine[] | undefined {
  const parsed = edited.safeParse(rawOutput);
  if (!parsed.success) return undefined;
  const shown: DiffLine[] = [];
  let next = 1;
  for (const { oldStart, newStart, lines } of parsed.data.structuredPatch) {
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
