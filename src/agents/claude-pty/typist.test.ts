import { expect, test, vi } from 'vitest';
import type { PtyProgram } from './pty-program.ts';
import { Typist, type TypistParts } from './typist.ts';

test('PTY-1: whoever waits for the input line is told of it, though nothing tells of the change', async () => {
  vi.useFakeTimers();
  try {
    // As while a child of the program that has just been forked still has the terminal for its input.
    const program = { takesKeys: false, status: { state: 'idle' }, refresh: () => undefined };
    const typist = new Typist({ program: () => program as unknown as PtyProgram } as unknown as TypistParts);
    const ready = vi.fn<() => void>();
    void typist.ready().then(ready);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ready).not.toHaveBeenCalled();
    program.takesKeys = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ready).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
