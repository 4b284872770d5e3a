import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type DisplayedText,
  type DisplayHook,
  type DisplayReceiver,
  mayUseProxy,
  openDisplayReceiver,
  readDisplayedText,
} from './display-receiver.ts';

let receiver: DisplayReceiver;
let hook: DisplayHook;
let heard: DisplayedText[];
beforeEach(async () => {
  receiver = await openDisplayReceiver();
  heard = [];
  hook = receiver.register((text) => heard.push(text));
});
afterEach(() => receiver.close());

const input = { hook_event_name: 'MessageDisplay', message_id: 'm', index: 0, final: true, delta: 'text' };

/** As the program calls it. */
function call(body: unknown, { key = Object.values(hook.env)[0], method = 'POST' } = {}): Promise<Response> {
  const [{ url }] = hook.hooks['MessageDisplay']![0]!.hooks as [{ url: string }];
  const headers = { authorization: `Bearer ${key}` };
  return fetch(url, method === 'POST' ? { method, headers, body: JSON.stringify(body) } : { method, headers });
}

test('PTY-14: what the program shows is heard, and changes nothing of it', async () => {
  const answer = await call(input);
  expect([answer.status, await answer.json()]).toEqual([200, {}]);
  expect(heard).toEqual([{ messageId: 'm', index: 0, text: 'text' }]);
});

test('SCHEDULE-12 BUDGET-4 BUDGET-5: the program is kept from giving its agent what the chat gives, or what may not be spent', async () => {
  const asked: string[] = [];
  let stop: string | null = null;
  hook = receiver.register(() => {}, {
    onPrompt: (words) => Promise.resolve((asked.push(words), words === 'Look.' ? 'Not you.' : undefined)),
    whyStop: (before) => Promise.resolve((asked.push(before), stop)),
  });
  expect(Object.keys(hook.hooks)).toEqual(['MessageDisplay', 'PostToolBatch', 'UserPromptSubmit']);
  const answered = async (about: object): Promise<unknown> => (await call(about)).json();
  const submit = (prompt: unknown): Promise<unknown> => answered({ hook_event_name: 'UserPromptSubmit', prompt });
  expect(await submit('Look.')).toEqual({ decision: 'block', reason: 'Not you.' });
  for (const other of ['Another.', 7, undefined]) expect(await submit(other)).toEqual({});
  expect(asked).toEqual(['Look.', 'Another.', ...Array<string>(3).fill('UserPromptSubmit')]);
  stop = 'Spent.';
  expect(await submit('Another.')).toEqual({ continue: false, stopReason: 'Spent.' });
  expect(await answered({ hook_event_name: 'PostToolBatch', tool_calls: [] })).toEqual({
    continue: false,
    stopReason: 'Spent.',
  });
  expect(await answered({ hook_event_name: 'Stop' })).toEqual({});
});

test('PTY-16: nothing is heard without the key, which is not among the program’s arguments', async () => {
  expect(JSON.stringify(hook.hooks)).not.toContain(Object.values(hook.env)[0]);
  for (const key of ['', 'another']) expect((await call(input, { key })).status).toBe(404);
  expect((await call(input, { method: 'GET' })).status).toBe(404);
  hook.forget();
  expect((await call(input)).status).toBe(404);
  expect(heard).toEqual([]);
});

test('PTY-16: what the program would not send is refused', async () => {
  expect((await call(Array.from({ length: 2_000 }, () => []))).status).toBe(400);
  for (const wrong of [null, 7, {}, { ...input, index: 'a' }, { ...input, delta: 1 }, { ...input, message_id: 1 }]) {
    expect(readDisplayedText(wrong)).toBeUndefined();
  }
  expect(readDisplayedText({ ...input, hook_event_name: 'Stop' })).toBeUndefined();
  expect(heard).toEqual([]);
});

test('PTY-16: a proxy that the program might use for it is noticed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'boocode-display-'));
  try {
    const uses = (env: Record<string, string>): Promise<boolean> => mayUseProxy(env, [directory]);
    expect(await uses({ PATH: '/bin', NO_PROXY: 'x', HTTP_PROXY: '' })).toBe(false);
    expect(await uses({ https_proxy: 'http://proxy', NO_PROXY: 'localhost' })).toBe(true);
    expect(await uses({ ALL_PROXY: 'http://proxy', no_proxy: 'localhost, 127.0.0.1' })).toBe(false);
    await writeFile(join(directory, 'settings.local.json'), '{"env": {"HTTPS_PROXY": "http://proxy"}}');
    expect(await uses({})).toBe(true);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
