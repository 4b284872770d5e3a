// A terminal program that shows nothing when it starts.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endOf, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { until } from '../../../test/support/until.ts';

const cause = 'no sign of life for 2 s while it started';
const limits = { startMs: 2_000, readyMs: 10_000, silenceMs: 60_000 };

async function withHarness(options: Parameters<typeof openPtyHarness>[0], run: (harness: PtyHarness) => Promise<void>) {
  const harness = await openPtyHarness(options);
  try {
    await run(harness);
  } finally {
    await harness.close();
  }
}

test('AGENT-37: a terminal program that is stopped while it starts is ended with that cause, and the chat can continue', () =>
  withHarness({ limits }, async (harness) => {
    const opening = openSession(harness).catch((error: unknown) => error as Error);
    const program = await until(() =>
      harness.leftovers('').find(({ command }) => command.includes('--permission-mode')),
    );
    process.kill(program.pid, 'SIGSTOP');
    expect(await opening).toMatchObject({ code: 'agent_failed', message: expect.stringContaining(cause) as string });
    expect(harness.leftovers('')).toEqual([]);
    const session = await openSession(harness);
    expect(textIn(await runTurn(session, 'stream 1 tokens')).trim()).toBe('t1');
  }));

test('AGENT-37: one that never shows anything fails the turn that waits for it', async () => {
  const place = await mkdtemp(join(tmpdir(), 'boocode-silent-'));
  const program = join(place, 'silent-program');
  await writeFile(program, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
  try {
    // Its session is opened before that, since the program might be showing a screen of its own.
    await withHarness({ program, limits: { ...limits, readyMs: 500 } }, async (harness) => {
      const session = await openSession(harness);
      const { outcome, error } = endOf(await runTurn(session, 'hello'));
      expect([outcome, error?.message]).toEqual(['failed', expect.stringContaining(cause)]);
      await until(() => session.lost.length > 0);
    });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});
