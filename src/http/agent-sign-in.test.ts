import { describe, expect, it } from 'vitest';
import { createTestApp } from '../../test/support/test-app.ts';
import type { AgentSignIn } from '../protocol/agent-sign-in.ts';

const page = { url: 'https://claude.example/authorize?state=s', expiresAt: '2030-01-01T00:10:00.000Z' };

function open() {
  const calls: unknown[] = [];
  const agentSignIn: AgentSignIn = {
    begin: (account) => (calls.push(['begin', account]), Promise.resolve(page)),
    finish: (code) => (calls.push(['finish', code]), Promise.resolve()),
    cancel: () => (calls.push(['cancel']), Promise.resolve()),
  };
  return { ...createTestApp({ agentSignIn }), calls };
}

describe('ACCESS-16: signing the agents in', () => {
  it('requires the token, and the pasted code appears in no response and no log', async () => {
    const app = open();
    const begun = await app.call('POST', '/v1/agent-sign-in', { body: {} });
    expect([begun.status, await begun.json(), begun.headers.get('cache-control')]).toEqual([201, page, 'no-store']);
    const finished = await app.call('POST', '/v1/agent-sign-in/code', { body: { code: ' secret-code#s\n' } });
    expect([finished.status, await finished.text()]).toEqual([204, '']);
    expect((await app.call('DELETE', '/v1/agent-sign-in')).status).toBe(204);
    expect(app.calls).toEqual([['begin', 'claude_ai'], ['finish', 'secret-code#s'], ['cancel']]);
    expect(JSON.stringify([app.errors, app.warnings, app.infos])).not.toContain('secret-code');
    for (const [method, path] of [
      ['POST', '/v1/agent-sign-in'],
      ['POST', '/v1/agent-sign-in/code'],
      ['DELETE', '/v1/agent-sign-in'],
    ] as const) {
      expect((await app.call(method, path, { headers: { authorization: '' } })).status).toBe(401);
    }
    expect(app.calls).toHaveLength(3);
  });

  it.each(['', 'two words', 'a\nb', 'é', 'x'.repeat(2001), 1])('refuses an invalid code (%j)', async (code) => {
    const app = open();
    const response = await app.call('POST', '/v1/agent-sign-in/code', { body: { code } });
    expect([response.status, await response.json()]).toEqual([400, expect.objectContaining({ field: 'code' })]);
    expect(app.calls).toEqual([]);
  });

  it('says that the demo has no account', async () => {
    const response = await createTestApp().call('POST', '/v1/agent-sign-in', { body: {} });
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining('The demo uses no account') });
  });
});
