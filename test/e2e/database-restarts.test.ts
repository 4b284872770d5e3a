import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import { openEmbeddedPostgres } from '../../src/store/embedded-postgres/embedded-postgres.ts';
import { openProgramHome, type ProgramHome } from '../support/program.ts';
import { checkLog, send, type Told, untilQuiet, watch } from '../support/told.ts';
import { readLog } from '../support/turns.ts';
import { until } from '../support/until.ts';

// For a long run: BOOCODE_TEST_RESTARTS=60.
const restarts = Number(process.env['BOOCODE_TEST_RESTARTS'] ?? 4);
const script = 'stream 20 tokens at 400 per second';

let model: DemoModel;
let home: ProgramHome;
let dataDir: string;
beforeAll(async () => {
  model = await startDemoModel();
  dataDir = await mkdtemp(join(tmpdir(), 'boo-pg-'));
  home = await openProgramHome({
    env: { CLAUDE_SDK_BACKEND: '1', ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'sk-demo-0000000000000000' },
  });
});
afterAll(async () => {
  await home.remove();
  await model.close();
  await rm(dataDir, { recursive: true, force: true });
});

test(
  `DATA-4 LOG-1 PROMPT-1 TURN-1: a server under load survives ${restarts} restarts of its database`,
  async () => {
    let postgres = await openEmbeddedPostgres({ dataDir });
    const { url } = postgres;
    const abort = new AbortController();
    try {
      const server = await home.serve('serve', [], { DATABASE_URL: url });
      const { client, program } = server;
      const chats: Told[] = [];
      for (let count = 0; count < 4; count += 1) {
        const { id: chatId } = await client.createChat({ cwd: home.workDir });
        chats.push({ chatId, receipts: new Map(), sent: new Map(), events: [] });
      }
      let isOver = false;
      const load = chats.map(async (told) => {
        watch(client, told, abort.signal, () => undefined).catch(() => undefined);
        for (let number = 0; !isOver; number += 1) {
          await send(client, told, `p${number}`, script);
          // Keeps one prompt waiting behind the running one.
          const finished = (): number => told.events.filter(({ type }) => type === 'turn_finished').length;
          await until(() => finished() >= told.receipts.size - 1 || isOver, { timeoutMs: 120_000, what: 'a turn' });
        }
      });
      for (let count = 0; count < restarts; count += 1) {
        const before = chats.map(({ receipts }) => receipts.size);
        await postgres.close();
        postgres = await openEmbeddedPostgres({ dataDir });
        expect(postgres.url).toBe(url);
        await until(() => chats.some(({ receipts }, at) => receipts.size > before[at]!) || program.exit !== undefined, {
          timeoutMs: 60_000,
          what: 'a receipt after the restart',
        });
        expect({ exit: program.exit, said: program.exit && program.stderr }).toEqual({});
      }
      isOver = true;
      await Promise.all(load);
      await untilQuiet(client, chats, 60_000);
      for (const told of chats) checkLog(await readLog(client, told.chatId), told);
      abort.abort();
      program.kill('SIGTERM');
      expect(await program.ended()).toEqual({ code: 0, signal: null });
    } finally {
      abort.abort();
      await home.endAll();
      await postgres.close();
    }
  },
  120_000 + restarts * 20_000,
);
