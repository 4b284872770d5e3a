import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config.ts';
import { type DemoModel, startDemoModel } from '../../src/demo/demo-model.ts';
import type { RunningServer, ServerOptions } from '../../src/server-options.ts';
import { startServer } from '../../src/start-server.ts';
import type { Chat, CreateChat } from '../../src/protocol/chat.ts';
import { type BooClient, createClient } from '../../src/client/client.ts';
import type { Sql } from '../../src/store/database.ts';
import { type AgentEnv, createAgentEnv } from './agent-env.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';
import { ownAgents } from './processes.ts';
import { until } from './until.ts';

export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed JSON; undefined if there is no body. */
  body: Record<string, unknown>;
}

export interface TestServer {
  readonly url: string;
  readonly token: string;
  readonly database: TestDatabase;
  /** A pool of the server's own database. */
  readonly sql: Sql;
  readonly model: DemoModel;
  readonly agent: AgentEnv;
  /** An empty directory, by its real path, where chats of this test work. */
  readonly workDir: string;
  readonly dataDir: string;
  readonly running: RunningServer;
  /** A client of the running server; a restart replaces it. */
  readonly client: BooClient;
  createChat(input?: Partial<CreateChat>): Promise<Chat>;
  /** A raw request, with the token unless `headers` say otherwise. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Stops the server in order, and starts it again on the same database and directories. */
  restart(changes?: Partial<Config>): Promise<void>;
  /** Fails if an agent process is left. */
  close(): Promise<void>;
}

export interface CallOptions {
  body?: unknown;
  /** Sent unchanged, in place of `body`. */
  raw?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

export interface ServerTestOptions {
  config?: Partial<Config>;
  /** Changes to the agents' environment; null removes a variable. */
  agentEnv?: Record<string, string | null>;
  agents?: ServerOptions['agents'];
  /** Another host on the database of this one, with its model, and the directory where its chats work. */
  beside?: TestServer;
}

/**
 * A whole server in this process: the SDK's real program, real Postgres, real HTTP; only the model is scripted, and
 * belongs to the test, so that it can be held and inspected.
 */
export async function openServer(options: ServerTestOptions = {}): Promise<TestServer> {
  const { beside } = options;
  const database = beside?.database ?? (await createTestDatabase());
  const model = beside?.model ?? (await startDemoModel());
  const agent = await createAgentEnv(model.url);
  const root = await realpath(await mkdtemp(join(tmpdir(), 'boocode-e2e-')));
  const workDir = beside?.workDir ?? join(root, 'work');
  if (!beside) await mkdir(workDir);
  const agentEnv: Record<string, string> = { ...agent.env };
  for (const [name, value] of Object.entries(options.agentEnv ?? {})) {
    if (value === null) delete agentEnv[name];
    else agentEnv[name] = value;
  }
  let config: Config = {
    host: '127.0.0.1',
    port: 0,
    dataDir: join(root, 'data'),
    databaseUrl: database.url,
    token: null,
    publicOrigins: [],
    basePath: '',
    trustedProxies: [],
    proxyHeader: 'x-forwarded-for',
    quotas: {},
    tls: null,
    advertiseUrl: null,
    hostName: null,
    drainMs: 0,
    workspaces: [],
    workspaceRoots: [],
    bypassPermissions: 'allow',
    clones: false,
    idleTimeoutMs: 600_000,
    startsAtOnce: null,
    agentMemoryBytes: 0,
    reserveMemoryBytes: null,
    quietMs: 10_000,
    agentAnswerMs: 60_000,
    agentStartMs: 60_000,
    modelSilenceMs: 0,
    resumeAtReset: false,
    budgetChatUsd: null,
    budgetDayUsd: null,
    budgetServerUsd: null,
    terminalPassthrough: [],
    logLevel: 'silent',
    logFormat: 'json',
    sdkByDefault: true,
    agentEnv,
    agentEnvNames: [],
    sandbox: 'off',
    sandboxRead: [],
    sandboxWrite: [],
    secretsKeyFile: join(root, 'data', 'secrets.key'),
    sandboxNetwork: 'open',
    sandboxHosts: [],
    sandboxDirectories: [],
    singleSignOn: null,
    tokenFile: null,
    ...options.config,
  };

  let running: RunningServer;
  let client: BooClient;
  const start = async (): Promise<void> => {
    running = await startServer(config, { demo: false, ...(options.agents && { agents: options.agents }) });
    client = createClient({ url: running.url, token: running.token, clientName: 'test' });
  };
  const cleanUp = async (): Promise<void> => {
    if (!beside) {
      await model.close();
      await database.drop();
    }
    await agent.remove();
    await rm(root, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await cleanUp();
    throw error;
  }

  return {
    get url() {
      return running.url;
    },
    get token() {
      return running.token;
    },
    get running() {
      return running;
    },
    get client() {
      return client;
    },
    database,
    sql: database.sql,
    model,
    agent,
    workDir,
    dataDir: config.dataDir,
    createChat: (input = {}) => client.createChat({ cwd: workDir, ...input }),
    call: (method, path, request) => call(running, method, path, request),
    async restart(changes = {}) {
      await running.close();
      config = { ...config, ...changes };
      await start();
    },
    async close() {
      try {
        await running.close();
        if (!beside)
          await until(() => ownAgents().length === 0, { what: 'the end of every agent process', timeoutMs: 2_000 });
      } finally {
        await cleanUp();
      }
    },
  };
}

/** One request over HTTP, with the token unless `headers` say otherwise. */
export async function call(
  { url, token }: { url: string; token: string },
  method: string,
  path: string,
  { body, raw, headers = {} }: CallOptions = {},
): Promise<Answer> {
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}
