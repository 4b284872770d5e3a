/**
 * Reports a dialog that only the terminal shows, because hooks are turned off or it has none. Otherwise, people who are
 * not at the terminal would wait forever without knowing why.
 */
import type { AgentEvent } from '../agent-backend.ts';
import { notice } from '../claude/mapping/notice.ts';
import type { ProgramStatus } from './program-status.ts';

/** A question arrives slightly after its dialog, because it waits for its call to be reported. */
const graceMs = 5_000;

export interface SilentDialogParts {
  /** Someone is at the terminal, or was asked here. */
  isKnown(): boolean;
  tell(event: AgentEvent): void;
}

export class SilentDialog {
  readonly #parts: SilentDialogParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SilentDialogParts) {
    this.#parts = parts;
  }

  /** Call it with every change of the program's status, and with none when the program has ended. */
  note(status?: ProgramStatus): void {
    clearTimeout(this.#timer);
    if (status?.state !== 'waiting') return;
    this.#timer = setTimeout(() => {
      if (!this.#parts.isKnown()) this.#parts.tell(terminalWaits('a dialog'));
    }, graceMs);
    this.#timer.unref();
  }
}

export function terminalWaits(what: string, data?: { screen: 'start' | 'other' }): AgentEvent {
  const message = `The program shows ${what} of its own and waits for an answer: attach to the terminal of this chat.`;
  return notice('warning', 'terminal_waits', message, data);
}
