import { describe, expect, it } from 'vitest';
import { silentLog } from '../lib/log.ts';
import { createTestApp } from '../../test/support/test-app.ts';
import { createAccess } from './access.ts';
import { createDoor } from './door.ts';

const ask = async (door: ReturnType<typeof createDoor>, path: string, host = 'localhost') => {
  const response = await door.fetch(new Request(`http://${host}${path}`, { headers: { host } }), {});
  return { status: response.status, body: JSON.parse(await response.text()) as unknown };
};

describe('CLI-7: until the server is ready', () => {
  it('every request gets the advice to retry, and health says why', async () => {
    const door = createDoor({ access: createAccess({ token: 'unused' }), log: silentLog });
    const health = { name: 'boocode', status: 'unavailable', reason: 'starting', message: 'The server is starting.' };
    expect(await ask(door, '/healthz')).toEqual({ status: 503, body: health });
    for (const path of ['/', '/v1/chats', '/nowhere']) {
      expect(await ask(door, path)).toMatchObject({ status: 503, body: { code: 'starting' } });
    }
    expect(await ask(door, '/healthz', 'evil.example')).toMatchObject({
      status: 403,
      body: { code: 'forbidden_host' },
    });
    door.open(createTestApp().app);
    expect(await ask(door, '/healthz')).toEqual({ status: 200, body: { name: 'boocode', status: 'ok' } });
  });
});
