/**
 * Reads the files of a run. A client may have been killed while it wrote its last line: what that line would have said is
 * not known, and nothing follows from it. Everything else that is missing or cannot be read is a problem, because what is
 * not there is not checked.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import type { Problem } from './problem.ts';
import {
  type AskedRecord,
  askedRecord,
  type ClientRecord,
  clientRecord,
  type LogEvent,
  logEvent,
  type RunFile,
  runFile,
  type RunnerRecord,
  runnerRecord,
} from './records.ts';

export interface StoredEvent extends LogEvent {
  /** Of the event as it came, and of the same JSON without its spaces: a reader has recorded one of them. */
  digests: readonly string[];
}

export interface Run {
  run: RunFile;
  /** By client, in the order in which they were written. */
  clients: ReadonlyMap<string, readonly ClientRecord[]>;
  runner: readonly RunnerRecord[];
  /** By chat, in the order in which they were read. */
  logs: ReadonlyMap<string, readonly StoredEvent[]>;
  /** What models got; null if nothing was recorded. */
  asked: readonly AskedRecord[] | null;
  /** Last lines that were cut off. */
  tornLines: number;
  /** What could not be read. */
  problems: readonly Problem[];
}

const runnerName = 'runner';
const suffix = '.jsonl';

export async function readRun(directory: string): Promise<Run> {
  const problems: Problem[] = [];
  const missing = (text: string): void => void problems.push({ kind: 'records', text });
  const counts = { tornLines: 0 };
  const lines = (file: string): Promise<Line[] | null> => readLines(join(directory, file), counts);

  const run = await readRunFile(join(directory, 'run.json'), missing);
  const clients = new Map<string, ClientRecord[]>();
  let runner: RunnerRecord[] = [];
  for (const name of await namesIn(join(directory, 'records'))) {
    const file = `records/${name}${suffix}`;
    const given = (await lines(file)) ?? [];
    if (name === runnerName) runner = parsed(given, runnerRecord, file, missing);
    else clients.set(name, parsed(given, clientRecord, file, missing));
  }
  if (clients.size === 0) missing('There are no records of any client: nothing was checked.');
  for (const name of run.clients ?? []) {
    if (!clients.has(name)) missing(`The records of ${name} are missing.`);
  }
  if (!runner.some(({ kind }) => kind === 'end'))
    missing(`records/${runnerName}${suffix} has no end: the run broke off.`);

  const logs = new Map<string, StoredEvent[]>();
  for (const chatId of await namesIn(join(directory, 'log'))) {
    logs.set(chatId, await readLog(directory, chatId, problems));
  }
  for (const chatId of chatsOf(clients)) {
    if (!logs.has(chatId)) missing(`The log of chat ${chatId} is missing: nothing of it was checked.`);
  }
  const model = await lines(`model${suffix}`);
  const asked = model && parsed(model, askedRecord, `model${suffix}`, missing);
  return { run, clients, runner, logs, asked, tornLines: counts.tornLines, problems };
}

async function readRunFile(path: string, missing: (text: string) => void): Promise<RunFile> {
  const text = await readIfThere(path);
  try {
    if (text !== null) return runFile.parse(JSON.parse(text));
    missing('run.json is missing.');
  } catch (error) {
    missing(`run.json cannot be read: ${reason(error)}`);
  }
  return { seed: 'unknown', strict: false };
}

/** Every event has to be whole: the log was read over the API, when everything was over. */
async function readLog(directory: string, chatId: string, problems: Problem[]): Promise<StoredEvent[]> {
  const file = `log/${chatId}${suffix}`;
  const broken = (text: string): void => void problems.push({ kind: 'log', text });
  const events: StoredEvent[] = [];
  for (const line of (await readLines(join(directory, file))) ?? []) {
    const [event] = parsed([line], logEvent, file, broken);
    if (event) events.push({ ...event, digests: digestsOf(line) });
  }
  return events;
}

/** The first 16 hex digits of the SHA-256 of an event's JSON. */
export function digestOf(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, 16);
}

function digestsOf({ text, value }: Line): string[] {
  const compact = JSON.stringify(value);
  return compact === text ? [digestOf(text)] : [digestOf(text), digestOf(compact)];
}

interface Line {
  number: number;
  text: string;
  /** Undefined if the line is not JSON. */
  value: unknown;
}

/** Null if there is no such file. With `counts`, a last line that was cut off is counted and left out. */
async function readLines(path: string, counts?: { tornLines: number }): Promise<Line[] | null> {
  const content = await readIfThere(path);
  if (content === null) return null;
  const texts = content.split('\n');
  const last = texts.pop();
  const lines = texts.map((text, index) => ({ number: index + 1, text, value: parseJson(text) }));
  if (last === undefined || last === '') return lines;
  const rest = { number: texts.length + 1, text: last, value: parseJson(last) };
  if (rest.value === undefined && counts) counts.tornLines += 1;
  else lines.push(rest);
  return lines;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function parsed<T extends z.ZodType>(
  lines: readonly Line[],
  schema: T,
  file: string,
  broken: (text: string) => void,
): z.infer<T>[] {
  const records: z.infer<T>[] = [];
  for (const { number, value } of lines) {
    const result = schema.safeParse(value);
    if (result.success) records.push(result.data);
    else broken(`${file}, line ${number}: ${value === undefined ? 'not JSON.' : reason(result.error)}`);
  }
  return records;
}

function reason(error: unknown): string {
  const issues = (error as { issues?: { path: PropertyKey[]; message: string }[] }).issues;
  const first = issues?.[0];
  if (first) return `${first.path.map(String).join('.') || 'value'}: ${first.message}.`;
  return error instanceof Error ? error.message : String(error);
}

function chatsOf(clients: Run['clients']): Set<string> {
  return new Set([...clients.values()].flatMap((records) => records.map(({ chatId }) => chatId)));
}

async function namesIn(directory: string): Promise<string[]> {
  const files = await ifThere(readdir(directory));
  return (files ?? [])
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .toSorted();
}

const readIfThere = (path: string): Promise<string | null> => ifThere(readFile(path, 'utf8'));

async function ifThere<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
