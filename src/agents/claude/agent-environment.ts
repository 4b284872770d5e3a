/**
 * What an agent's process inherits from the server's environment: an allow-list of exact names, because anything the
 * agent runs can read it. Of the model keys, only those of the provider in use are on it. The server's own secrets (its
 * token, the database URL) are on no list and cannot be added.
 */
import { chooseProvider, isOfProvider } from './provider.ts';

const tiers = ['FABLE', 'HAIKU', 'OPUS', 'SONNET'].map((tier) => `ANTHROPIC_DEFAULT_${tier}_MODEL`);
const models = [...tiers, 'ANTHROPIC_CUSTOM_MODEL_OPTION'].flatMap((name) =>
  ['', '_NAME', '_DESCRIPTION', '_SUPPORTED_CAPABILITIES'].map((end) => name + end),
);

const names = new Set([
  ...[
    'PATH HOME USER LOGNAME SHELL TZ TERM COLORTERM TMPDIR TEMP TMP',
    'LANG LANGUAGE LC_ALL LC_ADDRESS LC_COLLATE LC_CTYPE LC_IDENTIFICATION LC_MEASUREMENT LC_MESSAGES LC_MONETARY LC_NAME',
    'LC_NUMERIC LC_PAPER LC_TELEPHONE LC_TIME',
    'XDG_CACHE_HOME XDG_CONFIG_DIRS XDG_CONFIG_HOME XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR XDG_STATE_HOME',
    'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy',
    'SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS',
    'SystemRoot APPDATA LOCALAPPDATA USERPROFILE ComSpec PATHEXT',
    'CLAUDE_CONFIG_DIR CLAUDE_CODE_MAX_OUTPUT_TOKENS CLAUDE_CODE_SUBAGENT_MODEL MAX_THINKING_TOKENS',
    'CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC DISABLE_AUTOUPDATER DISABLE_TELEMETRY IS_SANDBOX',
    'ANTHROPIC_MODEL ANTHROPIC_DEFAULT_MODEL ANTHROPIC_SMALL_FAST_MODEL ANTHROPIC_BETAS ANTHROPIC_CUSTOM_HEADERS',
  ].flatMap((line) => line.split(' ')),
  ...models,
]);

/** Whether agents inherit it from the server. */
export const isInherited = (name: string): boolean => names.has(name);

/** Whether the name is one of the server's own, in any spelling that the system treats as the same name. */
export function isServersOwn(name: string): boolean {
  return /^(BOOCODE_|PG|DATABASE_URL$)/i.test(name);
}

/** The model keys: the program receives them, but nothing that it starts does. */
export const modelKeys: readonly string[] = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'];

/** `more` are additional names that the operator chooses to pass. Throws `config_invalid`, see `chooseProvider`. */
export function agentEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  more: readonly string[] = [],
): Record<string, string> {
  const provider = chooseProvider(env);
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || isServersOwn(name)) continue;
    if (names.has(name) || isOfProvider(provider, name) || more.includes(name)) passed[name] = value;
  }
  return passed;
}
