import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { identifyProcess } from '../../src/lib/process-identity.ts';
import { markOf } from '../support/processes.ts';
import { familyOf, leftOf } from './host-processes.ts';

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

describe.runIf(process.platform === 'linux')('PROOF-3: what is left of a killed host', () => {
  test('is what descends from it, and what carries its marks', async () => {
    const script = `sleep 60 & echo $!; wait`;
    const host = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    started.push(host);
    const [line] = (await once(host.stdout, 'data')) as [Buffer];
    const child = Number(line.toString());
    const identity = identifyProcess(host.pid!)!;
    const family = familyOf(identity);
    expect(new Set(family.map(({ pid }) => pid))).toEqual(new Set([host.pid!, child]));
    const [name = '', value = ''] = markOf(identity).split('=');
    const marked = spawn('sleep', ['60'], { env: { ...process.env, [name]: value } });
    started.push(marked);
    await once(marked, 'spawn');
    host.kill('SIGKILL');
    await once(host, 'exit');
    expect(leftOf(identity, family)).toEqual([child, marked.pid!].toSorted((one, other) => one - other));
    process.kill(child, 'SIGKILL');
    marked.kill('SIGKILL');
    await once(marked, 'exit');
    await expect.poll(() => leftOf(identity, family)).toEqual([]);
  });
});
