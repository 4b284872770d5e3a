/** A small run of a real server whose client writes down what it was told, as those of the chaos suite do. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Event } from '../../../src/protocol/event.ts';
import { type ServerProgram } from '../../support/program.ts';
import { openRawFeed } from '../../support/raw-feed.ts';
import { call } from '../../support/server.ts';
import { readLog } from '../../support/turns.ts';
import { checkRun, type Report } from '../checker/check-run.ts';
import { digestOf } from '../checker/read-run.ts';
import { openRecords } from '../records.ts';

type Server = Pick<ServerProgram, 'url' | 'token' | 'client'>;

export interface RecordedRun {
  /** Sends a prompt. Returns the seq of its receipt; undefined if it was refused, or nobody answered. */
  send(server: Server, prompt: { chatId: string; promptId: string; text: string }): Promise<number | undefined>;
  /** Opens a feed and reads up to and including the first event that fits. Returns the seq of the last one. */
  read(
    server: Server,
    reader: { chatId: string; reader: string; after: number },
    isLast: (event: Event) => boolean,
  ): Promise<number>;
  /** Notes what the runner of a suite would. */
  note(record: { kind: string; [field: string]: unknown }): void;
  /** Ends the run: reads the log from a server that is up, and has the run checked. */
  check(server: Server, chatId: string): Promise<Report>;
  remove(): Promise<void>;
}

const client = 'person';

export async function openRecordedRun(): Promise<RecordedRun> {
  const directory = await mkdtemp(join(tmpdir(), 'boocode-broken-'));
  await mkdir(join(directory, 'log'));
  await writeFile(join(directory, 'run.json'), JSON.stringify({ seed: 0, clients: [client] }));
  const [person, runner] = [openRecords(directory, client), openRecords(directory, 'runner')];

  return {
    async send(server, { text, ...prompt }) {
      person.write({ kind: 'sent', ...prompt, text });
      const body = { id: prompt.promptId, content: text };
      const path = `/v1/chats/${prompt.chatId}/prompts`;
      const answer = await call(server, 'POST', path, { body }).catch(() => undefined);
      if (!answer || answer.status >= 500) person.write({ kind: 'unknown', ...prompt });
      else if (answer.status >= 400) person.write({ kind: 'refused', ...prompt, code: answer.body['code'] });
      else {
        const seq = answer.body['seq'] as number;
        person.write({ kind: 'acknowledged', ...prompt, seq });
        return seq;
      }
      return undefined;
    },

    async read(server, { after, ...reader }, isLast) {
      person.write({ kind: 'reader', ...reader, after });
      const feed = await openRawFeed(server, `/v1/chats/${reader.chatId}/events?after=${after}`);
      try {
        for (;;) {
          const frame = await feed.next();
          if (!frame) throw new Error('The feed ended.');
          if (frame.event === 'resume' && frame.data['verdict'] !== 'ok') {
            person.write({ kind: 'reset', ...reader, verdict: frame.data['verdict'] });
          }
          if (frame.event !== 'event') continue;
          const event = frame.data as unknown as Event;
          const { seq, type } = event;
          person.write({ kind: 'shown', ...reader, seq, type, digest: digestOf(JSON.stringify(event)) });
          if (isLast(event)) return seq;
        }
      } finally {
        feed.close();
      }
    },

    note: (record) => runner.write(record),

    async check(server, chatId) {
      const events = await readLog(server.client, chatId);
      const lines = events.map((event) => `${JSON.stringify(event)}\n`);
      await writeFile(join(directory, 'log', `${chatId}.jsonl`), lines.join(''));
      runner.write({ kind: 'end' });
      return checkRun(directory);
    },

    remove: () => rm(directory, { recursive: true }),
  };
}
