/**
 * Kills hosts and databases while prompts are handed to agents and stored at the same time, and checks that each prompt
 * runs once, and none before it is stored.
 *
 * The failpoint is a lock on the table of prompts: a write waits there as long as wanted, and the agents have the prompts
 * already. Each chat's prompt has its agent add a line to a file, without asking anybody.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type DemoModel, startDemoModel } from '../../../src/demo/demo-model.ts';
import { openDatabase, type Sql } from '../../../src/store/database.ts';
import { createGate } from '../gate.ts';
import { type OwnPostgres, startOwnPostgres } from '../own-postgres.ts';
import { openProgramHome, type ProgramHome, type ServerProgram, warmEnv } from '../program.ts';
import { randomOf } from '../random.ts';
import { until } from '../until.ts';

const endings = ['host', 'database', 'host and database'] as const;

export interface PromptChaosOptions {
  chats: number;
  /** Rounds go on until so many prompts were cut off. */
  prompts: number;
  seed: number;
  readonly tell: (line: string) => void;
  signal?: AbortSignal;
}

export interface PromptChaosReport {
  /** Prompts that were on their way when their host or database was killed. */
  prompts: number;
  /** By what was killed, and whether their write was held back at that moment. */
  cutOff: Record<string, number>;
  /** Of these: not stored at that moment, although their agent had been handed them, and the model was asked. */
  askedUnstored: number;
  violations: string[];
  seconds: number;
}

interface PlayedChat {
  readonly id: string;
  readonly file: string;
  /** The words of every prompt so far. */
  readonly words: string[];
}

export async function runPromptChaos(options: PromptChaosOptions): Promise<PromptChaosReport> {
  const model = await startDemoModel({ keepRequests: 100_000 });
  const postgres = await startOwnPostgres();
  const home = await openProgramHome({ env: warmEnv(model, postgres) });
  try {
    return await new PromptChaos(options, { model, postgres, home }).run();
  } finally {
    await home.remove();
    await postgres.close();
    await model.close();
  }
}

class PromptChaos {
  readonly #options: PromptChaosOptions;
  readonly #model: DemoModel;
  readonly #postgres: OwnPostgres;
  readonly #home: ProgramHome;
  readonly #random: () => number;
  readonly #chats: PlayedChat[] = [];
  readonly #report: PromptChaosReport = { prompts: 0, cutOff: {}, askedUnstored: 0, violations: [], seconds: 0 };
  #server!: ServerProgram;

  constructor(
    options: PromptChaosOptions,
    { model, postgres, home }: { model: DemoModel; postgres: OwnPostgres; home: ProgramHome },
  ) {
    this.#options = options;
    this.#model = model;
    this.#postgres = postgres;
    this.#home = home;
    this.#random = randomOf(options.seed);
  }

  async run(): Promise<PromptChaosReport> {
    const beganAt = performance.now();
    const { chats, prompts, tell, signal } = this.#options;
    this.#server = await this.#home.serve('serve');
    for (let index = 0; index < chats; index += 1) this.#chats.push(await this.#openChat(index));
    for (let round = 1; this.#report.prompts < prompts && !signal?.aborted; round += 1) {
      const before = this.#report.violations.length;
      const what = await this.#playRound(round);
      const found = this.#report.violations.slice(before);
      tell(`${this.#report.prompts}/${prompts} ${what}: ${found.length === 0 ? 'ok' : `VIOLATED: ${found.join(' ')}`}`);
    }
    await this.#checkTranscripts();
    this.#report.seconds = Math.round((performance.now() - beganAt) / 1000);
    return this.#report;
  }

  async #openChat(index: number): Promise<PlayedChat> {
    const cwd = join(this.#home.workDir, `chat-${index}`);
    await mkdir(cwd);
    const { client } = this.#server;
    const { id } = await client.createChat({ cwd, backend: 'claude_sdk', permissionMode: 'bypassPermissions' });
    return { id, file: join(cwd, 'ran'), words: [] };
  }

