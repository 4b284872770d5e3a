import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryStorage } from '../../../test/support/memory-storage.ts';
import { BooError } from '../../protocol/error.ts';
import { createDrafts } from './drafts.ts';
import { createOutbox } from './outbox.ts';
import { enterTab, forgetToken, hasLeft } from './sign-in.ts';

const tokenKey = 'boocode.token';
let all: Storage;
let tab: Storage;
beforeEach(() => {
  all = memoryStorage(10_000);
  wakeIn(memoryStorage(10_000));
  vi.stubGlobal('localStorage', all);
  vi.stubGlobal('location', { origin: 'http://boocode.test', href: 'http://boocode.test/' });
  vi.stubGlobal('navigator', { userAgent: '' });
});
afterEach(() => vi.unstubAllGlobals());

/** Switches to the tab with this storage. */
function wakeIn(storage: Storage): void {
  tab = storage;
  vi.stubGlobal('sessionStorage', tab);
}

async function signIn(token: string): Promise<void> {
  // Both answers that it needs: a sign-in link, and what its code is exchanged for.
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json({ url: 'http://boocode.test/#code=a-code', token })));
  const { signInWithToken } = await import('./sign-in.ts');
  expect(await signInWithToken(token)).toBeUndefined();
  enterTab();
}

function write(): void {
  createDrafts(tab).set('a', { text: 'a draft', images: [] });
  const outbox = createOutbox({
    storage: tab,
    api: { prompt: () => Promise.reject(new BooError('internal', 'away', { details: { reason: 'unreachable' } })) },
  });
  outbox.send('a', [{ type: 'text', text: 'a prompt' }]);
  outbox.close();
}
const written = (): number =>
  Array.from({ length: tab.length }, (_, index) => tab.key(index) ?? '').filter((key) =>
    /^boocode\.(draft|outbox)\./.test(key),
  ).length;

describe('WEB-45: a tab that slept while another signed out', () => {
  it('deletes its drafts and unsent prompts when it wakes, even if nobody has signed in since', async () => {
    await signIn('one');
    write();
    expect(written()).toBe(2);
    forgetToken('one', false);
    expect(hasLeft('one')).toBe(true);
    enterTab();
    expect(written()).toBe(0);
  });

  it('deletes them if somebody has signed in since, even with the same token', async () => {
    for (const next of ['one', 'two']) {
      await signIn('one');
      write();
      const asleep = tab;
      wakeIn(memoryStorage(10_000));
      forgetToken('one', false);
      await signIn(next);
      expect(hasLeft(next)).toBe(false);
      wakeIn(asleep);
      expect(written()).toBe(2);
      expect(hasLeft('one')).toBe(true);
      enterTab();
      expect(written()).toBe(0);
      forgetToken(next, false);
    }
  });

  it('keeps them if nobody signed out: after a reload, a newer token or a rejected one', async () => {
    await signIn('one');
    write();
    enterTab();
    await signIn('two');
    forgetToken('two', true);
    enterTab();
    await signIn('three');
    expect(written()).toBe(2);
    expect(hasLeft('three')).toBe(false);
  });

  it('deletes them if the browser’s storage was cleared', async () => {
    all.setItem(tokenKey, 'from before login sessions had ids');
    enterTab();
    write();
    enterTab();
    expect(written()).toBe(2);
    all.clear();
    enterTab();
    expect(written()).toBe(0);
  });
});
