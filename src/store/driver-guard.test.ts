import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const script = `
  const { guardDriver } = await import(process.argv[1]);
  guardDriver({ error: (_, message) => console.log(message) });
  void Promise.reject(eval(process.argv[2]));
  setTimeout(() => console.log('alive'), 0);
`;
const run = (rejection: string): { status: number | null; stdout: string } =>
  spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', script, resolve('dist/store/driver-guard.js'), rejection],
    { encoding: 'utf8', timeout: 60_000 },
  );

describe('DATA-4: an unhandled rejection', () => {
  test.each([
    ['of a broken connection', `Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' })`],
    ['of the server', `Object.assign(new Error('query_wait_timeout'), { name: 'PostgresError', code: '08P01' })`],
  ])('%s is logged, and the process goes on', (_, rejection) => {
    const { status, stdout } = run(rejection);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'The database driver rejected an unhandled promise.\nalive\n',
    });
  });

  test('of anything else ends the process', () => {
    expect(run(`new TypeError('a mistake')`)).toMatchObject({ status: 1, stdout: '' });
  });
});