  async #playRound(round: number): Promise<string> {
    const ending = endings[round % endings.length]!;
    const isHeld = this.#random() < 0.5;
    // Long enough for an agent that does not wait to run its command; or else anywhere in what usually happens at once.
    const waitMs = this.#random() * (isHeld ? 600 : 40);
    // An agent takes a prompt early once it has been seen to ask about one.
    await Promise.all(this.#chats.map(({ id }) => this.#finish(id, randomUUID(), 'stream 1 tokens')));

    const asked = this.#model.requests.length;
    const release = isHeld ? await holdWrites(this.#postgres.url) : () => Promise.resolve();
    const sent = this.#chats.map((chat) => {
      const words = `call Bash: ${JSON.stringify({ command: `echo ${round} >> ${chat.file}`, description: 'd' })}`;
      chat.words.push(words);
      return { chat, id: randomUUID(), words };
    });
    const tries = sent.map(({ chat, id, words }) => this.#send(chat.id, id, words).catch(() => undefined));
    if (isHeld) await until(async () => (await countHeld(this.#postgres.sql)) >= Math.min(sent.length, 4));
    await delay(waitMs);

    // What a held write has not stored, nobody has.
    const askedEarly = isHeld ? sent.filter(({ words }) => this.#wasAsked(words, asked)) : [];
    const hostDies = ending !== 'database';
    if (hostDies) this.#server.program.kill('SIGKILL');
    for (const { chat } of askedEarly) this.#violate(round, chat, 'The model was asked before it was stored.');
    // Without a word to anybody, in the middle of what it does.
    if (ending !== 'host') await this.#postgres.stop('SIGQUIT');
    if (hostDies) await this.#server.program.ended();
    await release();
    await this.#postgres.start();
    const stored = hostDies ? await this.#storedNow(sent.map(({ id }) => id)) : undefined;
    if (stored) {
      const unstored = sent.filter(({ id }) => !stored.has(id));
      for (const { chat } of unstored)
        if (countOf(chat.file, round) > 0) this.#violate(round, chat, 'It ran, and was never stored.');
      this.#report.askedUnstored += unstored.filter(({ words }) => this.#wasAsked(words, asked)).length;
      this.#server = await this.#home.serve('serve');
    }
    await Promise.all(tries);
    // The client tries again, as every client does.
    await Promise.all(
      sent.map(async ({ chat, id, words }) => {
        const outcome = await this.#finish(chat.id, id, words);
        const ran = countOf(chat.file, round);
        if (ran > 1) this.#violate(round, chat, `It ran ${ran} times.`);
        if (ran === 0 && outcome === 'completed') this.#violate(round, chat, 'It completed, and did not run.');
        if (stored?.has(id) === false && outcome !== 'completed') this.#violate(round, chat, `It ended as ${outcome}.`);
        if (!hostDies && outcome !== 'completed') this.#violate(round, chat, `It ended as ${outcome}.`);
      }),
    );
    const kind = `${ending}, write ${isHeld ? 'held' : 'free'}`;
    this.#report.prompts += sent.length;
    this.#report.cutOff[kind] = (this.#report.cutOff[kind] ?? 0) + sent.length;
    return `round ${round}: ${kind}, after ${waitMs.toFixed(0)} ms`;
  }

  /** Whether a request since then contains the prompt. */
  #wasAsked(words: string, since: number): boolean {
    return this.#model.requests.slice(since).some(({ body }) => JSON.stringify(body).includes(inJson(words)));
  }

  /** Sends it until it is acknowledged, and resolves with the outcome of its turn. */
  async #finish(chatId: string, id: string, words: string): Promise<string | null> {
    await until(() => this.#send(chatId, id, words), { timeoutMs: 60_000, what: 'an acknowledgement' });
    let outcome: string | null = null;
    await until(
      async () => {
        const [row] = await this.#postgres.sql<{ outcome: string | null }[]>`
          select turns.outcome from boocode.prompts join boocode.turns on turns.id = prompts.turn_id
          where prompts.id = ${id}`;
        outcome = row?.outcome ?? null;
        return outcome !== null;
      },
      { timeoutMs: 90_000, what: `the end of a turn in ${chatId}` },
    );
    return outcome;
  }

  /** Whether it was acknowledged. */
  async #send(chatId: string, id: string, content: string): Promise<boolean> {
    const { url, token } = this.#server;
    const response = await fetch(`${url}/v1/chats/${chatId}/prompts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id, content: [{ type: 'text', text: content }] }),
    }).catch(() => undefined);
    await response?.text();
    return response?.ok === true;
  }

  async #storedNow(ids: readonly string[]): Promise<ReadonlySet<string>> {
    const { sql } = this.#postgres;
    // A write of the dead host may still be waiting for its turn in the database.
    await until(
      async () => {
        const [row] = await sql<{ busy: number }[]>`
          select count(*)::int as busy from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid() and state = 'active'`;
        return row?.busy === 0;
      },
      { timeoutMs: 30_000, what: 'a database at rest' },
    );
    const rows = await sql<{ id: string }[]>`select id from boocode.prompts where id = any(${ids as string[]})`;
    return new Set(rows.map(({ id }) => id));
  }

