/**
 * The settings: their names and their `--help` texts. The checks are in `config.ts`, because loading them takes longer
 * than a client command runs.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { sandboxModes } from './protocol/sandbox.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
export const logFormats = ['auto', 'json', 'text'] as const;
export type LogFormat = (typeof logFormats)[number];

/** What agents may do to viewers' terminals beyond drawing. */
export const terminalPassthroughs = ['clipboard', 'notifications', 'titles'] as const;
export type TerminalPassthrough = (typeof terminalPassthroughs)[number];

/** Which header a trusted proxy names its clients in. */
export const proxyHeaders = ['x-forwarded-for', 'forwarded'] as const;
export type ProxyHeader = (typeof proxyHeaders)[number];

/** Chats, and live sockets, feeds and terminals at a time, by person; prompts that wait in a chat. */
export const quotaNames = ['chats-per-hour', 'chats-per-day', 'sockets', 'feeds', 'terminals', 'prompts'] as const;
/** Where agents may work without asking. */
export const bypassRules = ['allow', 'sandboxed', 'never'] as const;
export type BypassRule = (typeof bypassRules)[number];

/** Every setting that has a flag. */
export const settings = [
  { flag: 'host', env: 'BOOCODE_HOST', value: '<name>', about: 'address to listen on', fallback: '127.0.0.1' },
  {
    flag: 'port',
    env: 'BOOCODE_PORT',
    value: '<number>',
    about: 'port to listen on; 0 picks a free one',
    fallback: '4127',
  },
  {
    flag: 'data-dir',
    env: 'BOOCODE_DATA_DIR',
    value: '<path>',
    about: 'where the token and the embedded database live',
    fallback: null,
  },
  {
    flag: 'database-url',
    env: 'DATABASE_URL',
    value: '<url>',
    about: 'your own Postgres, instead of the embedded one',
    fallback: null,
  },
  {
    flag: 'public-origin',
    env: 'BOOCODE_PUBLIC_ORIGIN',
    value: '<origins>',
    about: 'where browsers reach the server from outside, comma separated; a path is what a proxy strips',
    fallback: null,
  },
  {
    flag: 'base-path',
    env: 'BOOCODE_BASE_PATH',
    value: '<path>',
    about: 'the path below which a proxy serves BooCode if it does not strip it, such as /boo',
    fallback: null,
  },
  {
    flag: 'trusted-proxy',
    env: 'BOOCODE_TRUSTED_PROXY',
    value: '<addresses>',
    about: 'addresses or networks of proxies whose word about their clients is taken, comma separated or repeated',
    fallback: null,
  },
  {
    flag: 'proxy-header',
    env: 'BOOCODE_PROXY_HEADER',
    value: '<name>',
    about: `where trusted proxies name their clients: ${proxyHeaders.join(' or ')}`,
    fallback: 'x-forwarded-for',
  },
  {
    flag: 'tls-cert',
    env: 'BOOCODE_TLS_CERT',
    value: '<path>',
    about: 'the certificate with its chain, in PEM: the server then speaks HTTPS; read again when it changes',
    fallback: null,
  },
  {
    flag: 'tls-key',
    env: 'BOOCODE_TLS_KEY',
    value: '<path>',
    about: "the certificate's private key, in PEM",
    fallback: null,
  },
  {
    flag: 'quota',
    env: 'BOOCODE_QUOTA',
    value: '<pairs>',
    about: `what one person may use, such as chats-per-hour=100,sockets=20; 0 for no limit: ${quotaNames.join(', ')}`,
    fallback: null,
  },
  {
    flag: 'advertise-url',
    env: 'BOOCODE_ADVERTISE_URL',
    value: '<url>',
    about: 'where other hosts on the same database reach this one, such as http://10.0.0.5:4127',
    fallback: null,
  },
  {
    flag: 'host-name',
    env: 'BOOCODE_HOST_NAME',
    value: '<name>',
    about: "this host's name among the hosts on the same database (default: the machine's name)",
    fallback: null,
  },
  {
    flag: 'drain-seconds',
    env: 'BOOCODE_DRAIN_SECONDS',
    value: '<number>',
    about: 'how long running turns may take to finish when the server is stopped or drained',
    fallback: '0',
  },
  {
    flag: 'workspaces',
    env: 'BOOCODE_WORKSPACES',
    value: '<pairs|file>',
    about: 'where directories and repositories of other hosts are here: <path or remote>=<path>, …; or a JSON file',
    fallback: null,
  },
  {
    flag: 'workspace-root',
    env: 'BOOCODE_WORKSPACE_ROOTS',
    value: '<path>',
    about:
      'a directory that the server works in; can be repeated, and then it works and lists nowhere else (default: anywhere ' +
      'but in system directories, in directories of keys and in others’ homes)',
    fallback: null,
  },
  {
    flag: 'clone',
    env: 'BOOCODE_CLONE',
    value: '[on|off]',
    about: 'whether this host clones the repository of a chat whose directory it does not have',
    fallback: 'off',
  },
  {
    flag: 'idle-seconds',
    env: 'BOOCODE_IDLE_SECONDS',
    value: '<number>',
    about: 'how long an unused agent process is kept warm, in chats without a limit of their own',
    fallback: '900',
  },
  {
    flag: 'starts-at-once',
    env: 'BOOCODE_STARTS_AT_ONCE',
    value: '<number>',
    about: 'how many agents may start at the same time (default: as many as the machine has cores)',
    fallback: null,
  },
  {
    flag: 'agent-memory-mb',
    env: 'BOOCODE_AGENT_MEMORY_MB',
    value: '<number>',
    about: 'how much memory must be free for an agent to start; 0 starts agents whatever is free',
    fallback: '256',
  },
  {
    flag: 'reserve-memory-mb',
    env: 'BOOCODE_RESERVE_MEMORY_MB',
    value: '<number>',
    about: 'how much memory agents leave free (default: a tenth of it, at least 256 MB and at most 2 GB)',
    fallback: null,
  },
  {
    flag: 'quiet-seconds',
    env: 'BOOCODE_QUIET_SECONDS',
    value: '<number>',
    about: 'how long a chat must be quiet before it says what it is waiting for',
    fallback: '10',
  },
  {
    flag: 'agent-answer-seconds',
    env: 'BOOCODE_AGENT_ANSWER_SECONDS',
    value: '<number>',
    about: 'how long an unresponsive agent process has to show that it is alive before it is ended; 0 never ends it',
    fallback: '60',
  },
  {
    flag: 'agent-start-seconds',
    env: 'BOOCODE_AGENT_START_SECONDS',
    value: '<number>',
    about: 'how long an agent process may take to start before it is ended, not counting its hooks; 0 never ends it',
    fallback: '60',
  },
  {
    flag: 'model-silence-seconds',
    env: 'BOOCODE_MODEL_SILENCE_SECONDS',
    value: '<number>',
    about: 'how long a model may be silent before its turn is ended; 0 never ends it',
    fallback: '3600',
  },
  {
    flag: 'resume-at-reset',
    env: 'BOOCODE_RESUME_AT_RESET',
    value: '<on|off>',
    about:
      'whether new chats go on by themselves when a usage limit resets: held prompts run, and a turn that it stopped continues',
    fallback: 'off',
  },
  {
    flag: 'budget-chat-usd',
    env: 'BOOCODE_BUDGET_CHAT_USD',
    value: '<dollars>',
    about: 'what each new chat may cost, unless it gets a budget of its own',
    fallback: null,
  },
  {
    flag: 'budget-day-usd',
    env: 'BOOCODE_BUDGET_DAY_USD',
    value: '<dollars>',
    about: 'what all chats together may cost on a day, unless `boocode budget` sets it',
    fallback: null,
  },
  {
    flag: 'budget-server-usd',
    env: 'BOOCODE_BUDGET_SERVER_USD',
    value: '<dollars>',
    about: 'what all chats together may ever cost, unless `boocode budget` sets it',
    fallback: null,
  },
  {
    flag: 'bypass-permissions',
    env: 'BOOCODE_BYPASS_PERMISSIONS',
    value: '<rule>',
    about: `whether owners may let agents work without asking, or only in a sandbox: ${bypassRules.join(', ')}`,
    fallback: 'allow',
  },
  {
    flag: 'log-level',
    env: 'BOOCODE_LOG_LEVEL',
    value: '<level>',
    about: `one of ${logLevels.join(', ')}`,
    fallback: 'info',
  },
  {
    flag: 'log-format',
    env: 'BOOCODE_LOG_FORMAT',
    value: '<format>',
    about: 'json, text for people, or auto: text if standard error is a terminal',
    fallback: 'auto',
  },
  {
    flag: 'agent-env',
    env: 'BOOCODE_AGENT_ENV',
    value: '<names>',
    about: 'additional environment variables for agents and their tools, comma separated',
    fallback: null,
  },
  {
    flag: 'sandbox',
    env: 'BOOCODE_SANDBOX',
    value: '<mode>',
    about: `whether agents run in a sandbox, the least for every chat: ${sandboxModes.join(', ')} (needs bubblewrap)`,
    fallback: 'off',
  },
  {
    flag: 'sandbox-read',
    env: 'BOOCODE_SANDBOX_READ',
    value: '<paths>',
    about: 'what else agents may read in a sandbox, comma separated',
    fallback: null,
  },
  {
    flag: 'sandbox-write',
    env: 'BOOCODE_SANDBOX_WRITE',
    value: '<paths>',
    about: 'what else agents may read and write in a sandbox, comma separated',
    fallback: null,
  },
  {
    flag: 'sandbox-network',
    env: 'BOOCODE_SANDBOX_NETWORK',
    value: '<mode>',
    about:
      'what agents reach in a sandbox, the most for every chat: open for everything, limited to --sandbox-hosts, or off; ' +
      'always the provider of their model',
    fallback: 'open',
  },
  {
    flag: 'sandbox-hosts',
    env: 'BOOCODE_SANDBOX_HOSTS',
    value: '<hosts>',
    about:
      'hosts that a limited network has, such as github.com,*.npmjs.org:443; with port :* for all ports, without one for 80 and ' +
      '443; what is on this machine or in its own network only as an address',
    fallback: null,
  },
  {
    flag: 'sandbox-directories',
    env: 'BOOCODE_SANDBOX_DIRECTORIES',
    value: '<rules>',
    about:
      'what chats have at least in a directory and below it, such as /srv/untrusted=required:off,/srv/team=preferred: the ' +
      'sandbox, and after a colon its network; the strictest of server, directory and chat applies',
    fallback: null,
  },
  {
    flag: 'terminal-passthrough',
    env: 'BOOCODE_TERMINAL_PASSTHROUGH',
    value: '<names>',
    about: `what agents may do to attached terminals, comma separated: ${terminalPassthroughs.join(', ')}`,
    fallback: null,
  },
  {
    flag: 'secrets-key-file',
    env: 'BOOCODE_SECRETS_KEY_FILE',
    value: '<path>',
    about: 'the file with the key of secrets, the same on all hosts (default: secrets.key in the data directory)',
    fallback: null,
  },
  {
    flag: 'oidc-issuer',
    env: 'BOOCODE_OIDC_ISSUER',
    value: '<url>',
    about: 'the OpenID Connect provider that people sign in with',
    fallback: null,
  },
  {
    flag: 'oidc-client-id',
    env: 'BOOCODE_OIDC_CLIENT_ID',
    value: '<id>',
    about: 'what the provider calls this server',
    fallback: null,
  },
  {
    flag: 'oidc-client-secret-file',
    env: 'BOOCODE_OIDC_CLIENT_SECRET_FILE',
    value: '<path>',
    about: 'a file with the secret that the provider has given it, if it has',
    fallback: null,
  },
  {
    flag: 'oidc-scopes',
    env: 'BOOCODE_OIDC_SCOPES',
    value: '<names>',
    about: 'what the provider is asked for, separated by spaces',
    fallback: 'openid profile email',
  },
  {
    flag: 'oidc-role-claim',
    env: 'BOOCODE_OIDC_ROLE_CLAIM',
    value: '<name>',
    about: 'the claim that roles are given by, such as groups or realm_access.roles',
    fallback: 'roles',
  },
  {
    flag: 'oidc-roles',
    env: 'BOOCODE_OIDC_ROLES',
    value: '<pairs>',
    about: 'which of its values give which role, such as owner=admins,member=staff,viewer=*; by default it names roles',
    fallback: null,
  },
  {
    flag: 'oidc-session-hours',
    env: 'BOOCODE_OIDC_SESSION_HOURS',
    value: '<number>',
    about: 'how long a browser stays signed in by it',
    fallback: '168',
  },
  {
    flag: 'token-file',
    env: 'BOOCODE_TOKEN_FILE',
    value: '<path>',
    about: 'a file that contains the token (or set BOOCODE_TOKEN)',
    fallback: null,
  },
] as const;

export type Setting = (typeof settings)[number];
export type Flags = Partial<Record<Setting['flag'], string>>;

/** `$XDG_DATA_HOME/boocode`, or `~/.local/share/boocode`; the demo has its own directory next to it. */
export function defaultDataDir(env: Environment, name: 'boocode' | 'boocode-demo' = 'boocode'): string {
  return join(env['XDG_DATA_HOME'] || join(env['HOME'] || homedir(), '.local', 'share'), name);
}
