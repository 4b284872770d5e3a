import { createHash, randomBytes } from 'node:crypto';
import { systemClock, type Clock } from '../lib/clock.ts';
import { BooError } from '../protocol/error.ts';
import { terminalProtocol, ticketPrefix } from '../protocol/terminal-names.ts';
import type { TerminalAccess, TerminalTicket } from '../protocol/terminal.ts';

export interface TicketRights {
  chatId: string;
  access: TerminalAccess;
}

/** One-use tickets for who can send no header with a WebSocket: a browser. */
export interface TerminalTickets {
  issue(rights: TicketRights): TerminalTicket;
  /** What a ticket opens, without using it up. Throws `unauthorized`. */
  check(ticket: string): TicketRights;
  /** The same, once. */
  redeem(ticket: string): TicketRights;
}

const lifetimeMs = 30_000;
const maxAlive = 1000;

/** The oldest ticket dies when there are too many. */
export function createTerminalTickets(clock: Clock = systemClock): TerminalTickets {
  // Kept by digest: looking one up takes no time that depends on how much of a ticket was guessed.
  const alive = new Map<string, TicketRights & { expiry: number }>();
  const digest = (ticket: string): string => createHash('sha256').update(ticket).digest('hex');

  function check(ticket: string): TicketRights {
    const rights = alive.get(digest(ticket));
    if (rights && clock.monotonicMs() < rights.expiry) return rights;
    throw new BooError('unauthorized', 'ticket: is unknown, was used before, or is older than 30 seconds.', {
      details: { field: 'sec-websocket-protocol' },
    });
  }

  return {
    issue(rights) {
      const ticket = randomBytes(32).toString('base64url');
      alive.set(digest(ticket), { ...rights, expiry: clock.monotonicMs() + lifetimeMs });
      for (const key of alive.keys()) if (alive.size > maxAlive) alive.delete(key);
      return { ticket, expiresAt: new Date(clock.now().getTime() + lifetimeMs).toISOString() };
    },
    check,
    redeem(ticket) {
      const rights = check(ticket);
      alive.delete(digest(ticket));
      return rights;
    },
  };
}

/** The ticket among the subprotocols that a client offers. */
export function ticketIn(headers: Headers): string | undefined {
  const offered = protocolsIn(headers).find((each) => each.startsWith(ticketPrefix));
  return offered?.slice(ticketPrefix.length);
}

/** Whether the subprotocols, if there are any, are those of a terminal. */
export function offersTerminal(headers: Headers): boolean {
  const offered = protocolsIn(headers);
  return offered.length === 0 || offered.includes(terminalProtocol);
}

function protocolsIn(headers: Headers): string[] {
  const text = headers.get('sec-websocket-protocol') ?? '';
  return text
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
}
