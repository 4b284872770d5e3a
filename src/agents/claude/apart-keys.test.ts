// The real program on both engines; only the model is scripted, and accepts only this key.
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { until } from '../../../test/support/until.ts';
import { type DemoModel, startDemoModel } from '../../demo/demo-model.ts';
import { withKeysApart } from './apart-keys.ts';

const key = 'sk-key-of-the-operator-0123456789';
let model: DemoModel;
beforeAll(async () => {
  model = await startDemoModel({ apiKey: key });
});
afterAll(() => model.close());

describe.each([
  ['claude_sdk', openSdkHarness],
  ['claude_pty', openPtyHarness],
] as const)('AGENT-14 on %s', (_, openHarness) => {
  /** The environment of the program’s Bash, of a hook and an MCP server of the user, and of the program itself. */
  async function seen(
    name: 'ANTHROPIC_API_KEY' | 'ANTHROPIC_AUTH_TOKEN' | 'CLAUDE_CODE_OAUTH_TOKEN',
  ): Promise<Record<'bash' | 'hook' | 'server' | 'program', string>> {
    const without = name === 'ANTHROPIC_API_KEY' ? {} : { ANTHROPIC_API_KEY: '' };
    const env = { ANTHROPIC_BASE_URL: model.url, ...without, [name]: key };
    const harness: SdkHarness | PtyHarness = await openHarness({ env });
    try {
      const { agent, cwd } = harness;
      const hook = join(cwd, 'hook.txt');
      const server = join(cwd, 'server.txt');
      await mkdir(agent.configDir, { recursive: true });
      const hooks = { UserPromptSubmit: [{ hooks: [{ type: 'command', command: `env > ${hook}` }] }] };
      await writeFile(join(agent.configDir, 'settings.json'), JSON.stringify({ hooks }));
      const probe = { type: 'stdio', command: '/bin/sh', args: ['-c', `env > ${server}`] };
      await writeFile(join(agent.configDir, '.claude.json'), JSON.stringify({ mcpServers: { probe } }));
      const session = await openSession(harness);
      const { sessionId } = session;
      const turn = await runTurn(session, 'run: env', { answer: () => ({ outcome: 'allow' }) });
      // The model has accepted the key.
      expect(endOf(turn).outcome).toBe('completed');
      await until(() => existsSync(server) && readFileSync(server, 'utf8').includes('PATH='));
      const [program] = harness.leftovers(session.chatId);
      const found = {
        bash: JSON.stringify(ofType(turn, 'tool_call_update').at(-1)?.rawOutput),
        hook: readFileSync(hook, 'utf8'),
        server: readFileSync(server, 'utf8'),
        program: program!.environ.join('\n'),
      };
      // The marks by which leftover processes are found.
      for (const text of Object.values(found)) {
        expect(text).toContain(`BOOCODE_SESSION=${sessionId}`);
        expect(text).toContain('BOOCODE_HOST_PROCESS=');
        expect(text).not.toContain('BOOCODE_KEY');
      }
      await session.handle.close();
      return found;
    } finally {
      await harness.close();
    }
  }

  test.each(['ANTHROPIC_API_KEY', 'CLAUDE_CODE_OAUTH_TOKEN'] as const)(
    'the model is reached with %s, and no tool, hook or MCP server sees it',
    async (name) => {
      const found = await seen(name);
      const seers = Object.entries(found).filter(([, text]) => text.includes(key));
      expect(seers.map(([who]) => who)).toEqual([]);
    },
  );

  test('the model is reached with ANTHROPIC_AUTH_TOKEN, and only the program itself has it', async () => {
    const found = await seen('ANTHROPIC_AUTH_TOKEN');
    const seers = Object.entries(found).filter(([, text]) => text.includes(key));
    expect(seers.map(([who]) => who)).toEqual(['program']);
  });
});

test('AGENT-14: a key is never part of a script or an argument, and nothing changes without one', () => {
  const odd = '$(touch x)`"\'\\ END';
  const env = { HOME: '/home/me', ANTHROPIC_API_KEY: odd, CLAUDE_CODE_OAUTH_TOKEN: 'two' };
  const launch = withKeysApart({ command: '/bin/claude', args: ['--print', '$HOME'], env });
  expect(launch.args.slice(2)).toEqual(['sh', '/bin/claude', '--print', '$HOME']);
  expect(launch.args.join('\n')).not.toContain(odd);
  expect(launch.env).not.toHaveProperty('ANTHROPIC_API_KEY');
  const plain = { command: '/bin/claude', args: ['--print'], env: { HOME: '/home/me' } };
  expect(withKeysApart(plain)).toEqual(plain);
});
