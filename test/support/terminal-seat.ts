import xterm from '@xterm/headless';
import type { AgentTerminal, TerminalViewer } from '../../src/terminal/agent-terminal.ts';
import { useCellWidths } from '../../src/protocol/cell-widths.ts';
import { until } from './until.ts';

/** A person at a terminal: sees what is on the screen, and types. */
export interface TerminalSeat {
  readonly viewer: TerminalViewer;
  type(keys: string): void;
  paste(text: string): void;
  /** The lines now on the screen, including scrollback. */
  screen(): string;
  sees(text: string, timeoutMs?: number): Promise<void>;
  /** The reason given for the end. */
  readonly ended: string | undefined;
  leave(): void;
}

export function sitDown(terminal: AgentTerminal, options: { canWrite?: boolean } = {}): TerminalSeat {
  const viewer = terminal.attach({ canWrite: options.canWrite ?? true });
  const screen = new xterm.Terminal({ cols: 120, rows: 40, allowProposedApi: true });
  useCellWidths(screen);
  let ended: string | undefined;
  const show = (data: string | Uint8Array): Promise<void> => new Promise((resolve) => screen.write(data, resolve));
  const reading = (async () => {
    for await (const frame of viewer.frames) {
      if (frame.type === 'ended') ended = frame.reason;
      if (frame.type === 'size' || frame.type === 'screen') screen.resize(frame.size.columns, frame.size.rows);
      if (frame.type === 'screen') screen.reset();
      if (frame.type !== 'output' && frame.type !== 'screen') continue;
      await show(frame.data);
      viewer.acknowledge(Buffer.byteLength(frame.data));
    }
  })();
  const lines = (): string => {
    const { active } = screen.buffer;
    const all = Array.from({ length: active.length }, (_, row) => active.getLine(row)?.translateToString(true) ?? '');
    return all.join('\n').trimEnd();
  };
  return {
    viewer,
    type: (keys) => viewer.write(Buffer.from(keys)),
    paste: (text) => viewer.paste(text),
    screen: lines,
    async sees(text, timeoutMs = 30_000) {
      await until(() => lines().includes(text), { timeoutMs, what: `“${text}” on the screen` });
    },
    get ended() {
      return ended;
    },
    leave() {
      viewer.close();
      void reading;
      screen.dispose();
    },
  };
}
