import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../test/support/test-app.ts';
import { createWebFiles } from './web-files.ts';

let directory: string;
let test: TestApp;
const script = `const text = '${'x'.repeat(500)}';`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'boocode-web-'));
  await mkdir(join(directory, 'assets'));
  await writeFile(join(directory, 'index.html'), '<!doctype html><title>BooCode</title>');
  await writeFile(join(directory, 'assets', 'app-Ab1_.js'), script);
  await writeFile(join(directory, 'secret.txt'), 'secret');
  test = createTestApp({ web: createWebFiles(pathToFileURL(`${directory}/`)) });
});
afterAll(() => rm(directory, { recursive: true }));

const get = (path: string, headers: Record<string, string> = {}) =>
  test.call('GET', path, { headers: { authorization: '', ...headers } });

describe('the web app', () => {
  it('is served without a token, and the page is revalidated each time', async () => {
    const page = await get('/');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(await page.text()).toContain('BooCode');
  });

  it('caches the parts of the bundle forever, and sends them compressed to clients that accept it', async () => {
    const plain = await get('/assets/app-Ab1_.js');
    expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(plain.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(await plain.text()).toBe(script);
    const compressed = await get('/assets/app-Ab1_.js', { 'accept-encoding': 'br, gzip' });
    expect(compressed.headers.get('content-encoding')).toBe('gzip');
    expect(gunzipSync(await compressed.arrayBuffer()).toString()).toBe(script);
  });

  it('forbids inline script and style, and every foreign source', async () => {
    const policy = (await get('/')).headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; /);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
  });

  it.each(['/assets/none.js', '/assets/..%2fsecret.txt', '/assets/%2e%2e%2findex.html', '/secret.txt', '/assets/'])(
    'has nothing at %s',
    async (path) => {
      expect((await get(path)).status).toBe(404);
    },
  );

  it('says what to do if it was not built', async () => {
    const other = createTestApp({ web: createWebFiles(new URL('file:///nowhere/')) });
    const refused = await other.call('GET', '/');
    expect(refused.status).toBe(404);
    expect(await refused.json()).toMatchObject({ detail: expect.stringContaining('npm run build') as string });
  });
});
