import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FakeInput } from '../../test/support/fake-terminal.ts';
import { startCommand } from '../../test/support/start-command.ts';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';
import { until } from '../../test/support/until.ts';

let stub: StubServer;
beforeEach(async () => (stub = await openStubServer()));
afterEach(() => stub.close());

async function run(words: string[], input?: FakeInput) {
  const { terminal, exitCode } = startCommand(stub, words, input);
  return { code: await exitCode, out: terminal.stdout, err: terminal.stderr };
}
const asked = (): string[] => stub.requests.filter((request) => request.includes('agent-sign-in'));

describe('CLI-18: boocode login', () => {
  it('shows the page’s address, and passes on the code from the page', async () => {
    const { code, out } = await run(['login'], { lines: [' the-code#state '] });
    expect(code).toBe(0);
    expect(out).toContain('\nhttps://claude.example/authorize?state=s\n');
    expect(out).toContain('Claude is signed in on the server.\n');
    expect(stub.signInCodes).toEqual(['the-code#state']);
  });

  it.each([[null], ['']])('ends the sign-in if no code is entered (%j)', async (line) => {
    const { code, err } = await run(['login'], { lines: [line] });
    expect([code, err]).toEqual([1, 'error: No code was entered: nobody is signed in.\n']);
    expect(asked()).toEqual(['POST /v1/agent-sign-in', 'DELETE /v1/agent-sign-in']);
  });

  it('ends the sign-in at Ctrl-C, and exits with 130', async () => {
    const { terminal, exitCode } = startCommand(stub, ['login', '--console']);
    await until(() => terminal.asking);
    terminal.press();
    expect(await exitCode).toBe(130);
    expect(asked().at(-1)).toBe('DELETE /v1/agent-sign-in');
  });
});
