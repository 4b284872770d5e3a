import { expect, test } from 'vitest';
import { images, pngOf } from '../../test/support/images.ts';
import { createTestApp } from '../../test/support/test-app.ts';

const app = createTestApp();

async function sent(...data: string[]): Promise<{ status: number; body: Record<string, unknown> }> {
  const chat = await app.chats.createChat({ cwd: '/work' });
  const content = data.map((each) => ({ type: 'image', mimeType: 'image/png', data: each }));
  const response = await app.call('POST', `/v1/chats/${chat.id}/prompts`, {
    body: { content: [{ type: 'text', text: 'Look' }, ...content] },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const bmp = Buffer.from('BM6\0\0\0\0\0\0\0\u0036\0\0\0').toString('base64');

test.each([
  ['rubbish', Buffer.from('only text').toString('base64'), 'is not a PNG, JPEG, GIF or WebP image'],
  ['a BMP', bmp, 'is not a PNG, JPEG, GIF or WebP image'],
  ['its first bytes alone', pngOf().subarray(0, 8).toString('base64'), 'is truncated'],
])('ACCESS-13: an invalid image is refused with the name of its field: %s', async (_what, data, problem) => {
  const { status, body } = await sent(pngOf().toString('base64'), data);
  expect([status, body['detail'], body['field']]).toEqual([400, `content[2].data: ${problem}`, 'content[2].data']);
});

test('ACCESS-13: an image is accepted whatever image format its media type names', async () => {
  const all = [pngOf().toString('base64'), ...Object.values(images)];
  expect((await sent(...all)).status).toBe(202);
});
