/** Turns flags and environment into one frozen, validated Config. Nothing else reads the environment. */
import { readFileSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { z } from 'zod';
import { parseHostRule } from './agents/sandbox/host-rules.ts';
import { agentEnvironment, isServersOwn, modelKeys } from './agents/claude/agent-environment.ts';
import { hostName } from './protocol/chat.ts';
import { defaultKeyFile } from './chats/secrets/secret-keys.ts';
import { parseSandboxDirectory, type SandboxDirectory } from './chats/sandbox-floor.ts';
import { type SandboxMode, sandboxModes, type SandboxNetworkMode, sandboxNetworks } from './protocol/sandbox.ts';
import { readWorkspaceMap, type WorkspaceMapping } from './chats/workspaces/workspace-map.ts';
import type { SingleSignOnSettings } from './people/single-sign-on.ts';
import { singleSignOnOf, singleSignOnSchemas } from './single-sign-on-settings.ts';
import type { TlsPaths } from './http/tls-files.ts';
import type { QuotaLimits } from './http/quotas.ts';
import { createTrustedProxies } from './http/trusted-proxies.ts';
import { BooError, toBooError } from './protocol/error.ts';
import {
  defaultDataDir,
  type BypassRule,
  bypassRules,
  type Environment,
  type Flags,
  type LogFormat,
  logFormats,
  type LogLevel,
  logLevels,
  type ProxyHeader,
  proxyHeaders,
  quotaNames,
  type Setting,
  settings,
  type TerminalPassthrough,
  terminalPassthroughs,
} from './settings.ts';
import { readDatabaseUrl } from './store/database-address.ts';
import { isWeak } from './token-strength.ts';

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** Null: the embedded Postgres in the data directory. */
  readonly databaseUrl: string | null;
  /** Set explicitly; null: the one kept in the data directory, created at the first start. */
  readonly token: string | null;
  readonly publicOrigins: readonly string[];
  /** What a proxy leaves at the beginning of paths, such as `/boo`; empty for nothing. */
  readonly basePath: string;
  /** Addresses and networks. */
  readonly trustedProxies: readonly string[];
  readonly proxyHeader: ProxyHeader;
  /** What differs from the usual. */
  readonly quotas: Partial<QuotaLimits>;
  /** Null: clear text. */
  readonly tls: TlsPaths | null;
  /** Where other hosts reach this one; null: this host serves only the chats that it holds. */
  readonly advertiseUrl: string | null;
  /** Among the hosts on the same database; null: the machine's name. */
  readonly hostName: string | null;
  /** How long running turns may take to finish when the server stops or drains. */
  readonly drainMs: number;
  /** Where directories and repositories of other hosts are here. */
  readonly workspaces: readonly WorkspaceMapping[];
  /** Where the server works at all; empty: wherever no place forbids it. */
  readonly workspaceRoots: readonly string[];
  /** Whether this host clones what it lacks. */
  readonly clones: boolean;
  readonly idleTimeoutMs: number;
  /** Null: as many as there are cores. */
  readonly startsAtOnce: number | null;
  /** What must be free for an agent to start; 0: whatever is free. */
  readonly agentMemoryBytes: number;
  /** What agents leave free; null: a part of what there is. */
  readonly reserveMemoryBytes: number | null;
  readonly quietMs: number;
  /** 0: never. */
  readonly agentAnswerMs: number;
  /** 0: never. */
  readonly agentStartMs: number;
  /** 0: never. */
  readonly modelSilenceMs: number;
  /** Whether new chats resume automatically when a usage limit resets. */
  readonly resumeAtReset: boolean;
  /** What a new chat may cost, in US dollars; null: any amount. */
  readonly budgetChatUsd: number | null;
  /** What all chats together may cost on a day. */
  readonly budgetDayUsd: number | null;
  /** What all chats together may ever cost. */
  readonly budgetServerUsd: number | null;
  /** Where owners may let agents work without asking. */
  readonly bypassPermissions: BypassRule;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly sdkByDefault: boolean;
  readonly terminalPassthrough: readonly TerminalPassthrough[];
  /** The part of the environment that agents' processes get. */
  readonly agentEnv: Readonly<Record<string, string>>;
  /** Those that were named explicitly: what agents run gets them, too. */
  readonly agentEnvNames: readonly string[];
  /** The least that any chat has. */
  readonly sandbox: SandboxMode;
  /** Places that agents in a sandbox may read. */
  readonly sandboxRead: readonly string[];
  /** Places that they may also write. */
  readonly sandboxWrite: readonly string[];
  /** Has the keys of secrets, or will. */
  readonly secretsKeyFile: string;
  /** The most that any chat in a sandbox reaches. */
  readonly sandboxNetwork: SandboxNetworkMode;
  /** What that is, if it is limited: see `parseHostRule`. */
  readonly sandboxHosts: readonly string[];
  /** What chats have at least in a directory and below it. */
  readonly sandboxDirectories: readonly SandboxDirectory[];
  /** Null: people sign in by links and tokens only. */
  readonly singleSignOn: SingleSignOnSettings | null;
  /** The file that the token was read from. */
  readonly tokenFile: string | null;
}

