// The real program on both engines; only the model is scripted.
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endOf, ofType, openSession, runTurn, textIn } from '../../../test/contract/agent-backend.ts';
import { openPtyHarness, type PtyHarness } from '../../../test/support/pty-harness.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { denyRules } from './kept-files.ts';

const secret = 'the-token-of-the-server';
let root: string;
let dataDir: string;
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-kept-')));
  dataDir = join(root, 'data[1](the)?');
  await mkdir(join(dataDir, 'postgres'), { recursive: true });
  await writeFile(join(dataDir, 'token'), `${secret}\n`);
  await writeFile(join(dataDir, 'postgres', 'password'), `${secret}\n`);
  await symlink(dataDir, join(root, 'link'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe.each([
  ['claude_sdk', openSdkHarness],
  ['claude_pty', openPtyHarness],
] as const)('AGENT-15 on %s', (name, openHarness) => {
  let harness: SdkHarness | PtyHarness;
  beforeAll(async () => {
    // As in a demo: the program’s own directory is inside the server’s.
    harness = await openHarness({ dataDir, env: { CLAUDE_CONFIG_DIR: join(dataDir, 'claude') } });
    await symlink(dataDir, join(harness.cwd, 'near'));
    await mkdir(join(harness.cwd, '.claude'));
    const allowed = { permissions: { allow: ['Read', 'Edit', 'Bash'] } };
    await writeFile(join(harness.cwd, '.claude', 'settings.json'), JSON.stringify(allowed));
  });
  afterAll(() => harness.close());

  const modelHasSeen = (text: string): boolean => JSON.stringify(harness.model.requests).includes(text);

  /** Checks that nobody is asked, the call fails, and no content reaches the model. */
  async function expectDenied(prompts: readonly string[], spec: Parameters<typeof openSession>[1] = {}): Promise<void> {
    const session = await openSession(harness, spec);
    const seen = [];
    for (const prompt of prompts) {
      const turn = await runTurn(session, prompt, { answer: () => ({ outcome: 'deny' }) });
      const status = ofType(turn, 'tool_call_update').at(-1)?.status;
      seen.push({ prompt, status, asked: ofType(turn, 'decision_requested').length });
    }
    expect(seen).toEqual(prompts.map((prompt) => ({ prompt, status: 'failed', asked: 0 })));
    expect(modelHasSeen(secret)).toBe(false);
    await session.handle.close();
  }

  test('a file tool cannot read or write the server’s files by any path, and nobody is asked', async () => {
    const files = ['near/token', 'near/postgres/password', `${root}/link/token`, '/proc/self/environ'];
    await expectDenied([...files.map((file) => `read ${file}`), 'write near/token: mine']);
    expect(await readFile(join(dataDir, 'token'), 'utf8')).toBe(`${secret}\n`);
  });

  test('a command that names them is denied, even if everything else is allowed', async () => {
    const commands = [
      `cat '${dataDir}/token'`,
      'cat near/token',
      `grep -r token '${dataDir}/postgres'`,
      `echo mine > near/token`,
      'cat /proc/1/environ',
    ];
    await expectDenied(
      commands.map((command) => `run: ${command}`),
      { trusted: true },
    );
    expect(await readFile(join(dataDir, 'token'), 'utf8')).toBe(`${secret}\n`);
  });

  test.runIf(name === 'claude_sdk')('both are denied even if permissions are bypassed', async () => {
    await expectDenied(['read near/token', 'run: cat near/token'], { permissionMode: 'bypassPermissions' });
    expect(await readFile(join(dataDir, 'token'), 'utf8')).toBe(`${secret}\n`);
  });

  test('a prompt that mentions one of them does not include it', async () => {
    const session = await openSession(harness);
    await runTurn(session, `what did I say @near/token`);
    expect(modelHasSeen(secret)).toBe(false);
    await session.handle.close();
  });

  test('the program’s own directory is accessible, although it is inside', async () => {
    const session = await openSession(harness, { permissionMode: 'plan' });
    const turn = await runTurn(session, 'make a plan', { answer: () => ({ outcome: 'allow' }) });
    expect(endOf(turn).outcome).toBe('completed');
    expect(textIn(turn)).toContain('The plan is approved');
    await session.handle.close();
  });
});

describe('AGENT-15: the rules', () => {
  test('cover the whole data directory if the program’s own is elsewhere', () => {
    expect(denyRules({ dataDir, configDir: root })).toEqual(
      expect.arrayContaining(['Read', 'Edit'].map((tool) => `${tool}(/${root}/data\\[1\\](the)?/**)`)),
    );
  });

  test.each([
    ['within', 'data', 'data/one/claude', ['data/one/other', 'data/token']],
    ['the same', 'data', 'data', ['data/one', 'data/token']],
  ])('cover everything else in it if that is %s', async (_, data, config, kept) => {
    const place = join(root, 'rules');
    await mkdir(join(place, 'data', 'one', 'claude'), { recursive: true });
    await mkdir(join(place, 'data', 'one', 'other'), { recursive: true });
    await writeFile(join(place, 'data', 'token'), '');
    const rules = denyRules({ dataDir: join(place, data), configDir: join(place, config) });
    const paths = rules.flatMap((rule) => /^Read\(\/(.*)\/\*\*\)$/.exec(rule)?.[1] ?? []);
    expect(paths.toSorted()).toEqual(kept.map((path) => join(place, path)));
  });
});
