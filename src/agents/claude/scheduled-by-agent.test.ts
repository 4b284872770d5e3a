// What the real program schedules, on both engines.
import { InMemorySessionStore } from '@anthropic-ai/claude-agent-sdk';
import { afterEach, describe, expect, test } from 'vitest';
import { openSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness } from '../../../test/support/pty-harness.ts';
import { until } from '../../../test/support/until.ts';
import type { ScheduledChange } from '../agent-backend.ts';
import { projectKey } from './files/transcript-file.ts';
import { openSdkHarness } from '../../../test/support/sdk-harness.ts';

const minute = 60_000;
const engines = { claude_sdk: openSdkHarness, claude_pty: openPtyHarness };
let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

describe.each(Object.entries(engines))('on %s', (_name, open) => {
  test('AGENT-50, SCHEDULE-11: the program says what its agent has scheduled and cancelled, and when it will tell it', async () => {
    const harness = await open();
    close = () => harness.close();
    const changes: ScheduledChange[] = [];
    const onScheduled = (change: ScheduledChange): void => void changes.push(change);
    const session = await openSession(harness, { permissionMode: 'bypassPermissions', onScheduled });
    const { handle } = session;
    expect(handle.wakesInMs).toBeNull();
    await runTurn(session, 'call CronCreate: {"cron":"0 0 1 1 *","prompt":"Happy new year.","recurring":true}');
    expect(handle.wakesInMs).toBeGreaterThan(minute);
    await runTurn(session, 'call ScheduleWakeup: {"delaySeconds":60,"reason":"To look.","prompt":"Look."}');
    // It has whole minutes, and a minute is the least.
    expect(handle.wakesInMs).toBeLessThanOrEqual(3 * minute);
    expect(handle.wakesInMs).toBeGreaterThan(0);
    const [newYear, look] = await until(() => changes.length === 2 && changes);
    expect(newYear).toMatchObject({ is: 'added', prompt: 'Happy new year.', recurs: { cron: '0 0 1 1 *' } });
    expect(look).toMatchObject({ is: 'added', prompt: 'Look.', replaces: 'ScheduleWakeup' });
    await runTurn(session, `call CronDelete: ${JSON.stringify({ id: newYear!.key })}`);
    expect((await until(() => changes[2])).is).toBe('removed');
  });

  test('SCHEDULE-11: what the store lacked when its host was killed is told when the session is opened again', async () => {
    const harness = await open();
    close = () => harness.close();
    const changes: ScheduledChange[] = [];
    const whole = new InMemorySessionStore();
    const session = await openSession(harness, { permissionMode: 'bypassPermissions', sessionStore: whole });
    await runTurn(session, 'call CronCreate: {"cron":"0 0 1 1 *","prompt":"Happy new year.","recurring":true}');
    await session.handle.close();
    const { chatId, sessionId } = session;
    const key = { projectKey, sessionId };
    const entries = (await whole.load(key))!;
    const sessionStore = new InMemorySessionStore();
    await sessionStore.append(
      key,
      entries.slice(
        0,
        entries.findIndex(({ type }) => type === 'assistant'),
      ),
    );
    const onScheduled = (change: ScheduledChange): void => void changes.push(change);
    const again = await openSession(harness, { chatId, sessionId, sessionStore, onScheduled });
    expect(changes).toMatchObject([{ is: 'added', prompt: 'Happy new year.', recurs: { cron: '0 0 1 1 *' } }]);
    await again.handle.close();
  });
});
