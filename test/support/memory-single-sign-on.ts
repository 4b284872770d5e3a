import { owner } from '../../src/people/grant.ts';
import type { SingleSignOnApi } from '../../src/people/single-sign-on.ts';
import { BooError } from '../../src/protocol/error.ts';

/** Lets in whoever remembers what they were told. */
export function createMemorySingleSignOn(): SingleSignOnApi {
  return {
    name: 'login.example.org',
    begin: () => Promise.resolve({ url: 'https://login.example.org/', memory: 'told' }),
    finish: (_, memory) =>
      memory === 'told'
        ? Promise.resolve({ principal: owner, notAfter: new Date(8.64e15) })
        : Promise.reject(new BooError('unauthorized', 'This was not begun here.', { details: { field: 'state' } })),
  };
}
