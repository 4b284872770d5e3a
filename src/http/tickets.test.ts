import { expect, test } from 'vitest';
import { owner } from './access.ts';
import { createTickets } from './tickets.ts';

test('WHO-1: a ticket belongs to its creator until it is used', () => {
  const tickets = createTickets();
  const anna = { ...owner, id: 'anna', name: 'Anna' };
  const { ticket } = tickets.issue({ to: 'live' }, anna);
  const another = tickets.issue({ to: 'live' }, owner);
  expect([tickets.check(ticket), tickets.check(another.ticket)]).toEqual([anna, owner]);
  tickets.redeem(ticket, 'live');
  expect(() => tickets.check(ticket)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
});
