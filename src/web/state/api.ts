import { type BooClient, createClient } from '../../client/client.ts';

/** What the app asks of the server, all of it. */
export type Api = BooClient;

export const createApi = (url: string, token: string | undefined): Api =>
  createClient({ url, token, clientName: `web (${browserName(navigator.userAgent)})` });

/** Who this is, for whoever reads who answered. */
function browserName(userAgent: string): string {
  // Each names those before it, too.
  const browser = [
    ['Edg/', 'Edge'],
    ['Firefox/', 'Firefox'],
    ['Chrome/', 'Chrome'],
    ['Safari/', 'Safari'],
  ].find(([mark = '']) => userAgent.includes(mark))?.[1];
  const system = /(Android|iPhone|iPad|Windows|Mac OS X|Linux)/.exec(userAgent)?.[1];
  return [browser ?? 'a browser', system === 'Mac OS X' ? 'Mac' : system]
    .filter((part) => part !== undefined)
    .join(', ');
}
