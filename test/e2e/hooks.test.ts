// What a user's own hooks do to a turn, on both engines.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openServer, type TestServer } from '../support/server.ts';
import { runTurn } from '../support/turns.ts';

/** Refuses prompts that end with `no`, stops a turn after a command with STOP, and makes a stopping agent continue once. */
const hook = `
let text = '';
for await (const chunk of process.stdin) text += chunk;
const input = JSON.parse(text);
const say = (answer) => process.stdout.write(JSON.stringify(answer));
if (input.prompt?.endsWith('no')) say({ decision: 'block', reason: 'not on Fridays' });
if (input.tool_input?.command?.includes('STOP')) say({ continue: false, stopReason: 'that is enough' });
if (input.hook_event_name === 'Stop' && !input.stop_hook_active) say({ decision: 'block', reason: 'look once more' });
`;

let server: TestServer;
beforeAll(async () => {
  server = await openServer();
  const { configDir } = server.agent;
  await mkdir(configDir, { recursive: true });
  const script = join(configDir, 'hook.mjs');
  await writeFile(script, hook);
  const hooks = [{ hooks: [{ type: 'command', command: `node ${script}` }] }];
  const settings = { hooks: { UserPromptSubmit: hooks, PostToolUse: hooks, Stop: hooks } };
  await writeFile(join(configDir, 'settings.json'), JSON.stringify(settings));
});
afterAll(() => server.close());

test.each(['claude_sdk', 'claude_pty'] as const)(
  'TURN-18: %s: a turn that a hook refuses or stops fails with the hook’s text, and one that it continues says why',
  async (backend) => {
    const { id } = await server.createChat({ backend, permissionMode: 'bypassPermissions' });
    const refused = await runTurn(server.client, id, 'this one no');
    expect(refused.finished).toMatchObject({
      outcome: 'failed',
      error: { code: 'hook_stopped', message: 'A hook refused this prompt: not on Fridays' },
    });
    expect(refused.text).toBe('');
    const stopped = await runTurn(server.client, id, 'run: echo STOP');
    expect(stopped.finished).toMatchObject({
      outcome: 'failed',
      error: { code: 'hook_stopped', message: 'A hook stopped this turn: that is enough' },
    });
    const wentOn = await runTurn(server.client, id, 'who are you');
    expect(wentOn.finished).toMatchObject({ outcome: 'completed' });
    expect(wentOn.events).toContainEqual(
      expect.objectContaining({
        code: 'hook_feedback',
        message: 'A Stop hook made the agent continue: look once more',
      }),
    );
    // No prompt waits or is sent again.
    expect(await server.client.getChat(id)).toMatchObject({ waiting: 0, hold: null });
  },
);
