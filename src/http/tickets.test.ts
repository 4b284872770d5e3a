import { expect, test } from 'vitest';
import type { Grant } from '../people/grant.ts';
import { owner } from './access.ts';
import { createTickets } from './tickets.ts';

test('WHO-1: a ticket belongs to its creator until it is used', () => {
  const tickets = createTickets();
  const anna: Grant = { principal: { ...owner, id: 'anna', name: 'Anna' }, by: 'server' };
  const own: Grant = { principal: owner, by: 'server' };
  const { ticket } = tickets.issue({ to: 'live' }, anna);
  const another = tickets.issue({ to: 'live' }, own);
  expect([tickets.check(ticket), tickets.check(another.ticket)]).toEqual([anna, own]);
  tickets.redeem(ticket, 'live');
  expect(() => tickets.check(ticket)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
});
