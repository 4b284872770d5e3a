import { type BooClient, createClient } from '../../client/client.ts';

/** The parts of the client that the web app uses. */
export type Api = BooClient;

export const createApi = (url: string, token: string | undefined): Api =>
  createClient({ url, token, clientName: `web (${browserName(navigator.userAgent)})` });

/** The name other clients see next to an answer given here, such as "Firefox on Linux". */
function browserName(userAgent: string): string {
  // The order matters: later browsers also claim to be the earlier ones.
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
