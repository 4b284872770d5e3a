import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createTestApp, testToken } from '../../test/support/test-app.ts';
import { until } from '../../test/support/until.ts';

/** A request whose body the test sends piece by piece. */
function slowRequest(path: string) {
  const clock = new ManualClock();
  const test = createTestApp({ clock });
  let body!: ReadableStreamDefaultController<Uint8Array>;
  let taken = 0;
  const stream = new ReadableStream<Uint8Array>(
    { start: (controller) => void (body = controller), pull: () => void (taken += 1) },
    { highWaterMark: 0 },
  );
  const init: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { host: 'localhost', 'content-type': 'application/json', authorization: `Bearer ${testToken}` },
    body: stream,
    duplex: 'half',
  };
  let status = 0;
  const answer = Promise.resolve(test.app.request(path, init)).then((response) => {
    status = response.status;
    return response.json() as Promise<{ code: string }>;
  });
  return {
    clock,
    answer,
    isAnswered: () => status !== 0,
    status: () => status,
    async send(text: string) {
      const before = taken;
      await until(() => clock.nextMs !== null);
      body.enqueue(Buffer.from(text));
      await until(() => taken > before || status !== 0);
    },
    end: () => body.close(),
  };
}

describe('ACCESS-8: a body', () => {
  it.each(['/v1/sign-in', '/v1/chats'])('that trickles is cut off after ten seconds: %s', async (path) => {
    const request = slowRequest(path);
    await request.send('{"c');
    request.clock.advance(9_999);
    await request.send('o');
    expect(request.isAnswered()).toBe(false);
    request.clock.advance(1);
    expect((await request.answer).code).toBe('request_timeout');
    expect(request.status()).toBe(408);
    // No timer is left once the log's minute is over.
    request.clock.advance(60_000);
    expect(request.clock.nextMs).toBeNull();
  });

  it('that trickles is cut off even after much of it has arrived', async () => {
    const request = slowRequest('/v1/chats/11111111-1111-4111-8111-111111111111/prompts');
    await request.send(`{"content":"${'x'.repeat(1_000_000)}`);
    request.clock.advance(10_000);
    await request.send('x');
    request.clock.advance(10_000);
    expect((await request.answer).code).toBe('request_timeout');
  });

  it('that keeps the pace gets through, however long it takes', async () => {
    const request = slowRequest('/v1/chats/11111111-1111-4111-8111-111111111111/prompts');
    await request.send('{"content":"');
    for (let minute = 0; minute < 60; minute += 1) {
      await request.send('x'.repeat(11_000));
      request.clock.advance(10_000);
    }
    await request.send('"}');
    request.end();
    expect((await request.answer).code).toBe('not_found');
    request.clock.advance(60_000);
    expect(request.clock.nextMs).toBeNull();
  });
});
