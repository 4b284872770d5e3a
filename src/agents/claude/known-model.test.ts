import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { startDemoModel } from '../../demo/demo-model.ts';
import { knowsModel } from './known-model.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('AGENT-22: an unknown model name', () => {
  test('is detected by asking the API that agents use', async () => {
    const model = await startDemoModel({ apiKey: 'k' });
    const env = { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'k' };
    try {
      expect(await knowsModel('no-such-model', env)).toBe(false);
      expect(await knowsModel('claude-opus-5-5', env)).toBe(true);
      expect(await knowsModel('claude-opus-5-5[1m]', env)).toBe(true);
      expect(await knowsModel('../../v1/messages', env)).toBe(false);
      // Aliases are resolved by the program, not by the API.
      for (const alias of ['default', 'opus', 'Sonnet', 'haiku[1m]', 'opusplan']) {
        expect(await knowsModel(alias, env)).toBe(true);
      }
      // The operator's own names are not checked either.
      expect(await knowsModel('mine', { ...env, ANTHROPIC_DEFAULT_HAIKU_MODEL: 'mine' })).toBe(true);
      expect(await knowsModel('mine', { ...env, ANTHROPIC_CUSTOM_MODEL_OPTION: 'mine' })).toBe(true);
      // A wrong key says nothing about the name.
      expect(await knowsModel('no-such-model', { ...env, ANTHROPIC_API_KEY: 'other' })).toBe(true);
    } finally {
      await model.close();
    }
  });

  test('is detected by its form if the API cannot be asked', async () => {
    expect(await knowsModel('claude-sonnet-5-5', {})).toBe(true);
    expect(await knowsModel('no-such-model', {})).toBe(false);
    expect(await knowsModel('no-such-model', { CLAUDE_CODE_OAUTH_TOKEN: 't' })).toBe(false);
  });

  test.each<[string, Record<string, string>]>([
    ['a cloud provider', { CLAUDE_CODE_USE_BEDROCK: '1', ANTHROPIC_API_KEY: 'k' }],
    ['a gateway without a key of ours', { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' }],
    ['a gateway that cannot be reached', { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9', ANTHROPIC_AUTH_TOKEN: 't' }],
  ])('is not reported with %s', async (_, env) => {
    expect(await knowsModel('eu.anthropic.any-name:0', env)).toBe(true);
  });

  test.each<[string, RequestListener]>([
    ['lists none', (_, response) => response.writeHead(404).end('{}')],
    [
      'lists an empty one',
      ({ url }, response) => response.writeHead(url?.includes('?') ? 200 : 404).end('{"data":[]}'),
    ],
    ['answers with a page', (_, response) => response.end('<html>')],
    ['sends elsewhere', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end()],
    ['breaks off', (_, response) => response.destroy()],
  ])('is not reported with a gateway that %s', async (_, listener) => {
    const env = { ANTHROPIC_BASE_URL: await serve(listener), ANTHROPIC_AUTH_TOKEN: 't' };
    expect(await knowsModel('gpt-any', env)).toBe(true);
  });
});
