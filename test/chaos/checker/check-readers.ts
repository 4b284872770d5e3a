/**
 * What readers were shown, against the logs. A reader is one person who follows one chat over any number of connections
 * and hosts: behind the event it asked to go on after, it gets each event once and in order, as it is in the log.
 */
import type { Problem, ProblemKind } from './problem.ts';
import type { Run, StoredEvent } from './read-run.ts';
import type { ClientRecord } from './records.ts';

type ReaderRecord = Extract<ClientRecord, { reader: string }>;

export function checkReaders(run: Run): Problem[] {
  const problems: Problem[] = [];
  for (const [client, records] of run.clients) {
    for (const [reader, own] of readersOf(records)) {
      const { chatId } = own[0]!;
      const log = run.logs.get(chatId);
      if (!log) continue;
      const who = `Reader ${reader} of ${client} in chat ${chatId}`;
      problems.push(...checkReader(who, own, log));
      const unread = countUnread(own, log);
      if (run.run.strict && unread > 0) {
        problems.push({ kind: 'behind', text: `${who} was not shown the last ${unread} events.` });
      }
    }
  }
  return problems;
}

/** The records of each reader. */
export function readersOf(records: readonly ClientRecord[]): Map<string, ReaderRecord[]> {
  const readers = new Map<string, ReaderRecord[]>();
  for (const record of records) {
    if (!('reader' in record)) continue;
    const own = readers.get(record.reader);
    if (own) own.push(record);
    else readers.set(record.reader, [record]);
  }
  return readers;
}

/** How many events the log has behind the last one that a reader was shown. */
export function countUnread(records: readonly ReaderRecord[], log: readonly StoredEvent[]): number {
  let last = 0;
  for (const record of records) last = Math.max(last, 'seq' in record ? record.seq : 0);
  return log.filter(({ seq }) => seq > last).length;
}

function checkReader(who: string, records: readonly ReaderRecord[], log: readonly StoredEvent[]): Problem[] {
  const problems: Problem[] = [];
  const fault = (kind: ProblemKind, text: string): void => void problems.push({ kind, text: `${who} ${text}` });
  const bySeq = new Map(log.map((event) => [event.seq, event]));
  /** Behind this event it goes on; undefined before it has opened a feed. */
  let last: number | undefined;
  let openedAfter = 0;
  /** On its present connection. */
  const shown = new Set<number>();
  const goOn = (after: number): void => {
    last = openedAfter = after;
    shown.clear();
  };
  for (const record of records) {
    if (record.kind === 'reader') {
      if (last !== undefined && record.after > last) {
        fault('records', `went on after event ${record.after}, but had been shown no more than ${last}.`);
      }
      goOn(record.after);
    } else if (record.kind === 'reset') {
      // No log has been replaced, so every cursor fits.
      fault('reset', `was told “${record.verdict}” behind event ${last ?? 0}.`);
      goOn(0);
    } else {
      const { seq } = record;
      const expected: number = (last ?? 0) + 1;
      if (last === undefined) fault('records', `was shown event ${seq} before it opened a feed.`);
      else if (seq > expected) fault('hole', `was shown event ${seq} after ${last}.`);
      else if (seq < expected) {
        const isAgain = seq <= openedAfter || shown.has(seq);
        fault(isAgain ? 'again' : 'out of order', `was shown event ${seq} after ${last}.`);
      }
      shown.add(seq);
      last = Math.max(last ?? 0, seq);
      const event = bySeq.get(seq);
      if (!event) fault('phantom', `was shown event ${seq}, which the log does not have.`);
      else if (event.type !== record.type || !event.digests.includes(record.digest)) {
        fault('differs', `was shown event ${seq} as ${record.type} ${record.digest}, not as in the log.`);
      }
    }
  }
  return problems;
}
