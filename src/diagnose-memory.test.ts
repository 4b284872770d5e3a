import { expect, test } from 'vitest';
import type { Config } from './config.ts';
import { checkMemory } from './diagnose-memory.ts';

const mb = 1024 * 1024;
const check = (availableMb: number | null, agentMb = 250) =>
  checkMemory({ startsAtOnce: null, agentMemoryBytes: agentMb * mb, reserveMemoryBytes: null } as Config, () =>
    availableMb === null ? null : { totalBytes: 8_000 * mb, availableBytes: availableMb * mb, stalledPercent: null },
  );

test('HOST-25: doctor says for how many agents the memory is enough, and warns when it is tight', () => {
  expect(check(1_800)).toMatchObject({
    status: 'ok',
    message: '1800 MB of 8000 MB are free, and 800 MB stay so: enough for 4 agents.',
  });
  expect(check(1_799)).toMatchObject({
    status: 'warn',
    message: '1799 MB of 8000 MB are free, and 800 MB stay so: enough for 3 agents.',
    fix: expect.stringContaining('--reserve-memory-mb') as string,
  });
  expect(check(1_050)?.message).toContain('enough for 1 agent.');
  expect(check(900)?.message).toContain('no agent can start');
});

test('HOST-25: it says so where nothing limits agents', () => {
  expect(check(null)).toMatchObject({ status: 'ok' });
  expect(check(10, 0)).toMatchObject({ status: 'ok' });
});
