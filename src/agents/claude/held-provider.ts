/**
 * The server decides which model provider an agent uses, and with which key. A directory's settings can set variables
 * and name helper programs that would send the key, or the conversation, elsewhere; on both backends, these are fixed
 * to the server's values.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { modelKeys } from './agent-environment.ts';
import { readDirectoryContent, settingsFiles } from './files/directory-content.ts';
import { configDirOf } from './files/transcript-file.ts';
import { asRecord } from './mapping/loose-json.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Programs that produce a key, or headers with one. */
const helpers = [
  'apiKeyHelper',
  'awsAuthRefresh',
  'awsCredentialExport',
  'gcpAuthRefresh',
  'otelHeadersHelper',
  'proxyAuthHelper',
] as const;

/** Variables that set where requests go, through which proxy, with which key, and which certificates TLS trusts. */
export const providerNames = new RegExp(
  [
    '^(ANTHROPIC|AWS|GOOGLE|GCLOUD|GCE|VERTEX|CLOUD_ML|AZURE|METADATA_SERVER|SSL_CERT|_?CLAUDE_CODE_ASSUME)_?',
    '^CLAUDE_CODE_(USE|SKIP|OAUTH|API|HOST|PROVIDER|CLIENT|CERT|GATEWAY|HTTPS?|RUNNER|SESSION|REMOTE|MANAGED|GB)_',
    '^CLAUDE_(BG|BRIDGE|GATEWAY|LOCAL|REMOTE|SECURESTORAGE)_',
    'PROXY',
    '^(NODE_(OPTIONS|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED)|BUN_.*|CLAUDE_CONFIG_DIR|HOME|USERPROFILE|XDG_CONFIG_HOME)$',
  ].join('|'),
  'i',
);

/**
 * The environment of an agent if the server's environment contains a key. The program then takes URL, key and proxy
 * from it alone, whatever a settings file says, and passes the key to no command, hook or MCP server. Without a key
 * this would also keep the program from using its own login, so then only `heldProvider` applies.
 */
export function providerEnv<T extends Env>(env: T): T | (T & { CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: string }) {
  return modelKeys.some((name) => env[name]) ? { ...env, CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: '1' } : env;
}

/**
 * Settings that override those of a trusted directory, for everything its files say about the provider: the server's
 * own value, else the user's, else none.
 */
export async function heldProvider({ trusted, cwd, directory }: AgentSessionSpec, env: Env): Promise<Settings> {
  if (!trusted) return {};
  const configDir = configDirOf(env);
  const { files } = directory ?? (await readDirectoryContent(cwd, configDir));
  const settings = files
    .filter(({ path }) => settingsFiles.includes(path))
    .map(({ text }) => parseSettings(text ?? ''));
  const names = settings.flatMap((each) => Object.keys(asRecord(each.env))).filter((name) => providerNames.test(name));
  const helped = helpers.filter((name) => settings.some((each) => name in each));
  if (names.length + helped.length === 0) return {};
  // The user's own values apply if the server's environment has none.
  const user = parseSettings(await readFile(join(configDir, 'settings.json'), 'utf8').catch(() => ''));
  return {
    ...Object.fromEntries(helped.map((name) => [name, user[name] ?? ''])),
    env: Object.fromEntries(names.map((name) => [name, env[name] ?? user.env?.[name] ?? ''])),
  };
}

function parseSettings(text: string): Settings {
  try {
    return asRecord(JSON.parse(text));
  } catch {
    // A directory's files were parsed before; the user's are used by the program only if they parse.
    return {};
  }
}
