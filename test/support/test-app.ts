import { createApp, createRoutes, type App, type AppOptions } from '../../src/http/app.ts';
import { refusalsOf } from '../../src/http/route.ts';
import { createTickets } from '../../src/http/tickets.ts';
import type { WebFiles } from '../../src/http/web-files.ts';
import type { Log } from '../../src/lib/log.ts';
import type { ErrorCode } from '../../src/protocol/error.ts';
import { createMemoryAudit, type MemoryAudit } from './memory-audit.ts';
import { createMemoryShareLinks, type MemoryShareLinks } from './memory-share-links.ts';
import { createMemorySharing, type MemorySharing } from './memory-sharing.ts';
import { createMemoryChats, type MemoryChats } from './memory-chats.ts';
import { createMemoryPasskeys } from './memory-passkeys.ts';
import { createMemoryPeople } from './memory-people.ts';
import { createMemorySingleSignOn } from './memory-single-sign-on.ts';
import { createMemorySecrets } from './memory-secrets.ts';
import { createMemorySignIns, type MemorySignIns } from './memory-sign-ins.ts';

export const testToken = 'a-token-for-tests-0123456789';

/** Stands in for the built web app. */
const testWeb: WebFiles = {
  find: (name) => {
    const body = new TextEncoder().encode('BooCode');
    const isThere = name === 'index.html' || name === 'assets/app.js';
    const contentType = name.endsWith('.js') ? 'text/javascript' : 'text/html';
    return Promise.resolve(isThere ? { contentType, body, compressed: body } : undefined);
  },
};

interface LogLine {
  facts: object;
  message: string;
}

export interface TestApp {
  app: App;
  chats: MemoryChats;
  audit: MemoryAudit;
  codes: MemorySignIns;
  sharing: MemorySharing;
  shareLinks: MemoryShareLinks;
  /** What was logged as an error. */
  errors: LogLine[];
  warnings: LogLine[];
  infos: LogLine[];
  log: Log;
  /** A request as from a client on this machine, with the token. `body` is sent as JSON. */
  call(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<Response>;
}

export function createTestApp(options: Partial<AppOptions> = {}): TestApp {
  const chats = createMemoryChats();
  const audit = createMemoryAudit();
  const codes = createMemorySignIns(testToken);
  const sharing = createMemorySharing();
  const shareLinks = createMemoryShareLinks();
  const errors: LogLine[] = [];
  const warnings: LogLine[] = [];
  const infos: LogLine[] = [];
  const log: Log = {
    debug() {},
    info: (facts, message) => infos.push({ facts, message }),
    warn: (facts, message) => warnings.push({ facts, message }),
    error: (facts, message) => errors.push({ facts, message }),
  };
  const people = createMemoryPeople(testToken);
  const all = {
    people,
    passkeys: createMemoryPasskeys(testToken),
    secrets: createMemorySecrets(),
    singleSignOn: createMemorySingleSignOn(),
    rotateToken: () => Promise.resolve(),
    chats,
    audit,
    sharing,
    shareLinks,
    signInCodes: codes,
    access: { token: testToken },
    log,
    web: testWeb,
    ...options,
  };
  const app = createApp(all);
  const routes = createRoutes(all, createTickets());

  /** A route's errors are in the OpenAPI document. */
  async function assertDeclared(method: string, path: string, response: Response): Promise<void> {
    const route = routes.find((each) => each.method === method && fits(each.path, path));
    if (!route || response.status < 400 || response.status >= 500) return;
    const { code } = (await response.clone().json()) as { code: ErrorCode };
    if (!refusalsOf(route).includes(code)) throw new Error(`${route.id} returns ${code}, which it does not declare.`);
  }

  return {
    app,
    chats,
    audit,
    sharing,
    shareLinks,
    codes,
    errors,
    warnings,
    infos,
    log,
    async call(method, path, { body, headers = {} } = {}) {
      const response = await app.request(path, {
        method,
        headers: {
          host: 'localhost:4700',
          authorization: `Bearer ${testToken}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      await assertDeclared(method, path, response);
      return response;
    },
  };
}

function fits(template: string, path: string): boolean {
  const pattern = template.replaceAll(/[.]/g, '\\.').replaceAll(/\{\w+\}/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(path.split('?')[0] ?? '');
}
