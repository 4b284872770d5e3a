/**
 * Settings that we hand to the program at its start, on both engines: above the user's and the directory's own files, and
 * below those of an administrator.
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
  // What a repository's `.git/config` and `.gitattributes` name is run by `git status` and its like, which the program
  // takes for reading only and allows by itself.
  const { permissions, ...settings } = trusted ? asTrusted() : askAboutGit(backend);
  return {
    ...inboundSetting(acceptsAgentMessages),
    // Ours have to hold whatever a settings file says.
    disableAllHooks: false,
    ...settings,
    permissions: { ...permissions, ...(kept === null ? {} : { deny: denyRules(kept) }) },
  };
}

/** Whether other sessions' agents may begin turns. Always said: left out, the program delivers what comes from its like. */
export function inboundSetting(accepts: boolean): Settings {
  return { crossSessionInbound: accepts ? 'accept' : 'refuse' };
}

/**
 * What was trusted is what stood there at the start: the program follows its settings files, and would run what a change
 * brings at once. The servers of `.mcp.json` were looked at with the rest.
 */
function asTrusted(): Settings {
  const refused = { decision: 'block', reason: 'The directory’s settings have changed, and were not looked at yet.' };
  const hook = node('-p', 'process.argv[1]', JSON.stringify(refused));
  return {
    hooks: { ConfigChange: [{ matcher: 'project_settings|local_settings|skills', hooks: [hook] }] },
    enableAllProjectMcpServers: true,
  };
}

/**
 * The terminal program takes a hook's “allow” for the answer to another hook's question, but not to that of a rule: there
 * only its own dialog would do, and a decision of the API could never be allowed.
 */
function askAboutGit(backend: BackendName): Settings {
  if (backend === 'claude_sdk') return { permissions: { ask: ['Bash(git *)'] } };
  return {
    hooks: {
      PreToolUse: [{ matcher: 'Bash', hooks: [node('-e', gitHook)] }],
      // The shell lines of skills and commands are asked about nowhere: a question keeps them from running.
      PreSkillShellCommand: [{ hooks: [node('-e', gitHook)] }],
    },
  };
}

/** A hook that runs a script of ours, no shell between. If it cannot, the answer is no. */
function node(...args: string[]): { type: 'command'; command: string; args: string[]; onFailure: 'block' } {
  return { type: 'command', command: process.execPath, args, onFailure: 'block' };
}

// Runs as the hook. What it cannot read it asks about. Quotes and escapes hide no word, and a wider net does no harm: what
// the program would allow by itself names git in plain letters.
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
  const permissionDecisionReason = 'Git runs what a repository’s configuration names, and this directory is not trusted.';
  const hookSpecificOutput = { hookEventName, permissionDecision: 'ask', permissionDecisionReason };
  process.stdout.write(JSON.stringify({ hookSpecificOutput }));
});`;
