import type { AgentTerminal, TerminalFrame, TerminalViewer } from '../../src/chats/chats.ts';
import { createPushable } from '../../src/lib/pushable.ts';
import { BooError } from '../../src/protocol/error.ts';
import type { TerminalSize } from '../../src/protocol/terminal.ts';

export interface MemoryViewer {
  canWrite: boolean;
  size: TerminalSize | undefined;
  typed: string;
  typedBytes: number;
  pasted: string[];
  acknowledged: number;
  closed: boolean;
  push(frame: TerminalFrame): void;
}

export interface MemoryTerminal extends AgentTerminal {
  readonly viewers: MemoryViewer[];
  /** The next input is refused. */
  refuseInput: boolean;
}

/** A terminal without a program, for tests of its transport: the test decides what is shown. */
export function createMemoryTerminal(): MemoryTerminal {
  const viewers: MemoryViewer[] = [];
  const terminal: MemoryTerminal = {
    viewers,
    refuseInput: false,
    get viewerCount() {
      return viewers.filter(({ closed }) => !closed).length;
    },
    attach({ size, canWrite }): TerminalViewer {
      const frames = createPushable<TerminalFrame>();
      const viewer: MemoryViewer = {
        canWrite,
        size,
        typed: '',
        typedBytes: 0,
        pasted: [],
        acknowledged: 0,
        closed: false,
        push(frame) {
          frames.push(frame);
          if (frame.type === 'ended') frames.close();
        },
      };
      viewers.push(viewer);
      viewer.push({ type: 'screen', size: size ?? { columns: 120, rows: 40 }, data: 'hello' });
      return {
        frames: frames.iterable,
        acknowledge: (bytes) => void (viewer.acknowledged += bytes),
        write(data) {
          if (terminal.refuseInput) {
            terminal.refuseInput = false;
            throw new BooError('payload_too_large', 'Too much.');
          }
          viewer.typedBytes += data.length;
          if (viewer.typedBytes < 100_000) viewer.typed += Buffer.from(data).toString();
        },
        paste: (text) => void viewer.pasted.push(text),
        resize: (wanted) => void (viewer.size = wanted),
        close() {
          viewer.closed = true;
          frames.close();
        },
      };
    },
  };
  return terminal;
}