const knownVariables = new Set<string>([
  ...settings.map((setting) => setting.env),
  'BOOCODE_TOKEN',
  'BOOCODE_URL',
  'BOOCODE_HOST_PROCESS',
  'BOOCODE_SESSION',
]);

// A schema's own messages are for programmers: every check has a sentence of ours.
const whole = (least: number, most: number) =>
  z
    .string()
    .trim()
    .refine(
      (text) => /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most,
      `must be a whole number from ${least} to ${most}`,
    )
    .transform(Number);
const dollars = z
  .string()
  .trim()
  .refine(
    (text) => /^\d{1,7}(?:\.\d{1,6})?$/.test(text) && Number(text) > 0 && Number(text) <= 1_000_000,
    'must be an amount in US dollars, such as 5 or 2.50',
  )
  .transform(Number);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean),
);
const names = list.pipe(
  z.array(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be names of environment variables')
      .refine(
        (name) => !isServersOwn(name),
        'agents never get BOOCODE_…, DATABASE_URL or PG…: they are the server’s own',
      )
      .refine(
        (name) => !modelKeys.includes(name),
        'agents use the model key without this, and what they start never gets it: give it another name there',
      ),
  ),
);
const paths = list.pipe(
  z.array(
    z.string().refine((path) => path.startsWith('/') && resolve(path) !== '/', 'must be absolute paths, and not /'),
  ),
);
const hosts = list.pipe(
  z.array(
    z
      .string()
      .refine(
        (text) => parseHostRule(text) !== undefined,
        'must be hosts such as github.com, *.npmjs.org:443, 10.0.0.0/8 or [::1]:8080',
      ),
  ),
);
const sandboxDirectories = list.pipe(
  z.array(
    z.string().transform((text, context) => {
      const rule = parseSandboxDirectory(text);
      if (rule) return rule;
      const modes = `${sandboxModes.join('|')} and :${sandboxNetworks.join('|')}`;
      context.addIssue(`must be rules such as /srv/untrusted=required:off, with an absolute path, ${modes}`);
      return z.NEVER;
    }),
  ),
);
const passthroughs = list.pipe(
  z.array(z.enum(terminalPassthroughs, { error: `must be names of ${terminalPassthroughs.join(', ')}` })),
);
const origins = list.pipe(
  z.array(z.url({ protocol: /^https?$/, error: 'must be origins such as https://boo.example.org' })),
);

const quotas = list.transform((pairs, context) => {
  const limits: Partial<QuotaLimits> = {};
  for (const pair of pairs) {
    const [name, limit, ...rest] = pair.split('=');
    const known = quotaNames.find((each) => each === name);
    if (known === undefined || limit === undefined || !/^\d{1,7}$/.test(limit) || rest.length > 0) {
      context.addIssue(`must be pairs such as sockets=20, with names of ${quotaNames.join(', ')}`);
      return z.NEVER;
    }
    limits[known.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase()) as keyof QuotaLimits] = Number(limit);
  }
  return limits;
});

