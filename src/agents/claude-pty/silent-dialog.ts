/**
 * Tells of a dialog that only the terminal shows: hooks are switched off, or it is one that has none. Who is not at the
 * terminal would wait for ever, and not know for what.
 */
import type { AgentEvent } from '../agent-backend.ts';
import { notice } from '../claude/mapping/notice.ts';
import type { ProgramStatus } from './program-status.ts';

/** A question takes a moment from its dialog to here: it waits for its call to be told. */
const graceMs = 5_000;

export interface SilentDialogParts {
  /** Somebody sits at the terminal, or was asked here. */
  isKnown(): boolean;
  tell(event: AgentEvent): void;
}

export class SilentDialog {
  readonly #parts: SilentDialogParts;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SilentDialogParts) {
    this.#parts = parts;
  }

  /** To be called with every change of the program's status, and with none when it has ended. */
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
  const message = `The program shows ${what} of its own and waits for somebody: attach to the terminal of this chat.`;
  return notice('warning', 'terminal_waits', message, data);
}
