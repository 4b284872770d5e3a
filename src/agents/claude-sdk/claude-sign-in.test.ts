// The real program shows its page and gets a code that it cannot use: there is no account here.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { ownAgents } from '../../../test/support/processes.ts';
import { until } from '../../../test/support/until.ts';
import { ClaudeSignIn } from './claude-sign-in.ts';

let home: string;
let clock: ManualClock;
let signIn: ClaudeSignIn;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'boocode-sign-in-'));
  clock = new ManualClock();
  const { PATH = '' } = process.env;
  // Keeps the program off the network.
  const env = { PATH, HOME: home, HTTPS_PROXY: 'http://127.0.0.1:9', DISABLE_AUTOUPDATER: '1', IS_SANDBOX: '1' };
  signIn = new ClaudeSignIn({ env, cwd: home, clock });
});
afterEach(async () => {
  await signIn.cancel();
  await rm(home, { recursive: true, force: true });
});

const stateOf = (url: string): string => new URL(url).searchParams.get('state') ?? '';

describe('AGENT-33: signing the program in', () => {
  test('returns a new page each time, and accepts no code from an older one', async () => {
    const first = await signIn.begin('claude_ai');
    expect(first.url).toMatch(/^https:\/\/claude\.(com|ai)\/\S+redirect_uri=https%3A%2F%2F\S+&state=[\w-]{20,}/);
    expect(Date.parse(first.expiresAt) - clock.now().getTime()).toBe(600_000);
    const second = await signIn.begin('console');
    expect(second.url).toMatch(/^https:\/\/platform\.claude\.com\//);
    expect(ownAgents()).toHaveLength(1);
    await expect(signIn.finish(`code#${stateOf(first.url)}`)).rejects.toMatchObject({
      code: 'invalid_request',
      details: { field: 'code' },
    });
    // That mistake can be corrected: the newest page still waits.
    expect(ownAgents()).toHaveLength(1);
  });

  test('a code that cannot be used ends it with one plain sentence', async () => {
    const { url } = await signIn.begin('claude_ai');
    const refused = await signIn.finish(`wrong#${stateOf(url)}`).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'agent_login_required' });
    expect((refused as Error).message).toMatch(/^The sign-in failed: \P{Cc}+\. Start again for a new link\.$/u);
    expect(ownAgents()).toEqual([]);
    await expect(signIn.finish('wrong')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('ends when it is canceled, and after ten minutes', async () => {
    await signIn.begin('claude_ai');
    await signIn.cancel();
    expect(ownAgents()).toEqual([]);
    await signIn.begin('claude_ai');
    clock.advance(600_000);
    await until(() => ownAgents().length === 0);
    await expect(signIn.finish('code')).rejects.toMatchObject({ code: 'not_found' });
  });
});