  /** Neither transcripts nor models know of a prompt twice, or of one that the log does not have. */
  async #checkTranscripts(): Promise<void> {
    for (const chat of this.#chats) {
      const last = `what did I say ${randomUUID()}`;
      await this.#finish(chat.id, randomUUID(), last);
      const request = this.#model.requests.findLast(({ body }) => JSON.stringify(body).includes(last));
      const heard = JSON.stringify(request?.body ?? null);
      for (const words of chat.words) {
        const times = heard.split(inJson(words)).length - 1;
        if (times > 1) this.#violate(0, chat, `The model heard a prompt ${times} times: ${words}`);
      }
      if (!request) this.#violate(0, chat, 'The model was not asked.');
      const foreign = await this.#postgres.sql`
        select from boocode.claude_session_entries
        where project_key = ${chat.id} and entry->>'type' = 'user' and substr(entry->>'uuid', 15, 1) = '7'
          and not exists (select from boocode.turns where turns.id = (entry->>'uuid')::uuid)`;
      if (foreign.length > 0) this.#violate(0, chat, `${foreign.length} prompts in the transcript have no turn.`);
    }
  }

  #violate(round: number, chat: PlayedChat, text: string): void {
    this.#report.violations.push(`${round === 0 ? 'At the end' : `Round ${round}`}, chat ${chat.id}: ${text}`);
  }
}

/** Has every write of a prompt wait, until the result is called or the database is killed. */
async function holdWrites(url: string): Promise<() => Promise<void>> {
  const sql = openDatabase(url, { max: 1 });
  const gate = createGate();
  const lock = sql
    .begin(async (transaction) => {
      await transaction`lock table boocode.prompts in exclusive mode`;
      await gate.pass();
    })
    .catch(() => undefined);
  await gate.reached;
  return async () => {
    gate.open();
    await lock;
    await sql.end({ timeout: 1 });
  };
}

async function countHeld(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  return row!.count;
}

/** As the text of a string in JSON. */
const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

function countOf(file: string, round: number): number {
  if (!existsSync(file)) return 0;
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line === String(round)).length;
}

export function reportText({ prompts, cutOff, askedUnstored, violations, seconds }: PromptChaosReport): string {
  return [
    `${prompts} prompts were cut off in ${seconds} s:`,
    ...Object.entries(cutOff).map(([kind, count]) => `  ${count} ${kind}`),
    `Of those that were not stored, the model was asked about ${askedUnstored}, and nothing came of it.`,
    violations.length === 0 ? 'Nothing was violated.' : `${violations.length} violations:`,
    ...violations.map((each) => `  ${each}`),
  ].join('\n');
}
