/** What "always allow" would have the program remember, in words: one line for each thing, and for how long. */
import type { PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import { asList, asRecord, asText } from './mapping/loose-json.ts';

const untilRest = 'in this chat until its agent goes to rest';

/** Where the program keeps it, and so whom it holds for. Settings of a directory are read by chats that trust it only. */
const destinations: Record<PermissionUpdate['destination'], string> = {
  session: untilRest,
  cliArg: untilRest,
  localSettings: `${untilRest}, and in all chats that trust this directory (.claude/settings.local.json)`,
  projectSettings: `${untilRest}, and for everybody who trusts this directory (.claude/settings.json)`,
  userSettings: 'in every chat of yours in any directory (~/.claude/settings.json)',
};

const modes: Partial<Record<string, string>> = {
  acceptEdits: 'Allow every edit of a file, and commands that make, move, copy or remove files in the directory',
  plan: 'Change nothing until a plan is approved',
  default: 'Ask before something is changed',
  auto: 'Let a classifier decide what is asked about',
  dontAsk: 'Refuse, without asking, what is not allowed already',
  bypassPermissions: 'Allow everything',
};
const behaviors = { allow: 'Allow', deny: 'Deny', ask: 'Ask about' };

const quoted = (text: unknown): string => `“${String(text)}”`;

/** For example `Bash(npm run *)`, as the program writes its rules: the part in brackets says which calls. */
function ruleWords(rule: unknown): string {
  const { toolName, ruleContent } = asRecord(rule);
  const tool = asText(toolName) ?? 'a tool';
  const content = asText(ruleContent) ?? '';
  if (content === '') return `every call of ${tool}`;
  if (tool === 'Bash') {
    const prefix = /^(.*):\*$/s.exec(content)?.[1];
    if (prefix !== undefined) return `every command that begins with ${quoted(prefix)}`;
    return `${content.includes('*') ? 'every command like' : 'the command'} ${quoted(content)}`;
  }
  const domain = /^domain:(.+)$/s.exec(content)?.[1];
  if (domain !== undefined) return `${tool} from ${quoted(domain)}`;
  // Two slashes begin a path from the root.
  const directory = /^\/(\/.*)\/\*\*$/s.exec(content)?.[1];
  return directory === undefined ? `${tool} of ${quoted(content)}` : `${tool} of all in ${quoted(directory)}`;
}

function updateWords(update: PermissionUpdate): string[] {
  switch (update.type) {
    case 'addRules':
      return asList(update.rules).map((rule) => `${behaviors[update.behavior]} ${ruleWords(rule)}`);
    case 'replaceRules':
      return asList(update.rules).map(
        (rule) => `In place of other rules: ${behaviors[update.behavior]} ${ruleWords(rule)}`,
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
      // A newer program may suggest more than is known here; to hide it would be worse than to show it as it is.
      return [`Change what is not known here, ${JSON.stringify(update satisfies never)}`];
  }
}

/** A mode is the chat's own, and comes back with its agent. */
const whereOf = ({ type, destination }: PermissionUpdate): string =>
  type === 'setMode' && destination === 'session'
    ? 'in this chat until its permission mode is changed'
    : (destinations[destination] ?? `kept in ${quoted(destination)}`);

/**
 * The suggestions, and for each rule that is kept in a directory's settings the same one for the session: a chat that does
 * not trust its directory does not read them, and the rule has to hold in it all the same.
 */
export const heldHereToo = (suggestions: readonly PermissionUpdate[]): PermissionUpdate[] =>
  suggestions.flatMap((update) =>
    update.type === 'addRules' && ['localSettings', 'projectSettings'].includes(update.destination)
      ? [update, { ...update, destination: 'session' as const }]
      : [update],
  );

/** The rules that are kept in the directory's own settings, as the program writes them there. */
export const keptRules = (suggestions: readonly PermissionUpdate[]): string[] =>
  suggestions.flatMap((update) =>
    update.type === 'addRules' && update.destination === 'localSettings' && update.behavior === 'allow'
      ? update.rules.map(({ toolName, ruleContent }) =>
          ruleContent === undefined ? toolName : `${toolName}(${ruleContent})`,
        )
      : [],
  );

/** Lines, not sanitised: what a rule names may come from the model. */
export const alwaysScope = (suggestions: readonly PermissionUpdate[]): string[] =>
  suggestions.flatMap((update) => updateWords(update).map((words) => `${words}, ${whereOf(update)}.`));
