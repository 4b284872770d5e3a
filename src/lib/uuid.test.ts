import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { isUuidV7, uuidV7 } from './uuid.ts';

test('an id of version 7 begins with its time, and is told from one of version 4', () => {
  const id = uuidV7(0x0123_4567_89ab);
  expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(isUuidV7(id)).toBe(true);
  expect(isUuidV7(randomUUID())).toBe(false);
  expect(isUuidV7(`${id}0`)).toBe(false);
  expect(isUuidV7(undefined)).toBe(false);
});

test('ids are unique', () => {
  const ids = Array.from({ length: 1000 }, () => uuidV7(0));
  expect(new Set(ids).size).toBe(1000);
});
