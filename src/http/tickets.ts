import { createHash, randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '../lib/clock.ts';
import { BooError } from '../protocol/error.ts';
import type { Principal } from '../protocol/principal.ts';
import { ticketPrefix } from '../protocol/terminal-names.ts';
import type { TerminalAccess } from '../protocol/terminal.ts';

/** What a ticket opens: the terminal of one chat, or the live socket. */
export type TicketRights = { to: 'terminal'; chatId: string; access: TerminalAccess } | { to: 'live' };

/** One-use tickets for who can send no header with a WebSocket: a browser. */
export interface Tickets {
  issue(rights: TicketRights, principal: Principal): { ticket: string; expiresAt: string };
  /** Whose it is, without using it up: whoever has made it. Throws `unauthorized` for one that opens nothing. */
  check(ticket: string): Principal;
  /** What it opens of that kind, once. */
  redeem<T extends TicketRights['to']>(ticket: string, to: T): Extract<TicketRights, { to: T }>;
}

interface Ticket {
  rights: TicketRights;
  principal: Principal;
}

const lifetimeMs = 30_000;
const maxAlive = 1000;

/** The oldest ticket dies when there are too many. */
export function createTickets(clock: Clock = systemClock): Tickets {
  // Kept by digest: looking one up takes no time that depends on how much of a ticket was guessed.
  const alive = new Map<string, Ticket & { expiry: number }>();
  const digest = (ticket: string): string => createHash('sha256').update(ticket).digest('hex');

  function find(ticket: string): Ticket {
    const found = alive.get(digest(ticket));
    if (found && clock.monotonicMs() < found.expiry) return found;
    throw refusal('is unknown, was used before, or is older than 30 seconds.');
  }

  return {
    issue(rights, principal) {
      const ticket = randomBytes(32).toString('base64url');
      alive.set(digest(ticket), { rights, principal, expiry: clock.monotonicMs() + lifetimeMs });
      for (const key of alive.keys()) if (alive.size > maxAlive) alive.delete(key);
      return { ticket, expiresAt: new Date(clock.now().getTime() + lifetimeMs).toISOString() };
    },
    check: (ticket) => find(ticket).principal,
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

/** Whether the subprotocols, if there are any, hold this one. */
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
