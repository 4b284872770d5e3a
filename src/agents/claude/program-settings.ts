/**
 * Settings that we hand to the program at its start, on both engines: above the user's and the directory's own files, and
 * below those of an administrator.
 */
import type { Settings } from '@anthropic-ai/claude-agent-sdk';
import type { BackendName } from '../../protocol/chat.ts';
import type { AgentSessionSpec } from '../agent-backend.ts';

export function programSettings({ trusted }: AgentSessionSpec, backend: BackendName): Settings {
  return {
    // Another chat's agent may not begin a turn here.
    crossSessionInbound: 'refuse',
    // Ours have to hold whatever a settings file says.
    disableAllHooks: false,
    // What a repository's `.git/config` and `.gitattributes` name is run by `git status` and its like, which the program
    // takes for reading only and allows by itself.
    ...(trusted ? {} : askAboutGit(backend)),
  };
}

/**
 * The terminal program takes a hook's “allow” for the answer to another hook's question, but not to that of a rule: there
 * only its own dialog would do, and a decision of the API could never be allowed.
 */
function askAboutGit(backend: BackendName): Settings {
  if (backend === 'claude_sdk') return { permissions: { ask: ['Bash(git *)'] } };
  const hook = { type: 'command', command: process.execPath, args: ['-e', gitHook] } as const;
  return { hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [hook] }] } };
}

// Runs as the hook. What it cannot read it asks about. Quotes and escapes hide no word, and a wider net does no harm: what
// the program would allow by itself names git in plain letters.
const gitHook = String.raw`
let input = '';
process.stdin.on('data', (chunk) => (input += chunk));
process.stdin.on('end', () => {
  let command = 'git';
  try {
    command = String(JSON.parse(input).tool_input.command).replace(/\\\r?\n|["'\\]/g, '');
  } catch {}
  if (!/(^|[^\w.])git(?!\w)/i.test(command)) return;
  const permissionDecisionReason = 'Git runs what a repository’s configuration names, and this directory is not trusted.';
  const hookSpecificOutput = { hookEventName: 'PreToolUse', permissionDecision: 'ask', permissionDecisionReason };
  process.stdout.write(JSON.stringify({ hookSpecificOutput }));
});`;