const proxies = list.superRefine((each, context) => {
  try {
    createTrustedProxies({ proxies: each, header: 'x-forwarded-for' });
  } catch (error) {
    context.addIssue({ code: 'custom', message: toBooError(error).message.replace(/\.$/, '') });
  }
});

const roots = z
  .string()
  .transform((text) => text.split(delimiter).filter(Boolean))
  .refine((paths) => paths.length > 0, `must be paths of directories, separated by ${delimiter}`)
  .transform((paths) => paths.map((path) => resolve(path)));

const advertised = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash;
  if (!isPlain) {
    context.addIssue('must be a URL such as http://10.0.0.5:4127, without a user, a query or a fragment');
    return z.NEVER;
  }
  if (['0.0.0.0', '[::]'].includes(url.hostname)) {
    context.addIssue('must name an address that other hosts can reach');
    return z.NEVER;
  }
  return url.href.replace(/\/+$/, '');
});

const schemas = {
  host: z
    .string()
    .trim()
    .regex(/^[^\s/]+$/, 'must be a name or an address, such as 127.0.0.1'),
  port: whole(0, 65_535),
  'data-dir': z.string().min(1, 'must be the path of a directory'),
  'database-url': z.string().superRefine((url, context) => {
    try {
      readDatabaseUrl(url);
    } catch (error) {
      context.addIssue({ code: 'custom', message: toBooError(error).message });
    }
  }),
  'public-origin': origins,
  'base-path': z
    .string()
    .trim()
    .transform((path) => path.replace(/\/+$/, ''))
    .refine((path) => /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/.test(path), 'must be a path such as /boo')
    // The API's own paths begin with it.
    .refine((path) => !/^\/v1(?:\/|$)/.test(path), 'must not be the path of the API'),
  'trusted-proxy': proxies,
  quota: quotas,
  'proxy-header': z.enum(proxyHeaders, { error: `must be ${proxyHeaders.join(' or ')}` }),
  'tls-cert': z.string().min(1, 'must be the path of a file'),
  'tls-key': z.string().min(1, 'must be the path of a file'),
  'advertise-url': advertised,
  'host-name': hostName,
  'drain-seconds': whole(0, 24 * 3600),
  workspaces: z.string().trim().min(1, 'must not be empty'),
  'workspace-root': roots,
  clone: z.enum(['on', 'off'], 'must be on or off'),
  'idle-seconds': whole(1, 7 * 24 * 3600),
  'starts-at-once': whole(1, 1000),
  'agent-memory-mb': whole(0, 1_000_000),
  'reserve-memory-mb': whole(0, 100_000_000),
  'quiet-seconds': whole(1, 24 * 3600),
  'agent-answer-seconds': whole(0, 24 * 3600),
  'agent-start-seconds': whole(0, 24 * 3600),
  'model-silence-seconds': whole(0, 7 * 24 * 3600),
  'resume-at-reset': z.enum(['on', 'off'], 'must be on or off'),
  'budget-chat-usd': dollars,
  'budget-day-usd': dollars,
  'budget-server-usd': dollars,
  'bypass-permissions': z.enum(bypassRules, { error: `must be one of ${bypassRules.join(', ')}` }),
  'log-level': z.enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` }),
  'log-format': z.enum(logFormats, { error: `must be one of ${logFormats.join(', ')}` }),
  'agent-env': names,
  sandbox: z.enum(sandboxModes, { error: `must be one of ${sandboxModes.join(', ')}` }),
  'sandbox-read': paths,
  'sandbox-write': paths,
  'sandbox-network': z.enum(sandboxNetworks, { error: `must be one of ${sandboxNetworks.join(', ')}` }),
  'sandbox-hosts': hosts,
  'sandbox-directories': sandboxDirectories,
  'terminal-passthrough': passthroughs,
  'secrets-key-file': z.string().min(1, 'must be the path of a file'),
  ...singleSignOnSchemas,
  'token-file': z.string().min(1, 'must be the path of a file'),
} satisfies Record<Setting['flag'], z.ZodType>;

const mb = 1024 * 1024;
const gateValues: Record<string, boolean> = { '': false, '0': false, false: false, '1': true, true: true };

/** Throws `config_invalid` with one sentence that names the setting. */
export function readConfig(source: { flags?: Flags; env: Environment; defaultDataDir?: string }): Config {
  const { flags = {}, env } = source;
  for (const name of Object.keys(env)) {
    if (name.startsWith('BOOCODE_') && !knownVariables.has(name)) {
      throw invalid(`There is no setting ${name}. See \`boocode serve --help\`.`);
    }
  }

  function read<F extends Setting['flag']>(flag: F): z.output<(typeof schemas)[F]> | null {
    const setting = settings.find((each) => each.flag === flag) as Setting;
    const given = flags[flag] ?? (env[setting.env] || undefined);
    const text = given ?? setting.fallback;
    if (text === null) return null;
    const result = schemas[flag].safeParse(text);
    if (result.success) return result.data as z.output<(typeof schemas)[F]>;
    const name = flags[flag] === undefined ? setting.env : `--${flag}`;
    throw invalid(
      `${name}: ${result.error.issues[0]?.message ?? 'is not valid'} (it is ${JSON.stringify(shown(flag, text))}).`,
    );
  }

  const gate = gateValues[(env['CLAUDE_SDK_BACKEND'] ?? '').trim().toLowerCase()];
  if (gate === undefined) throw invalid('CLAUDE_SDK_BACKEND: must be 1 or 0 (or true, or false).');

  const host = read('host') as string;
  const token = readToken(env, read('token-file'));
  if (!isLoopback(host) && token === null) {
    throw invalid(
      `Listening on ${host} lets others in: set your own token with BOOCODE_TOKEN or --token-file, or listen on 127.0.0.1.`,
    );
  }
  const agentEnvNames = read('agent-env') ?? [];
  const publicOrigins = read('public-origin') ?? [];
  if (token !== null && isWeak(token)) {
    const outside = isLoopback(host) ? publicOrigins.find((origin) => !isLoopbackOrigin(origin)) : host;
    if (outside !== undefined) {
      throw invalid(
        `${env['BOOCODE_TOKEN'] === undefined ? '--token-file' : 'BOOCODE_TOKEN'}: the token can be guessed, and ${outside} lets others try. Create a better one, for example with \`openssl rand -base64 32\`.`,
      );
    }
  }
  const reserveMb = read('reserve-memory-mb');
  const dataDir = resolve(read('data-dir') ?? source.defaultDataDir ?? defaultDataDir(env));
  return Object.freeze({
    host,
    port: read('port') as number,
    dataDir,
    databaseUrl: read('database-url'),
    token,
    publicOrigins,
    basePath: read('base-path') ?? '',
    trustedProxies: read('trusted-proxy') ?? [],
    proxyHeader: read('proxy-header') as ProxyHeader,
    quotas: read('quota') ?? {},
    tls: tlsPaths(read('tls-cert'), read('tls-key'), flags),
    advertiseUrl: read('advertise-url'),
    hostName: read('host-name'),
    drainMs: (read('drain-seconds') as number) * 1000,
    workspaces: mappings(
      read('workspaces'),
      flags.workspaces === undefined ? 'BOOCODE_WORKSPACES' : '--workspaces',
      dataDir,
    ),
    workspaceRoots: read('workspace-root') ?? [],
    clones: read('clone') === 'on',
    idleTimeoutMs: (read('idle-seconds') as number) * 1000,
    startsAtOnce: read('starts-at-once'),
    agentMemoryBytes: (read('agent-memory-mb') as number) * mb,
    reserveMemoryBytes: reserveMb === null ? null : reserveMb * mb,
    quietMs: (read('quiet-seconds') as number) * 1000,
    agentAnswerMs: (read('agent-answer-seconds') as number) * 1000,
    agentStartMs: (read('agent-start-seconds') as number) * 1000,
    modelSilenceMs: (read('model-silence-seconds') as number) * 1000,
    resumeAtReset: read('resume-at-reset') === 'on',
    budgetChatUsd: read('budget-chat-usd'),
    budgetDayUsd: read('budget-day-usd'),
    budgetServerUsd: read('budget-server-usd'),
    bypassPermissions: read('bypass-permissions') as BypassRule,
    logLevel: read('log-level') as LogLevel,
    logFormat: read('log-format') as LogFormat,
    sdkByDefault: gate,
    terminalPassthrough: read('terminal-passthrough') ?? [],
    agentEnv: agentEnvironment(env, agentEnvNames),
    agentEnvNames,
    sandbox: read('sandbox') as SandboxMode,
    sandboxRead: read('sandbox-read') ?? [],
    sandboxWrite: read('sandbox-write') ?? [],
    secretsKeyFile: resolve(read('secrets-key-file') ?? defaultKeyFile(dataDir)),
    sandboxNetwork: read('sandbox-network') as SandboxNetworkMode,
    sandboxHosts: read('sandbox-hosts') ?? [],
    sandboxDirectories: read('sandbox-directories') ?? [],
    singleSignOn: singleSignOnOf(
      {
        issuer: read('oidc-issuer'),
        clientId: read('oidc-client-id'),
        clientSecretFile: read('oidc-client-secret-file'),
        scopes: read('oidc-scopes') as string,
        roleClaim: read('oidc-role-claim') as string,
        roleRules: read('oidc-roles') ?? [],
        sessionHours: read('oidc-session-hours') as number,
      },
      (flag) => (flags[flag] === undefined ? `BOOCODE_${flag.toUpperCase().replaceAll('-', '_')}` : `--${flag}`),
    ),
    tokenFile: read('token-file'),
  });
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function isLoopbackOrigin(origin: string): boolean {
  return isLoopback(new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1'));
}

function tlsPaths(cert: string | null, key: string | null, flags: Flags): TlsPaths | null {
  const nameOf = (flag: 'tls-cert' | 'tls-key', env: string): string => (flags[flag] === undefined ? env : `--${flag}`);
  if (cert === null && key === null) return null;
  if (key === null) {
    throw invalid(`${nameOf('tls-cert', 'BOOCODE_TLS_CERT')}: needs the certificate’s private key, --tls-key, too.`);
  }
  if (cert === null) {
    throw invalid(`${nameOf('tls-key', 'BOOCODE_TLS_KEY')}: needs the certificate of this key, --tls-cert, too.`);
  }
  return { cert: resolve(cert), key: resolve(key) };
}

/** The text may contain a password, and is not repeated. */
function mappings(text: string | null, name: string, dataDir: string): WorkspaceMapping[] {
  try {
    return text === null ? [] : readWorkspaceMap(text, dataDir);
  } catch (cause) {
    throw new BooError('config_invalid', `${name}: ${toBooError(cause).message}.`, { cause });
  }
}

function readToken(env: Environment, file: string | null): string | null {
  let token = env['BOOCODE_TOKEN'];
  let name = 'BOOCODE_TOKEN';
  if (token === undefined && file !== null) {
    name = `--token-file: the content of ${file}`;
    try {
      token = readFileSync(file, 'utf8').trim();
    } catch (cause) {
      throw new BooError('config_invalid', `--token-file: ${file} cannot be read.`, { cause });
    }
  }
  if (token === undefined) return null;
  if (!/^[\x21-\x7e]{16,512}$/.test(token)) {
    const rule = 'must be 16 to 512 printable characters without spaces and line breaks';
    throw invalid(name === 'BOOCODE_TOKEN' ? `${name}: ${rule}.` : `${name} ${rule}.`);
  }
  return token;
}

/** A database's URL contains a password: it is never repeated. */
function shown(flag: Setting['flag'], text: string): string {
  return flag === 'database-url' ? '…' : text;
}

function invalid(message: string): BooError {
  return new BooError('config_invalid', message);
}
