import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkSandbox } from '../../diagnose-sandbox.ts';
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
