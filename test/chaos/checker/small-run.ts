/** A run made by hand in which everything went as promised, although a host was killed: tests break it in one place. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkRun, type Report } from './check-run.ts';
import { digestOf } from './read-run.ts';

export interface TestEvent {
  chatId: string;
  seq: number;
  type: string;
  [field: string]: unknown;
}

export interface TestRecord {
  kind: string;
  [field: string]: unknown;
}

export interface SmallRun {
  run: Record<string, unknown> | null;
  logs: Record<string, TestEvent[]>;
  /** By client; `runner` is the runner. */
  records: Record<string, TestRecord[]>;
  model: { chatId?: string; text: string; atMs: number }[] | null;
}

export const one = '11111111-1111-4111-8111-111111111111';
export const two = '22222222-2222-4222-8222-222222222222';

/**
 * In the first chat, prompt `a1` was answered, `a2` was given back by a killed host and had a second turn, and `a3` was
 * cancelled; `a4` was refused, `a5` never arrived, `a6` arrived without an answer. In the second chat `b1` asked for a
 * permission and was interrupted, and `b2` waits in a held queue.
 */
export function smallRun(): SmallRun {
  const ofOne = numbered(one, [
    accepted('a1'),
    started('t1', ['a1']),
    message('t1'),
    finished('t1', 'completed'),
    accepted('a2'),
    started('t2', ['a2']),
    accepted('a3'),
    finished('t2', 'interrupted', { requeuedPromptIds: ['a2'] }),
    { type: 'prompt_cancelled', promptId: 'a3' },
    started('t3', ['a2']),
    accepted('a6'),
    finished('t3', 'completed'),
    started('t4', ['a6']),
    finished('t4', 'completed'),
  ]);
  const ofTwo = numbered(two, [
    accepted('b1'),
    started('t5', ['b1']),
    { type: 'decision_requested', turnId: 't5', decisionId: 'd1', kind: 'permission' },
    { type: 'decision_resolved', turnId: 't5', decisionId: 'd1', outcome: 'allow' },
    finished('t5', 'interrupted'),
    started('t6', [], { continuesTurnId: 't5' }),
    finished('t6', 'failed'),
    { type: 'queue_held', reason: 'usage_limit', promptId: null },
    accepted('b2'),
  ]);
  const reader = (after: number): TestRecord => ({ kind: 'reader', reader: 'r1', chatId: one, after });
  return {
    run: { seed: 7, hosts: 2, turns: 6, clients: ['a', 'b'] },
    logs: { [one]: ofOne, [two]: ofTwo },
    records: {
      a: [
        sent(one, 'a1'),
        acknowledged(one, 'a1', 1),
        reader(0),
        ...ofOne.slice(0, 4).map(shown),
        sent(one, 'a2'),
        sent(one, 'a2', { attempt: 2 }),
        acknowledged(one, 'a2', 5),
        ...ofOne.slice(4, 6).map(shown),
        sent(one, 'a3'),
        acknowledged(one, 'a3', 7),
        // The host is killed here, and the reader goes on with the other one.
        reader(6),
        ...ofOne.slice(6).map(shown),
        sent(one, 'a4'),
        { kind: 'refused', chatId: one, promptId: 'a4', code: 'shutting_down' },
        sent(one, 'a5'),
        { kind: 'unknown', chatId: one, promptId: 'a5' },
        sent(one, 'a6'),
        sent(one, 'a6', { attempt: 2 }),
        { kind: 'refused', chatId: one, promptId: 'a6', code: 'host_unreachable' },
        // It reads the whole chat once more.
        reader(0),
        ...ofOne.map(shown),
      ],
      b: [
        sent(two, 'b1'),
        acknowledged(two, 'b1', 1),
        { kind: 'answered', chatId: two, decisionId: 'd1', outcome: 'allow' },
        sent(two, 'b2'),
        acknowledged(two, 'b2', 9),
        { kind: 'reader', reader: 'r2', chatId: two, after: 2 },
        ...ofTwo.slice(2).map((event) => ({ ...shown(event), reader: 'r2' })),
      ],
      runner: [
        { kind: 'host', host: 'h1', state: 'started', pid: 10 },
        { kind: 'host', host: 'h2', state: 'started', pid: 11 },
        { kind: 'fault', fault: 'kill', host: 'h1', detail: 'SIGKILL' },
        { kind: 'host', host: 'h1', state: 'ended', pid: 10 },
        { kind: 'left', host: 'h1', pids: [] },
        { kind: 'takeover', chatId: one, from: 'h1', to: 'h2', tookMs: 900 },
        { kind: 'host', host: 'h1', state: 'started', pid: 12 },
        { kind: 'takeover', chatId: two, from: 'h1', to: 'h2', tookMs: 15_200 },
        { kind: 'stale', race: 'append', written: 0 },
        { kind: 'end' },
      ],
    },
    model: ['a1', 'a2', 'a2', 'a6', 'b1'].map((promptId) => ({ text: textFor(promptId), atMs: 0 })),
  };
}

