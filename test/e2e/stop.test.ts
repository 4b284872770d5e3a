import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { markOf, processesNaming, processesWith } from '../support/processes.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';
import { eventsOf, nextEvent, readLog, runTurn } from '../support/turns.ts';
import { until } from '../support/until.ts';

let model: DemoModel;
let home: ProgramHome;

beforeAll(async () => {
  model = await startDemoModel();
  home = await openHome();
});
afterEach(() => home.endAll());
afterAll(async () => {
  await home.remove();
  await model.close();
});

function openHome(): Promise<ProgramHome> {
  return openProgramHome({
    env: {
      CLAUDE_SDK_BACKEND: '1',
      BOOCODE_LOG_LEVEL: 'error',
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
    },
  });
}

const postgresOf = (dataDir: string) => processesNaming(join(dataDir, 'postgres'));

test('TURN-1 AGENT-4: Ctrl-C reaches only the server, which ends everything cleanly', async () => {
  const server = await home.serve('serve');
  const chat = await server.client.createChat({ cwd: home.workDir });
  await server.client.prompt(chat.id, { content: 'hold' });
  await nextEvent(server.client, chat.id, 'turn_started');
  const mark = markOf(server.program.identity);

  server.program.pressCtrlC();
  expect(await server.program.ended()).toEqual({ code: 0, signal: null });
  expect(server.program.stderr).toBe('');
  expect(processesWith(mark)).toEqual([]);
  expect(postgresOf(home.dataDir)).toEqual([]);

  const next = await home.serve('serve');
  expect(eventsOf(await readLog(next.client, chat.id), 'turn_finished')).toMatchObject([{ outcome: 'interrupted' }]);
});

describe('SIGTERM', () => {
  test('TURN-1 PROMPT-4 DATA-1 AGENT-4: in the middle of a turn ends everything cleanly, and the turn as interrupted', async () => {
    const server = await home.serve('serve');
    const chat = await server.client.createChat({ cwd: home.workDir });
    await server.client.prompt(chat.id, { content: 'run: env sleep 600' });
    const asked = await nextEvent(server.client, chat.id, 'decision_requested');
    await server.client.decide(asked.decisionId, { outcome: 'allow' });
    const mark = markOf(server.program.identity);
    await until(() => processesWith(mark).some((each) => each.command.startsWith('sleep 600')));
    await server.client.prompt(chat.id, { id: 'waits', content: 'who are you' });

    server.program.kill('SIGTERM');
    expect(await server.program.ended()).toEqual({ code: 0, signal: null });
    expect(processesWith(mark)).toEqual([]);
    expect(postgresOf(home.dataDir)).toEqual([]);
    expect(existsSync(join(home.dataDir, 'server.json'))).toBe(false);

    const next = await home.serve('serve');
    const log = await readLog(next.client, chat.id);
    const [first] = eventsOf(log, 'turn_finished');
    expect(first).toMatchObject({ outcome: 'interrupted' });
    expect(first?.error).toBeUndefined();
    // The waiting prompt runs automatically.
    expect(await nextEvent(next.client, chat.id, 'turn_finished', { after: first?.seq ?? 0 })).toMatchObject({
      outcome: 'completed',
    });
  });

  test('PROMPT-1: ends the server immediately if sent twice, and nothing is lost', async () => {
    const server = await home.serve('serve');
    const chat = await server.client.createChat({ cwd: home.workDir });
    await runTurn(server.client, chat.id, 'think');
    // The first signal gives an unfinished request some seconds.
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const head = ['POST /v1/chats HTTP/1.1', `host: ${hostname}`, `authorization: Bearer ${server.token}`];
    socket.write([...head, 'content-type: application/json', 'content-length: 100', '', '{'].join('\r\n'));
    // Once this request is answered, the server has received the unfinished one.
    await server.client.health();
    server.program.kill('SIGTERM');
    await until(() =>
      fetch(`${server.url}/healthz`).then(
        () => false,
        () => true,
      ),
    );
    expect(server.program.exit).toBeUndefined();
    server.program.kill('SIGTERM');
    expect(await server.program.ended(3_000)).toEqual({ code: 1, signal: null });
    socket.destroy();
    await until(() => processesWith(markOf(server.program.identity)).length === 0);

    const next = await home.serve('serve');
    expect((await runTurn(next.client, chat.id, 'what did I say')).text).toContain('"think"');
  });
});

describe('a first start that is interrupted', () => {
  let fresh: ProgramHome;
  beforeEach(async () => {
    fresh = await openHome();
  });
  afterEach(() => fresh.remove());

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'DATA-1: by %s leaves nothing that prevents the next one',
    async (signal) => {
      const first = fresh.start(['serve']);
      await until(() => postgresOf(fresh.dataDir).length > 0, { what: 'the making of the cluster' });
      first.kill(signal);
      const exit = await first.ended();
      expect(exit).toEqual(signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal });
      await until(() => postgresOf(fresh.dataDir).length === 0, { what: 'the end of every process of the database' });
      const next = await fresh.serve('serve');
      expect(await next.client.createChat({ cwd: fresh.workDir })).toMatchObject({ head: 0 });
      next.program.kill('SIGTERM');
      expect(await next.program.ended()).toEqual({ code: 0, signal: null });
    },
  );
});

test('DATA-2: a second server on the same data directory is refused in one sentence', async () => {
  const first = await home.serve('serve');
  const second = await home.run(['serve']);
  expect(second).toEqual({
    code: 1,
    signal: null,
    stdout: '',
    stderr: expect.stringMatching(
      /^error: The data directory \S+ is in use by another BooCode \(process \d+\): .+\.\n$/,
    ) as string,
  });
  expect(second.stderr).toContain(`process ${first.program.identity.pid}`);
  // The first one is unaffected, and clients still find it.
  expect(await home.run(['ls', '--json'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\[/) as string });
});
