import { createApp, type App, type AppOptions } from '../../src/http/app.ts';
import { createSignInCodes, type SignInCodes } from '../../src/http/sign-in-codes.ts';
import type { WebFiles } from '../../src/http/web-files.ts';
import type { Log } from '../../src/lib/log.ts';
import { createMemoryChats, type MemoryChats } from './memory-chats.ts';

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
  codes: SignInCodes;
  /** What was logged as an error. */
  errors: LogLine[];
  warnings: LogLine[];
  debugged: LogLine[];
  log: Log;
  /** A request as a client on this machine makes it, with the token. `body` is sent as JSON. */
  call(method: string, path: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<Response>;
}

export function createTestApp(options: Partial<AppOptions> = {}): TestApp {
  const chats = createMemoryChats();
  const codes = createSignInCodes();
  const errors: LogLine[] = [];
  const warnings: LogLine[] = [];
  const debugged: LogLine[] = [];
  const log: Log = {
    debug: (facts, message) => debugged.push({ facts, message }),
    info() {},
    warn: (facts, message) => warnings.push({ facts, message }),
    error: (facts, message) => errors.push({ facts, message }),
  };
  const app = createApp({ chats, signInCodes: codes, access: { token: testToken }, log, web: testWeb, ...options });
  return {
    app,
    chats,
    codes,
    errors,
    warnings,
    debugged,
    log,
    async call(method, path, { body, headers = {} } = {}) {
      return app.request(path, {
        method,
        headers: {
          host: 'localhost:4700',
          authorization: `Bearer ${testToken}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    },
  };
}
