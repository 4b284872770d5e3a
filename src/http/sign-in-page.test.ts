import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { createTestApp, testToken, type TestApp } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';
import { signInPage, signInScript } from './sign-in-page.ts';

/** The page's script in a page that has just the parts it uses. */
function open(test: TestApp, hash: string, stored = new Map<string, string>()) {
  const elements: Record<
    string,
    { textContent: string; hidden: boolean; lines: string[]; append(line: object): void }
  > = {};
  for (const id of ['status', 'demo', 'chats']) {
    const lines: string[] = [];
    const append = (line: { textContent: string }): void => void lines.push(line.textContent);
    elements[id] = { textContent: '', hidden: true, lines, append };
  }
  const page = {
    URLSearchParams,
    location: { hash, pathname: '/' },
    history: { replaceState: (_state: null, _title: string, path: string) => (page.location.hash = path) },
    localStorage: {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => stored.set(key, value),
      removeItem: (key: string) => stored.delete(key),
    },
    document: { getElementById: (id: string) => elements[id], createElement: () => ({ textContent: '' }) },
    fetch: (path: string, init: RequestInit) =>
      test.app.request(path, {
        ...init,
        headers: { ...(init.headers as object), host: 'localhost:4700', origin: 'http://localhost:4700' },
      }),
  };
  runInContext(signInScript, createContext(page));
  return { elements, stored, page, status: () => until(() => elements['status']?.textContent) };
}

describe('the sign-in page', () => {
  it('has no script or style of its own, so that the policy can forbid them', () => {
    expect(signInPage).not.toMatch(/<script(?! src="\/sign-in\.js" defer><\/script>)/);
    expect(signInPage).not.toMatch(/\son\w+=|<style|style=|javascript:/);
    expect(signInScript).not.toMatch(/innerHTML|insertAdjacent|document\.write|eval\(/);
  });

  it('exchanges the code, takes it out of the address, keeps the token, and lists the chats as text', async () => {
    const test = createTestApp();
    await test.chats.createChat({ cwd: '/tmp', title: '<img src=x onerror=alert(1)>' });
    const { elements, stored, page, status } = open(test, `#code=${test.codes.issue()}`);
    expect(await status()).toBe('Signed in. BooCode 0.0.0 is running.');
    expect(stored.get('boocode.token')).toBe(testToken);
    expect(page.location.hash).toBe('/');
    expect(elements['chats']?.lines).toEqual(['<img src=x onerror=alert(1)> (cold) /tmp']);
    expect(elements['demo']?.hidden).toBe(false);
  });

  it('stays signed in', async () => {
    const test = createTestApp();
    const { status } = open(test, '', new Map([['boocode.token', testToken]]));
    expect(await status()).toMatch(/^Signed in/);
  });

  it('says what to do without a code, with a spent one, and with a token of old', async () => {
    const test = createTestApp();
    expect(await open(test, '').status()).toMatch(/^Not signed in\. Open the sign-in link/);
    expect(await open(test, '#code=spent').status()).toMatch(/^This sign-in link no longer works/);
    const old = open(test, '', new Map([['boocode.token', 'old']]));
    expect(await old.status()).toMatch(/^This did not work: authorization/);
    expect(old.stored.size).toBe(0);
  });
});
