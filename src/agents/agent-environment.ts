/**
 * What an agent's process gets of the server's environment: an allow-list, since whatever the agent runs can read it.
 * The server's own secrets (its token, the database's address) are on no list and cannot be put there.
 */
const names = new Set(
  [
    'PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM COLORTERM TMPDIR TEMP TMP',
    'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy',
    'SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS SSH_AUTH_SOCK SSH_AGENT_PID GPG_TTY',
    'SystemRoot APPDATA LOCALAPPDATA USERPROFILE ComSpec PATHEXT',
    'CLAUDE_CONFIG_DIR CLAUDE_CODE_OAUTH_TOKEN CLAUDE_CODE_USE_BEDROCK CLAUDE_CODE_USE_VERTEX CLAUDE_CODE_USE_FOUNDRY',
    'CLAUDE_CODE_MAX_OUTPUT_TOKENS CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC CLOUD_ML_REGION MAX_THINKING_TOKENS',
    'DISABLE_AUTOUPDATER DISABLE_TELEMETRY IS_SANDBOX',
  ].flatMap((line) => line.split(' ')),
);
const prefixes = ['LC_', 'XDG_', 'ANTHROPIC_', 'AWS_', 'GOOGLE_', 'VERTEX_'];
const never = /^(BOOCODE_|DATABASE_URL$|PG[A-Z]+$)/;

/** `more` are further names that the operator passes on purpose. */
export function agentEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  more: readonly string[] = [],
): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || never.test(name)) continue;
    if (names.has(name) || prefixes.some((prefix) => name.startsWith(prefix)) || more.includes(name)) {
      passed[name] = value;
    }
  }
  return passed;
}
