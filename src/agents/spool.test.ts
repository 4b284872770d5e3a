import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { type BackendHarness, openSession } from '../../test/contract/agent-backend.ts';
import { openPtyHarness } from '../../test/support/pty-harness.ts';
import { openSdkHarness } from '../../test/support/sdk-harness.ts';
import { until } from '../../test/support/until.ts';
import { type Log, silentLog } from '../lib/log.ts';
import type { AgentEvent } from './agent-backend.ts';
import { Spool } from './spool.ts';

const said: string[] = [];
const logger: Log = { ...silentLog, warn: (_facts, message) => void said.push(message) };
const waits = 'The agent waits: what it has said is not stored yet.';
afterEach(() => {
  said.length = 0;
});

describe('DATA-23: a spool', () => {
  const kb = 1024;
  const open = (isStored: () => boolean) => new Spool({ limitBytes: 64 * kb, chatId: 'c', logger, isStored });

  test('reads no more than its limit until everything is stored, and then goes on', async () => {
    let isStored = false;
    let produced = 0;
    const source = new Readable({
      highWaterMark: kb,
      read() {
        produced += kb;
        this.push(produced > 1024 * kb ? null : Buffer.alloc(kb));
      },
    });
    const spool = open(() => isStored);
    const bounded = spool.bound(source);
    let read = 0;
    const over = new Promise((resolve) =>
      bounded.on('data', (data: Buffer) => (read += data.length)).on('end', resolve),
    );
    await until(() => spool.isFull);
    expect(read).toBe(64 * kb);
    expect(produced).toBeLessThan(128 * kb);
    expect(said).toEqual([waits]);
    isStored = true;
    await over;
    expect(read).toBe(1024 * kb);
  });

  test('that is opened reads on, whatever is stored', async () => {
    const spool = open(() => false);
    await spool.take(kb);
    const taken = spool.take(100 * kb);
    expect(spool.isFull).toBe(true);
    spool.open();
    await taken;
    await spool.take(100 * kb);
    expect(said).toEqual([waits]);
  });
});

describe('DATA-23: a program whose events are not taken waits at the limit, and says all of it once they are', () => {
  let harness: BackendHarness;
  afterEach(() => harness.close());

  test.each([
    ['claude_sdk', openSdkHarness, 100 * 1024, 'stream 3000 tokens', 'session_started'],
    ['claude_pty', openPtyHarness, 1024, 'run: echo hello', 'session_started'],
  ] as const)('%s', async (_name, openHarness, spoolBytes, text, holdAt) => {
    harness = await openHarness({ logger, limits: { spoolBytes } });
    const { handle } = await openSession(harness);
    const events: AgentEvent[] = [];
    for await (const event of handle.prompt({ turnId: crypto.randomUUID(), content: [{ type: 'text', text }] })) {
      events.push(event);
      if (event.type === 'decision_requested') handle.resolve(event.decisionId, { outcome: 'allow' });
      // Like a write that the database does not answer.
      if (event.type === holdAt) await until(() => said.includes(waits));
    }
    expect(said).toContain(waits);
    expect(events.map(({ type }) => type)).toContain('agent_message');
    expect(events.at(-1)).toMatchObject({ type: 'turn_finished', outcome: 'completed' });
    await handle.close();
  });
});
