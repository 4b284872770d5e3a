import { createHash, randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '../lib/clock.ts';
import { BooError } from '../protocol/error.ts';
import type { Grant } from '../people/grant.ts';
import { ticketPrefix } from '../protocol/terminal-names.ts';
import type { TerminalAccess } from '../protocol/terminal.ts';

/** What a ticket opens: one chat's terminal, or the live socket. */
export type TicketRights = { to: 'terminal'; chatId: string; access: TerminalAccess } | { to: 'live' };

/** One-use tickets for clients that cannot send headers with a WebSocket: browsers. */
export interface Tickets {
  issue(rights: TicketRights, grant: Grant): { ticket: string; expiresAt: string };
  /** What the ticket's creator had, without using it up. Throws `unauthorized` for an invalid ticket. */
  check(ticket: string): Grant;
  /** Uses the ticket up, and returns what it opens of this kind. */
  redeem<T extends TicketRights['to']>(ticket: string, to: T): Extract<TicketRights, { to: T }>;
}

interface Ticket {
  rights: TicketRights;
  grant: Grant;
}

const lifetimeMs = 30_000;
const maxAlive = 1000;

/** The oldest tickets are dropped beyond this number. */
export function createTickets(clock: Clock = systemClock): Tickets {
  // Stored by digest, so that the time of a lookup does not depend on how much of a ticket was guessed.
  const alive = new Map<string, Ticket & { expiry: number }>();
  const digest = (ticket: string): string => createHash('sha256').update(ticket).digest('hex');

  function find(ticket: string): Ticket {
    const found = alive.get(digest(ticket));
    if (found && clock.monotonicMs() < found.expiry) return found;
    throw refusal('is unknown, already used, or older than 30 seconds.');
  }

  return {
    issue(rights, grant) {
      const ticket = randomBytes(32).toString('base64url');
      alive.set(digest(ticket), { rights, grant, expiry: clock.monotonicMs() + lifetimeMs });
      for (const key of alive.keys()) if (alive.size > maxAlive) alive.delete(key);
      return { ticket, expiresAt: new Date(clock.now().getTime() + lifetimeMs).toISOString() };
    },
    check: (ticket) => find(ticket).grant,
    redeem<T extends TicketRights['to']>(ticket: string, to: T) {
      const { rights } = find(ticket);
      alive.delete(digest(ticket));
      if (!isTo(rights, to)) throw refusal('is for something else.');
      return rights;
    },
  };
}

function isTo<T extends TicketRights['to']>(rights: TicketRights, to: T): rights is Extract<TicketRights, { to: T }> {
  return rights.to === to;
}

function refusal(problem: string): BooError {
  return new BooError('unauthorized', `ticket: ${problem}`, { details: { field: 'sec-websocket-protocol' } });
}

/** The ticket among the subprotocols that a client offers. */
export function ticketIn(headers: Headers): string | undefined {
  const offered = protocolsIn(headers).find((each) => each.startsWith(ticketPrefix));
  return offered?.slice(ticketPrefix.length);
}

/** Whether the offered subprotocols, if any, include this one. */
export function offers(headers: Headers, protocol: string): boolean {
  const offered = protocolsIn(headers);
  return offered.length === 0 || offered.includes(protocol);
}

function protocolsIn(headers: Headers): string[] {
  const text = headers.get('sec-websocket-protocol') ?? '';
  return text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}
