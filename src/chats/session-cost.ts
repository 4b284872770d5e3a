import type { ModelCost, SessionCost } from '../agents/agent-backend.ts';
import type { AgentName } from '../protocol/chat.ts';
import type { EventBody } from '../protocol/event.ts';
import { counters, noUsage } from '../protocol/usage.ts';
import { bookUsage, findCountedUsage, setCountedUsage } from '../store/agent-sessions.ts';
import type { Sql } from '../store/database.ts';
import type { Write } from '../store/events.ts';
import type { ChatLog } from './chat-log.ts';

type Models = Readonly<Record<string, ModelCost>>;

/** The write that adds what a session has cost outside its turns, with a notice `session_cost`; null for nothing. */
export function costAdded(log: ChatLog, agent: AgentName, cost: SessionCost, counted?: Models): Write | null {
  if (isNothing(cost)) return null;
  const message = `The session cost $${cost.costUsd.toFixed(4)} beyond its turns.`;
  return {
    events: [{ body: costNotice(message, cost) }],
    side: (db) => bookUsage(db, log.lease, agent, cost, { counted, isLate: true }),
  };
}

/** The write that adds what another process than the session's has cost, which the agent's count of the session lacks. */
export function asideCostAdded(log: ChatLog, agent: AgentName, cost: SessionCost): Write | null {
  if (isNothing(cost)) return null;
  return {
    events: [{ body: costNotice(`A side question cost $${cost.costUsd.toFixed(4)}.`, { ...cost, isAside: true }) }],
    side: (db) => bookUsage(db, log.lease, agent, cost, { counted: 'apart' }),
  };
}

const isNothing = ({ costUsd, models }: SessionCost): boolean => costUsd === 0 && Object.keys(models).length === 0;

function costNotice(message: string, { costUsd, models, isAside }: SessionCost & { isAside?: true }): EventBody {
  const data = { costUsd, models, ...(isAside && { isAside }) };
  return { type: 'notice', level: 'info', code: 'session_cost', message, data };
}

/**
 * The write that makes the books agree with the agent's count when its session is opened. Whatever was counted but not
 * booked is booked; a count that is older than the books, or whose start is unknown, is accepted as it is. Null if they
 * agree.
 */
export async function costResumed(sql: Sql, log: ChatLog, agent: AgentName, counted: Models): Promise<Write | null> {
  const booked = await findCountedUsage(sql, log.lease.chatId, agent);
  if (booked && agrees(booked, counted)) return null;
  const missed = booked && unbooked(booked, counted);
  const added = missed && costAdded(log, agent, missed, counted);
  return added ?? { events: [], side: (db) => [setCountedUsage(db, log.lease, agent, counted)] };
}

const numbers = [...counters, 'costUsd'] as const;
// Sums of small floating-point amounts, added in a different order, differ by less than this.
const dust = 1e-9;

function agrees(booked: Models, counted: Models): boolean {
  return namesIn(booked, counted).every((model) =>
    numbers.every((counter) => Math.abs(of(counted, model)[counter] - of(booked, model)[counter]) <= dust),
  );
}

/**
 * What was counted beyond the books; null if booked dollars were not counted. Tokens may be booked without the agent
 * ever having counted them: those of an answer that was cut off.
 */
export function unbooked(booked: Models, counted: Models): SessionCost | null {
  const models: [string, ModelCost][] = [];
  for (const model of namesIn(booked, counted)) {
    const rest: ModelCost = { ...noUsage, costUsd: 0 };
    for (const counter of numbers) {
      const amount = of(counted, model)[counter] - of(booked, model)[counter];
      if (counter === 'costUsd' && amount < -dust) return null;
      rest[counter] = amount > dust ? amount : 0;
    }
    if (numbers.some((counter) => rest[counter] > 0)) models.push([model, rest]);
  }
  const costUsd = models.reduce((sum, [, cost]) => sum + cost.costUsd, 0);
  return { costUsd, models: Object.fromEntries(models) };
}

const namesIn = (one: Models, other: Models): string[] => [...new Set([...Object.keys(one), ...Object.keys(other)])];

function of(models: Models, model: string): ModelCost {
  return { ...noUsage, costUsd: 0, ...(Object.hasOwn(models, model) ? models[model] : undefined) };
}
