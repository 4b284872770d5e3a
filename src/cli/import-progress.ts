/** Reports an import's progress: every two seconds, and with `--json` as lines of JSON. */
import type { Cli } from './cli.ts';

const everyMs = 2_000;

/** `sending`: bytes of the session's files. `writing`: events of the chat's log, whose total is unknown. */
export type ImportStep = { phase: 'sending'; bytes: number; of: number } | { phase: 'writing'; events: number };

export interface ImportProgress {
  tell(step: ImportStep): void;
}

export function createImportProgress(
  { terminal }: Pick<Cli, 'terminal'>,
  options: { json: boolean; nowMs?: () => number },
): ImportProgress {
  const nowMs = options.nowMs ?? ((): number => performance.now());
  let toldAt = nowMs();
  return {
    tell(step) {
      const isLast = step.phase === 'sending' && step.bytes === step.of;
      // A short session is done before there is anything to report; a program may want to know anyway.
      if (nowMs() - toldAt < everyMs && !(isLast && options.json)) return;
      toldAt = nowMs();
      terminal.err(options.json ? `${JSON.stringify({ progress: step })}\n` : `· ${inWords(step)}\n`);
    },
  };
}

function inWords(step: ImportStep): string {
  if (step.phase === 'writing') return `The server writes what was said into the chat: ${step.events} events so far.`;
  const percent = Math.floor((step.bytes / Math.max(1, step.of)) * 100);
  return `Sending the session: ${megabytes(step.bytes)} of ${megabytes(step.of)} MB (${percent} %).`;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
