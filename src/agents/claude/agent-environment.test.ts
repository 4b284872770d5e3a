import { describe, expect, test } from 'vitest';
import { readConfig } from '../../config.ts';
import { agentEnvironment } from './agent-environment.ts';

/** Everything that an operator’s environment may contain at once. */
const shell = {
  PATH: '/bin',
  HOME: '/home/me',
  LC_ALL: 'C',
  XDG_CONFIG_HOME: '/home/me/.config',
  HTTPS_PROXY: 'http://proxy',
  ANTHROPIC_MODEL: 'opus',
  ANTHROPIC_DEFAULT_HAIKU_MODEL: 'haiku',
  ANTHROPIC_API_KEY: 'a',
  ANTHROPIC_BASE_URL: 'https://a',
  AWS_REGION: 'b',
  AWS_SECRET_ACCESS_KEY: 'b',
  AWS_BEARER_TOKEN_BEDROCK: 'b',
  GOOGLE_APPLICATION_CREDENTIALS: 'v',
  ANTHROPIC_VERTEX_PROJECT_ID: 'v',
  VERTEX_REGION_CLAUDE_HAIKU_4_5: 'v',
  ANTHROPIC_FOUNDRY_API_KEY: 'f',
  AZURE_CLIENT_SECRET: 'f',
  ANTHROPIC_AWS_API_KEY: 'p',
};
const always = [
  'PATH',
  'HOME',
  'LC_ALL',
  'XDG_CONFIG_HOME',
  'HTTPS_PROXY',
  'ANTHROPIC_MODEL',
  'ANTHROPIC_DEFAULT_HAIKU_MODEL',
];
const namesOf = (env: Record<string, string>): string[] => Object.keys(agentEnvironment(env)).toSorted();

describe('AGENT-13: an agent gets only the model keys of the provider in use', () => {
  test.each([
    [{}, ['ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL']],
    [{ CLAUDE_CODE_USE_BEDROCK: '0' }, ['ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL']],
    [{ CLAUDE_CODE_USE_BEDROCK: '1' }, ['AWS_REGION', 'AWS_SECRET_ACCESS_KEY', 'AWS_BEARER_TOKEN_BEDROCK']],
    [
      { CLAUDE_CODE_USE_BEDROCK: 'true', CLAUDE_CODE_USE_MANTLE: '1' },
      ['AWS_REGION', 'AWS_SECRET_ACCESS_KEY', 'AWS_BEARER_TOKEN_BEDROCK'],
    ],
    [{ CLAUDE_CODE_USE_ANTHROPIC_AWS: '1' }, ['AWS_REGION', 'AWS_SECRET_ACCESS_KEY', 'ANTHROPIC_AWS_API_KEY']],
    [
      { CLAUDE_CODE_USE_VERTEX: 'yes' },
      ['GOOGLE_APPLICATION_CREDENTIALS', 'ANTHROPIC_VERTEX_PROJECT_ID', 'VERTEX_REGION_CLAUDE_HAIKU_4_5'],
    ],
    [{ CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD: '1' }, ['GOOGLE_APPLICATION_CREDENTIALS']],
    [{ CLAUDE_CODE_USE_FOUNDRY: '1' }, ['ANTHROPIC_FOUNDRY_API_KEY', 'AZURE_CLIENT_SECRET']],
  ])('with %o', (switches, keys) => {
    const on = Object.entries(switches).flatMap(([name, value]) => (value === '0' ? [] : [name]));
    expect(namesOf({ ...shell, ...switches })).toEqual([...always, ...on, ...keys].toSorted());
  });

  test('two providers at once are refused in one sentence that names both settings', () => {
    const env = { ...shell, CLAUDE_CODE_USE_BEDROCK: '1', CLAUDE_CODE_USE_VERTEX: '1' };
    expect(() => readConfig({ env })).toThrow(
      /^CLAUDE_CODE_USE_BEDROCK and CLAUDE_CODE_USE_VERTEX are both on: .* Unset/,
    );
  });
});

test('AGENT-5 AGENT-13: no variable is passed because of its prefix, and none that runs code or forwards a key', () => {
  const strangers = {
    ANTHROPIC_WEBHOOK_SIGNING_KEY: 's',
    AWS_ANYTHING: 's',
    GOOGLE_API_KEY: 's',
    VERTEX_TOKEN: 's',
    LC_SECRET: 's',
    XDG_SESSION_ID: 's',
    NODE_OPTIONS: '--require /tmp/x',
    LD_PRELOAD: '/tmp/x',
    BASH_ENV: '/tmp/x',
    SSH_AUTH_SOCK: '/tmp/agent',
    GITHUB_TOKEN: 's',
    CLAUDE_CODE_MESSAGING_TOKEN: 's',
    CLAUDE_CODE_ENTRYPOINT: 'sdk-ts',
  };
  for (const provider of ['', 'BEDROCK', 'VERTEX', 'FOUNDRY']) {
    const passed = Object.keys(agentEnvironment({ ...strangers, [`CLAUDE_CODE_USE_${provider}`]: '1' }));
    expect(passed.filter((name) => name in strangers)).toEqual([]);
  }
  // The operator may name them.
  const env = { ...strangers, BOOCODE_AGENT_ENV: 'SSH_AUTH_SOCK, GITHUB_TOKEN' };
  expect(readConfig({ env })).toMatchObject({
    agentEnv: { SSH_AUTH_SOCK: '/tmp/agent', GITHUB_TOKEN: 's' },
    agentEnvNames: ['SSH_AUTH_SOCK', 'GITHUB_TOKEN'],
  });
});

test.each(['BOOCODE_TOKEN', 'boocode_token', 'DATABASE_URL', 'Database_Url', 'PGPASSWORD', 'PGSSLKEY', 'PG_X'])(
  'AGENT-5: %s is never passed, even if it is named',
  (name) => {
    expect(agentEnvironment({ [name]: 'secret' }, [name])).toEqual({});
    expect(() => readConfig({ flags: { 'agent-env': `EDITOR,${name}` }, env: {} })).toThrow(/^--agent-env: .*never/);
  },
);
