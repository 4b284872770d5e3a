import { expect, test, vi } from 'vitest';
import type { AgentEvent } from '../agent-backend.ts';
import { InputLine } from './input-line.ts';
import { SessionLife } from '../claude/session-life.ts';
import { TurnState } from './turn-state.ts';
import { Typist, type TypistParts } from './typist.ts';

test('PTY-1: waiting for the input line ends even if nothing reports the change', async () => {
  vi.useFakeTimers();
  try {
    // For example, while a child that the program has just forked still has the terminal as its input.
    const program = { takesInput: false, status: { state: 'idle' }, refresh: () => undefined };
    const typist = new Typist({ program } as unknown as TypistParts);
    const ready = vi.fn<() => void>();
    void typist.ready().then(ready);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ready).not.toHaveBeenCalled();
    program.takesInput = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ready).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

function openTypist() {
  const program = { takesInput: false, status: { state: 'idle', since: 1 }, refresh: () => undefined };
  const written: string[] = [];
  const turn = new TurnState();
  const turns = { expect: turn.expect.bind(turn), tell: () => {}, end: vi.fn<() => Promise<void>>() };
  turns.end.mockResolvedValue();
  const typist = new Typist({
    life: new SessionLife(),
    program,
    turn,
    turns,
    inputLine: new InputLine({ write: (keys) => void written.push(keys) }),
    tasks: { count: 0 },
    watch: { check: () => {} },
    takenMs: { again: 1, failed: 1 },
  } as unknown as TypistParts);
  const prompt = () => typist.prompt({ turnId: crypto.randomUUID(), content: [{ type: 'text', text: 'go on' }] });
  return { program, turn, turns, typist, written, prompt };
}

/** Starts the turn, whose events nobody reads here. */
function begin(events: AsyncGenerator<AgentEvent>): void {
  void events.next();
}

test('TURN-21: a prompt that someone else submits in the same words before it is typed is not typed again', async () => {
  const { program, turn, turns, typist, written, prompt } = openTypist();
  begin(prompt());
  await expect.poll(() => turn.phase.is).toBe('typing');
  turn.run(turn.expected!);
  program.takesInput = true;
  typist.look();
  await new Promise((resolve) => setImmediate(resolve));
  expect(written).toEqual([]);
  expect(turn.phase.is).toBe('running');
  expect(turns.end).not.toHaveBeenCalled();
});

test('a session accepts one prompt at a time, whether it waits, is typed or runs', async () => {
  const { program, turn, typist, prompt } = openTypist();
  program.status.state = 'busy';
  begin(prompt());
  await expect.poll(() => turn.phase.is).toBe('waiting');
  await expect(prompt().next()).rejects.toMatchObject({ code: 'chat_busy' });
  program.status.state = 'idle';
  typist.look();
  await expect.poll(() => turn.phase.is).toBe('typing');
  turn.beginTheirs(false);
  await expect(prompt().next()).rejects.toMatchObject({ code: 'chat_busy' });
});
