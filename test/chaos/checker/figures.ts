import { percentile, takeoversOf } from './check-hosts.ts';
import { countUnread, readersOf } from './check-readers.ts';
import type { Problem, ProblemKind } from './problem.ts';
import type { Run } from './read-run.ts';

/** What the run did, and how much of it was wrong. Times are in milliseconds. */
export function figuresOf(run: Run, problems: readonly Problem[]): Record<string, number> {
  const records = [...run.clients.values()].flat();
  const events = [...run.logs.values()].flat();
  const recorded = (kind: string): number => records.filter((record) => record.kind === kind).length;
  const logged = (type: string): number => events.filter((event) => event.type === type).length;
  const found = (...kinds: ProblemKind[]): number => problems.filter(({ kind }) => kinds.includes(kind)).length;
  const promptsWith = (kind: string): number =>
    new Set(records.flatMap((record) => (record.kind === kind && 'promptId' in record ? [idOf(record)] : []))).size;
  const faults = run.runner.flatMap((record) => (record.kind === 'fault' ? [record.fault] : []));
  const races = run.runner.flatMap((record) => (record.kind === 'stale' ? [record.written] : []));
  const left = run.runner.flatMap((record) => (record.kind === 'left' ? [record.pids.length] : []));
  const takeovers = takeoversOf(run.runner);
  const readers = [...run.clients.values()].flatMap((own) => [...readersOf(own).values()]);
  return {
    chats: run.logs.size,
    events: events.length,
    turns: logged('turn_started'),
    interruptedTurns: events.filter(({ type, outcome }) => type === 'turn_finished' && outcome === 'interrupted')
      .length,
    sent: promptsWith('sent'),
    acknowledged: promptsWith('acknowledged'),
    refused: promptsWith('refused'),
    unknown: promptsWith('sent') - new Set(records.flatMap((record) => (isAnswer(record) ? [idOf(record)] : []))).size,
    lost: found('lost'),
    doubled: found('doubled', 'rerun', 'asked'),
    reordered: found('reordered'),
    answers: recorded('answered'),
    readers: readers.length,
    connections: recorded('reader'),
    shown: recorded('shown'),
    holes: found('hole', 'again', 'out of order', 'differs', 'phantom', 'reset'),
    unread: sum(readers.map((own) => countUnread(own, run.logs.get(own[0]!.chatId) ?? []))),
    asked: run.asked?.length ?? 0,
    kills: faults.filter((fault) => /kill/i.test(fault)).length,
    ...countedFaults(faults),
    restarts: restartsOf(run.runner),
    takeovers: takeovers.length,
    takeoverP50Ms: percentile(takeovers, 50),
    takeoverP99Ms: percentile(takeovers, 99),
    takeoverMaxMs: takeovers.at(-1) ?? 0,
    staleRaces: races.length,
    staleRows: sum(races),
    leftChecks: left.length,
    leftProcesses: sum(left),
    tornLines: run.tornLines,
    problems: problems.length,
  };
}

const idOf = ({ chatId, promptId }: { chatId: string; promptId: string }): string => `${chatId} ${promptId}`;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** How a request for a prompt ended that got an answer. */
function isAnswer<T extends { kind: string }>(record: T): record is Extract<T, { kind: 'acknowledged' | 'refused' }> {
  return record.kind === 'acknowledged' || record.kind === 'refused';
}

/** How often a host started that had been there before. */
function restartsOf(runner: Run['runner']): number {
  const started = runner.flatMap((record) =>
    record.kind === 'host' && record.state === 'started' ? [record.host] : [],
  );
  return started.length - new Set(started).size;
}

function countedFaults(faults: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fault of faults.toSorted()) counts[`fault: ${fault}`] = (counts[`fault: ${fault}`] ?? 0) + 1;
  return counts;
}