type Change = (run: SmallRun) => void;
type ChangeFiles = (directory: string) => Promise<void>;

/** Writes the run, checks it, and removes it again. `changeFiles` changes what was written. */
export async function checked(change?: Change, changeFiles?: ChangeFiles): Promise<Report> {
  const run = smallRun();
  change?.(run);
  const directory = await mkdtemp(join(tmpdir(), 'boocode-checker-'));
  try {
    await writeRun(directory, run);
    await changeFiles?.(directory);
    return await checkRun(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function writeRun(directory: string, { run, logs, records, model }: SmallRun): Promise<void> {
  await Promise.all([mkdir(join(directory, 'log')), mkdir(join(directory, 'records'))]);
  const write = (file: string, lines: readonly object[]): Promise<void> =>
    writeFile(join(directory, file), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  if (run) await writeFile(join(directory, 'run.json'), JSON.stringify(run));
  if (model) await write('model.jsonl', model);
  for (const [chatId, events] of Object.entries(logs)) await write(`log/${chatId}.jsonl`, events);
  for (const [client, own] of Object.entries(records)) {
    await write(
      `records/${client}.jsonl`,
      own.map((record, atMs) => ({ atMs, client, ...record })),
    );
  }
}

export const textFor = (promptId: string): string => `Text of ${promptId}`;

export function sent(chatId: string, promptId: string, more: object = {}): TestRecord {
  return { kind: 'sent', chatId, promptId, text: textFor(promptId), ...more };
}

export function acknowledged(chatId: string, promptId: string, seq: number): TestRecord {
  return { kind: 'acknowledged', chatId, promptId, seq };
}

export function shown(event: TestEvent): TestRecord {
  const { chatId, seq, type } = event;
  return { kind: 'shown', reader: 'r1', chatId, seq, type, digest: digestOf(JSON.stringify(event)) };
}

type Body = { type: string; [field: string]: unknown };

export function accepted(promptId: string): Body {
  return { type: 'prompt_accepted', promptId, content: [{ type: 'text', text: textFor(promptId) }], by: 'owner' };
}

export function started(turnId: string, promptIds: string[], more: object = {}): Body {
  return { type: 'turn_started', turnId, promptIds, ...more };
}

export function finished(turnId: string, outcome: string, more: object = {}): Body {
  return { type: 'turn_finished', turnId, outcome, costUsd: 0, ...more };
}

export function message(turnId: string): Body {
  return { type: 'agent_message', turnId, messageId: `m-${turnId}`, content: [{ type: 'text', text: 'An answer.' }] };
}

export function numbered(chatId: string, bodies: readonly Body[], first = 1): TestEvent[] {
  return bodies.map((body, index) => ({ chatId, seq: first + index, at: '2026-01-01T00:00:00.000Z', ...body }));
}

/** Kind and text of what is found. */
export async function found(change?: Change, changeFiles?: ChangeFiles): Promise<string[]> {
  return (await checked(change, changeFiles)).problems.map(({ kind, text }) => `${kind}: ${text}`);
}

/** Only the kinds, each once. */
export async function kindsOf(change?: Change, changeFiles?: ChangeFiles): Promise<string[]> {
  return [...new Set((await checked(change, changeFiles)).problems.map(({ kind }) => kind))];
}

/** Replaces the bodies of a log, and makes the readers' records of that chat agree with it. */
export function rewrite(run: SmallRun, chatId: string, change: (events: TestEvent[]) => void): void {
  const events = run.logs[chatId]!;
  change(events);
  for (const [index, event] of events.entries()) event.seq = index + 1;
  for (const [client, records] of Object.entries(run.records)) {
    run.records[client] = records.filter((record) => !('reader' in record && record['chatId'] === chatId));
  }
}
