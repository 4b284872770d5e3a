/**
 * The cost of a session with very many entries: importing it, and opening it for its first turn; and the longest time
 * the event loop was blocked.
 *
 *     npm run build && node bench/long-session.mjs [entries]
 */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { fromDist } from './dist.mjs';

const count = Number(process.argv[2] ?? 100_000);
const { openEmbeddedPostgres } = await fromDist('store/embedded-postgres/embedded-postgres.js');
const { openDatabase } = await fromDist('store/database.js');
const { migrate } = await fromDist('store/migrate.js');
const { insertHost } = await fromDist('store/hosts.js');
const { SlowLane } = await fromDist('store/slow-lane.js');
const { Imports } = await fromDist('chats/imports.js');
const { chatSessionStore } = await fromDist('store/chat-session-store.js');
const { createHistoryMapper } = await fromDist('agents/claude/mapping/map-history.js');
const { foldSummary } = await fromDist('agents/claude/fold-summary.js');
const { reconcileTranscript } = await fromDist('agents/claude/files/transcript-file.js');

const root = await mkdtemp(join(tmpdir(), 'boocode-bench-session-'));
const postgres = await openEmbeddedPostgres({ dataDir: join(root, 'data') });
const sql = openDatabase(postgres.url, { max: 4, oneAtATime: true });

async function step(name, work) {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const began = performance.now();
  const result = await work();
  const took = performance.now() - began;
  delay.disable();
  console.log(
    `${name}: ${(took / 1000).toFixed(1)} s, event loop blocked for at most ${(delay.max / 1e6).toFixed(0)} ms`,
  );
  return result;
}

const sessionId = randomUUID();
const base = (index, parentUuid) => ({
  parentUuid,
  isSidechain: false,
  sessionId,
  cwd: root,
  uuid: randomUUID(),
  timestamp: new Date(1.7e12 + index * 1000).toISOString(),
});
function* lines() {
  let parent = null;
  for (let index = 0; index < count; index += 1) {
    const entry = base(index, parent);
    parent = entry.uuid;
    const id = `toolu_${Math.floor(index / 4)}`;
    const message = [
      { role: 'user', content: `Step ${index}: look at it once more` },
      {
        role: 'assistant',
        id: `m${index}`,
        model: 'demo',
        content: [{ type: 'tool_use', id, name: 'Read', input: { file_path: '/x' } }],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'some output '.repeat(30) }] },
      {
        role: 'assistant',
        id: `m${index}`,
        model: 'demo',
        content: [{ type: 'text', text: 'That is what it says. '.repeat(10) }],
      },
    ][index % 4];
    yield JSON.stringify({ ...entry, type: message.role, message });
  }
}

try {
  await migrate(sql);
  const hostId = randomUUID();
  await insertHost(sql, { id: hostId, machine: 'bench', pid: process.pid, pidStarted: '', version: '0' });
  const slow = new SlowLane(sql);
  const agent = { name: 'claude', createHistory: createHistoryMapper, foldSummary };
  const agents = { default: agent, agentFor: () => agent, choose: () => 'claude_sdk' };
  const imports = new Imports({
    slow,
    hostId,
    dataDir: '/nonexistent',
    agents,
    trust: () => Promise.resolve(),
  });
  const cwd = join(root, 'work');
  await mkdir(cwd);
  const { id } = await imports.begin({ sessionId, cwd });
  await step('send', async () => {
    let batch = [];
    for (const line of lines()) {
      batch.push(line);
      if (batch.length < 1000) continue;
      await imports.addLines(id, { lines: batch });
      batch = [];
    }
    await imports.addLines(id, { lines: batch });
  });
  const chat = await step('finish', () => imports.finish(id));
  console.log(`${count} entries, ${chat.head} events`);
  const [{ epoch }] = await sql`select epoch from boocode.chats where id = ${id}`;
  const store = chatSessionStore(sql, { chatId: id, hostId, epoch, nextSeq: 1 }, foldSummary);
  const place = { configDir: join(root, 'config'), cwd, sessionId };
  await step('first opening, the file is written', () => reconcileTranscript(store, place));
  await step('next opening, the file is compared', () => reconcileTranscript(store, place));
} finally {
  await sql.end({ timeout: 5 });
  await postgres.close();
  await rm(root, { recursive: true, force: true });
}
