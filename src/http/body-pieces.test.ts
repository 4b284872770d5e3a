import { expect, test } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { bodyPieces, readBody } from './body-pieces.ts';

test('a body that was read whole can be read again, within the limit of whoever reads it', async () => {
  const request = new Request('http://localhost/', { method: 'POST', body: 'a body' });
  const options = { limitBytes: 6, clock: systemClock };
  expect(Buffer.from(await readBody(request, options)).toString()).toBe('a body');
  expect(Buffer.from(await readBody(request, options)).toString()).toBe('a body');
  const pieces = bodyPieces(request, { ...options, limitBytes: 5 });
  await expect(pieces.next()).rejects.toMatchObject({ code: 'payload_too_large' });
});
