// Tries everything that the demo suggests, on a server as `boocode demo` starts it, on both engines.
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { hints } from '../../src/demo/text-scripts.ts';
import type { RunningServer } from '../../src/server-options.ts';
import { startServer } from '../../src/start-server.ts';
import { backendNames } from '../support/backend-names.ts';
import { type BooClient, createClient } from '../../src/client/client.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { eventsOf, runTurn, type TurnOptions } from '../support/turns.ts';

let root: string;
let database: TestDatabase;
let server: RunningServer;
let client: BooClient;

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-hints-')));
  database = await createTestDatabase();
  const { PATH = '' } = process.env;
  const flags = { port: '0', 'data-dir': join(root, 'data'), 'database-url': database.url, 'log-level': 'silent' };
  const config = readConfig({ flags, env: { PATH, HOME: root, IS_SANDBOX: '1' } });
  server = await startServer(config, { demo: true });
  client = createClient({ url: server.url, token: server.token, clientName: 'test' });
});
afterAll(async () => {
  await server.close();
  await database.drop();
  await rm(root, { recursive: true, force: true });
});

const answer: TurnOptions['answer'] = ({ kind, input }) =>
  kind === 'question'
    ? { outcome: 'allow', input: { ...input, answers: { 'Which colour should the example have?': 'Green' } } }
    : { outcome: 'allow' };

const whatFailed = /not go through|could not|I can only|has no tool|not a real model, and I only/;

describe.each(backendNames)('CLI-3: in a new chat of the demo, on %s', (backend) => {
  let chatId: string;
  beforeAll(async () => {
    const cwd = join(root, backend);
    await mkdir(cwd);
    ({ id: chatId } = await client.createChat({ cwd, backend }));
  });

  test.each(hints)('“%s” does what it says', async (hint) => {
    const { finished, text, events } = await runTurn(client, chatId, hint, { answer });
    expect(finished).toMatchObject({ outcome: 'completed' });
    expect(text).not.toMatch(whatFailed);
    expect(text).not.toBe('');
    expect(eventsOf(events, 'tool_call_update').filter(({ status }) => status === 'failed')).toEqual([]);
  });
});
