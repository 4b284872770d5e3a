// Servers that break one promise each, which the checker has to notice; and the same provocations of the server as it is.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { openDatabase } from '../../src/store/database.ts';
import { createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../support/program.ts';
import { nextEvent } from '../support/turns.ts';
import { until } from '../support/until.ts';
import { openRecordedRun, type RecordedRun } from './broken/recorded-run.ts';

let model: DemoModel;
let database: TestDatabase;
/** Of the two hosts, and of what a test has started. */
const homes: ProgramHome[] = [];
/** The server as it is: two hosts for all tests. */
let whole: ServerProgram;
let other: ServerProgram;
beforeAll(async () => {
  model = await startDemoModel();
  database = await createTestDatabase();
  [whole, other] = await Promise.all([serve(), serve()]);
});
afterAll(async () => {
  await Promise.all(homes.map((home) => home.remove()));
  await database.drop();
  await model.close();
});

let run: RecordedRun;
beforeEach(async () => {
  run = await openRecordedRun();
});
afterEach(async () => {
  await Promise.all(homes.splice(2).map((home) => home.remove()));
  await run.remove();
});

/** Starts a host; one that breaks a promise if that is named. */
async function serve(broken?: string): Promise<ServerProgram> {
  // In the bundle nothing can be replaced.
  const build = () => (broken ? resolve('dist/cli/main.js') : undefined);
  const home = await openProgramHome({ env: warmEnv(model, database), build });
  homes.push(home);
  if (broken === undefined) return home.serve('serve');
  const preload = pathToFileURL(resolve(import.meta.dirname, 'broken/broken-server.mjs')).href;
  return home.serve('serve', [], {
    NODE_OPTIONS: `--import=${preload}`,
    BROKEN_BUILD: resolve('dist'),
    BROKEN_PROMISE: broken,
  });
}

/** Provokes a host that holds a chat with one turn; `head` is the turn's end. */
type Play = (host: ServerProgram, chatId: string, head: number) => Promise<void>;

/** Plays with a host, has the run checked, and returns the kinds of problems. */
async function problemsOf(host: ServerProgram, play: Play): Promise<string[]> {
  const { id: chatId } = await host.client.createChat({ cwd: homes[0]!.workDir, backend: 'claude_sdk' });
  await run.send(host, { chatId, promptId: 'first', text: 'The first prompt' });
  const { seq } = await nextEvent(host.client, chatId, 'turn_finished');
  await play(host, chatId, seq);
  const { problems } = await run.check(whole, chatId);
  return [...new Set(problems.map(({ kind }) => kind))];
}

/** Another host takes the chat and has not written yet, when the one that lost it gets a prompt. */
const loseChat: Play = async (host, chatId, head) => {
  await database.sql`
    update boocode.chats set epoch = epoch + 1, lease_until = clock_timestamp() + interval '1 minute',
      owner_host = (select id from boocode.hosts where id <> owner_host limit 1)
    where id = ${chatId}`;
  // A host that acknowledges it has written. Whether its turn ends depends on when it finds out.
  await run.send(host, { chatId, promptId: 'second', text: 'The second prompt' });
  const [written] = await database.sql<{ count: number }[]>`
    select count(*)::int as count from boocode.events where chat_id = ${chatId} and seq > ${head}`;
  run.note({ kind: 'stale', race: 'prompt', written: written!.count });
};

/** Another host takes the chat, with a prompt; then the one that lost it gets a prompt, too. */
const shareChat: Play = async (host, chatId, head) => {
  await database.sql`
    update boocode.chats set lease_until = clock_timestamp() - interval '1 second' where id = ${chatId}`;
  await run.send(whole, { chatId, promptId: 'second', text: 'The second prompt' });
  await run.send(host, { chatId, promptId: 'third', text: 'The third prompt' });
  const finished = () => database.sql`
    select from boocode.events where chat_id = ${chatId} and seq > ${head} and type = 'turn_finished'`;
  await until(async () => (await finished()).length > 0, { what: 'the end of a turn' });
};

/** A host dies after it was sent a prompt and before that is stored; if it acknowledges that, then after it has. */
const dieBeforeStored =
  ({ isAcknowledged }: { isAcknowledged: boolean }): Play =>
  async (host, chatId) => {
    const blocker = openDatabase(database.url, { max: 1 });
    await blocker.begin(async (sql) => {
      await sql`select from boocode.chats where id = ${chatId} for update`;
      const sending = run.send(host, { chatId, promptId: 'second', text: 'The second prompt' });
      const blocked = (): Promise<{ pid: number }[]> => database.sql`
        select pid from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%next_seq = next_seq +%'`;
      await until(async () => (await blocked()).length > 0, { what: 'the write that waits' });
      if (isAcknowledged) await sending;
      host.program.kill('SIGKILL');
      await host.program.ended();
      await sending;
      for (const { pid } of await blocked()) await database.sql`select pg_terminate_backend(${pid})`;
      await until(async () => (await blocked()).length === 0, { what: 'the end of that write' });
    });
    await blocker.end();
  };

/** A reader leaves, and comes back for another turn. */
const readTwice: Play = async (host, chatId) => {
  const isEnd = ({ type }: { type: string }): boolean => type === 'turn_finished';
  const last = await run.read(host, { chatId, reader: 'r', after: 0 }, isEnd);
  await run.send(host, { chatId, promptId: 'second', text: 'The second prompt' });
  await run.read(host, { chatId, reader: 'r', after: last }, (event) => isEnd(event) && event.seq > last);
};

describe('PROOF-9: the checker notices', () => {
  // The host may just have found out, when it renewed its leases, that the chat is lost.
  const unlessNoticed = { retry: 2 };

  test('that a host writes at an epoch that is over', unlessNoticed, async () => {
    // Its turn is left without an end if it finds out in the middle.
    expect(await problemsOf(await serve('epoch'), loseChat)).toContain('stale');
  });

  test('that two hosts write to one chat', unlessNoticed, async () => {
    // The turn of the stale host goes before a prompt that waits.
    expect(await problemsOf(await serve('fence'), shareChat)).toContain('reordered');
  });

  test('that a receipt comes before its prompt is stored', async () => {
    expect(await problemsOf(await serve('receipt'), dieBeforeStored({ isAcknowledged: true }))).toEqual(['lost']);
  });

  test('that a reader misses an event when it comes back', async () => {
    expect(await problemsOf(await serve('cursor'), readTwice)).toEqual(['hole']);
  });

  test('that a reader starts over when it comes back', async () => {
    expect(await problemsOf(await serve('lost cursor'), readTwice)).toEqual(['again']);
  });
});

describe('PROOF-9: the checker finds no fault in the server as it is', () => {
  test.each([
    ['a host that has lost a chat gets a prompt', loseChat],
    ['two hosts get prompts for one chat', shareChat],
    ['a reader comes back', readTwice],
    ['a host dies before a prompt is stored', dieBeforeStored({ isAcknowledged: false })],
  ])('when %s', async (_, play) => {
    expect(await problemsOf(other, play)).toEqual([]);
  });
});
