import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseSandboxDirectory } from '../../chats/sandbox-floor.ts';
import { checkSandbox, limitsNetwork } from '../../diagnose-sandbox.ts';
import { sandboxInForce } from '../../protocol/sandbox.ts';
import { look } from './bubblewrap.ts';

test('SANDBOX-4: what is missing is said, with what to do', () => {
  expect(look('/usr/bin/bwrap', 'darwin')).toMatchObject({ reason: 'A sandbox needs Linux.' });
  expect(look(null, 'linux')).toMatchObject({
    reason: 'bubblewrap is not installed.',
    fix: expect.stringContaining('apt-get install bubblewrap') as string,
  });
  const directory = mkdtempSync(join(tmpdir(), 'boocode-bwrap-'));
  try {
    const program = join(directory, 'bwrap');
    writeFileSync(program, '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n');
    chmodSync(program, 0o755);
    expect(look(program, 'linux')).toMatchObject({
      reason: 'bubblewrap does not run here (bwrap: No permissions to create new namespace).',
      fix: expect.stringContaining('user namespaces') as string,
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('SANDBOX-4: doctor says what this machine can do, and fails only if a sandbox is required', () => {
  const missing = { reason: 'bubblewrap is not installed.', fix: 'Install it.' };
  const open = { sandboxNetwork: 'open', sandboxHosts: [] } as const;
  expect(checkSandbox({ ...open, sandbox: 'off' }, { path: '/usr/bin/bwrap' })).toMatchObject({ status: 'ok' });
  expect(checkSandbox({ ...open, sandbox: 'off' }, missing)).toMatchObject({ status: 'ok' });
  expect(checkSandbox({ ...open, sandbox: 'preferred' }, missing)).toMatchObject({
    status: 'warn',
    fix: 'Install it.',
  });
  expect(checkSandbox({ ...open, sandbox: 'required' }, missing)).toMatchObject({ status: 'fail', fix: 'Install it.' });
});

test('SANDBOX-10: doctor says what is set for directories, and what of it cannot hold', () => {
  const missing = { reason: 'bubblewrap is not installed.', fix: 'Install it.' };
  const check = (rule: string, found: Parameters<typeof checkSandbox>[1] = { path: '/usr/bin/bwrap' }) =>
    checkSandbox(
      { sandbox: 'off', sandboxNetwork: 'open', sandboxHosts: [], sandboxDirectories: [parseSandboxDirectory(rule)!] },
      found,
    );
  const says = (words: string) => expect.stringContaining(words) as string;
  expect(check('/tmp=required:off')).toMatchObject({
    status: 'ok',
    message: says('In /tmp it is at least required:off.'),
  });
  expect(check('/tmp=required', missing)).toMatchObject({ status: 'fail', message: says('No agent starts in /tmp') });
  expect(check('/tmp=preferred', missing)).toMatchObject({
    status: 'warn',
    message: says('without a sandbox in /tmp'),
  });
  expect(check('/tmp=off:off')).toMatchObject({ status: 'warn', message: says('need not have one') });
  expect(check('/nowhere/at/all=required')).toMatchObject({ status: 'warn', message: says('does not exist') });
  const open = { sandbox: 'off', sandboxNetwork: 'open', sandboxHosts: [] } as const;
  const limits = (rule: string) => limitsNetwork({ ...open, sandboxDirectories: [parseSandboxDirectory(rule)!] });
  expect([limitsNetwork(open), limits('/a=required'), limits('/a=required:limited')]).toEqual([false, false, true]);
});

test.each([
  ['off', null, 'off'],
  ['off', 'preferred', 'preferred'],
  ['preferred', 'off', 'preferred'],
  ['preferred', 'required', 'required'],
  ['required', 'off', 'required'],
  ['required', null, 'required'],
] as const)('SANDBOX-1: of %s for the server and %s for a chat, %s applies', (ofServer, ofChat, inForce) => {
  expect(sandboxInForce(ofServer, ofChat)).toBe(inForce);
});
