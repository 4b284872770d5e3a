/** What "always allow" would make the program remember, in words: one line per item, saying for how long. */
import type { PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import { asList, asRecord, asText } from './mapping/loose-json.ts';

const untilRest = 'in this chat until its agent stops';

/** Where the program stores it, and so where it applies. Only chats that trust a directory read its settings. */
const destinations: Record<PermissionUpdate['destination'], string> = {
  session: untilRest,
  cliArg: untilRest,
  localSettings: `${untilRest}, and in all chats that trust this directory (.claude/settings.local.json)`,
  projectSettings: `${untilRest}, and for everyone who trusts this directory (.claude/settings.json)`,
  userSettings: 'in all your chats, in any directory (~/.claude/settings.json)',
};

const modes: Partial<Record<string, string>> = {
  acceptEdits: 'Allow all file edits, and commands that create, move, copy or remove files in the directory',
  plan: 'Change nothing until a plan is approved',
  default: 'Ask before changing anything',
  auto: 'Let a classifier decide what to ask about',
  dontAsk: 'Refuse, without asking, anything that is not already allowed',
  bypassPermissions: 'Allow everything',
};
const behaviors = { allow: 'Allow', deny: 'Deny', ask: 'Ask about' };

const quoted = (text: unknown): string => `“${String(text)}”`;

/** For example `Bash(npm run *)`, in the program's own notation: the part in parentheses says which calls. */
function ruleWords(rule: unknown): string {
  const { toolName, ruleContent } = asRecord(rule);
  const tool = asText(toolName) ?? 'a tool';
  const content = asText(ruleContent) ?? '';
  if (content === '') return `every call of ${tool}`;
  if (tool === 'Bash') {
    const prefix = /^(.*):\*$/s.exec(content)?.[1];
    if (prefix !== undefined) return `every command that starts with ${quoted(prefix)}`;
    return `${content.includes('*') ? 'every command like' : 'the command'} ${quoted(content)}`;
  }
  const domain = /^domain:(.+)$/s.exec(content)?.[1];
  if (domain !== undefined) return `${tool} from ${quoted(domain)}`;
  // Two slashes start a path from the root.
  const directory = /^\/(\/.*)\/\*\*$/s.exec(content)?.[1];
  return directory === undefined ? `${tool} of ${quoted(content)}` : `${tool} of everything in ${quoted(directory)}`;
}

function updateWords(update: PermissionUpdate): string[] {
  switch (update.type) {
    case 'addRules':
      return asList(update.rules).map((rule) => `${behaviors[update.behavior]} ${ruleWords(rule)}`);
    case 'replaceRules':
      return asList(update.rules).map(
        (rule) => `Instead of other rules: ${behaviors[update.behavior]} ${ruleWords(rule)}`,
      );
    case 'removeRules':
      return asList(update.rules).map((rule) => `Forget the rule about ${ruleWords(rule)}`);
    case 'setMode':
      return [modes[update.mode] ?? `Change the permission mode to ${quoted(update.mode)}`];
    case 'addDirectories':
      return asList(update.directories).map((directory) => `Work in ${quoted(directory)} too`);
    case 'removeDirectories':
      return asList(update.directories).map((directory) => `No longer work in ${quoted(directory)}`);
    default:
      // A newer program may suggest types that are unknown here; showing them raw is better than hiding them.
      return [`Make a change that BooCode does not know, ${JSON.stringify(update satisfies never)}`];
  }
}

/** A mode belongs to the chat, and is restored with its agent. */
const whereOf = ({ type, destination }: PermissionUpdate): string =>
  type === 'setMode' && destination === 'session'
    ? 'in this chat until its permission mode is changed'
    : (destinations[destination] ?? `stored in ${quoted(destination)}`);

/**
 * Adds, for each rule that is stored in a directory's settings, the same rule for the session: a chat that does not
 * trust its directory does not read those settings, but the rule must apply in it too.
 */
export const heldHereToo = (suggestions: readonly PermissionUpdate[]): PermissionUpdate[] =>
  suggestions.flatMap((update) =>
    update.type === 'addRules' && ['localSettings', 'projectSettings'].includes(update.destination)
      ? [update, { ...update, destination: 'session' as const }]
      : [update],
  );

/** The rules that are stored in the directory's own settings, as the program writes them there. */
export const keptRules = (suggestions: readonly PermissionUpdate[]): string[] =>
  suggestions.flatMap((update) =>
    update.type === 'addRules' && update.destination === 'localSettings' && update.behavior === 'allow'
      ? update.rules.map(({ toolName, ruleContent }) =>
          ruleContent === undefined ? toolName : `${toolName}(${ruleContent})`,
        )
      : [],
  );

/** One line per item, not sanitized: the contents of a rule may come from the model. */
export const alwaysScope = (suggestions: readonly PermissionUpdate[]): string[] =>
  suggestions.flatMap((update) => updateWords(update).map((words) => `${words}, ${whereOf(update)}.`));
