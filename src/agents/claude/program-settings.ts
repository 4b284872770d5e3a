/**
 * Settings that we pass to the program when it starts, on both backends. They override the user's and the directory's
 * own files, and are overridden by an administrator's.
 */
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { BackendName } from '../../protocol/chat.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { denyRules, type KeptFiles } from './kept-files.ts';

export function programSettings(
  { trusted, acceptsAgentMessages }: AgentSessionSpec,
  backend: BackendName,
  kept: KeptFiles | null,
): Settings {
  // `git status` and similar commands run programs named in a repository's `.git/config` and `.gitattributes`, but the
  // program treats those commands as read-only and allows them by itself.
  const { permissions, ...settings } = trusted ? asTrusted() : askAboutGit(backend);
  return {
    ...inboundSetting(acceptsAgentMessages),
    // Ours must apply whatever a settings file says.
    disableAllHooks: false,
    ...settings,
    permissions: { ...permissions, ...(kept === null ? {} : { deny: denyRules(kept) }) },
  };
}

/** Whether other sessions' agents may start turns. Always set: by default the program delivers their messages. */
export function inboundSetting(accepts: boolean): Settings {
  return { crossSessionInbound: accepts ? 'accept' : 'refuse' };
}

/**
 * Trust applies to the content at the start. The program watches its settings files, and would run what a change adds
 * immediately. The servers in `.mcp.json` were reviewed with the rest.
 */
function asTrusted(): Settings {
  const refused = {
    decision: 'block',
    reason: 'The directory’s settings have changed and have not been reviewed yet.',
  };
  const hook = node('-p', 'process.argv[1]', JSON.stringify(refused));
  return {
    hooks: { ConfigChange: [{ matcher: 'project_settings|local_settings|skills', hooks: [hook] }] },
    enableAllProjectMcpServers: true,
  };
}

/**
 * The terminal program accepts a hook's “allow” as the answer to another hook's question, but not to a rule's: that
 * would need its own dialog, and a decision in the API could never allow the call.
 */
function askAboutGit(backend: BackendName): Settings {
  if (backend === 'claude_sdk') return { permissions: { ask: ['Bash(git *)'] } };
  return {
    hooks: {
      PreToolUse: [{ matcher: 'Bash', hooks: [node('-e', gitHook)] }],
      // Shell lines in skills and commands never ask: a rule that asks keeps them from running.
      PreSkillShellCommand: [{ hooks: [node('-e', gitHook)] }],
    },
  };
}

/** A hook that runs one of our scripts, without a shell. If it cannot run, the answer is no. */
function node(...args: string[]): { type: 'command'; command: string; args: string[]; onFailure: 'block' } {
  return { type: 'command', command: process.execPath, args, onFailure: 'block' };
}

// Runs as the hook. It asks about everything that it cannot parse. Quotes and escapes cannot hide a word, and matching
// too much does no harm: the commands that the program allows by itself contain a plain `git`.
const gitHook = String.raw`
let input = '';
process.stdin.on('data', (chunk) => (input += chunk));
process.stdin.on('end', () => {
  let command = 'git';
  let hookEventName = 'PreToolUse';
  try {
    const asked = JSON.parse(input);
    hookEventName = asked.hook_event_name;
    command = String(asked.tool_input.command).replace(/\\\r?\n|["'\\]/g, '');
  } catch {}
  if (!/(^|[^\w.])git(?!\w)/i.test(command)) return;
  const permissionDecisionReason = 'Git runs programs named in a repository’s configuration, and this directory is not trusted.';
  const hookSpecificOutput = { hookEventName, permissionDecision: 'ask', permissionDecisionReason };
  process.stdout.write(JSON.stringify({ hookSpecificOutput }));
});`;
