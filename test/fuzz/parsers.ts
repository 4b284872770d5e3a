/**
 * Every module that takes a text apart, and the targets that feed it, by the beginnings of their names; or why nothing
 * feeds it. A new module that does so is missing here at first, which FUZZ-2 tells.
 */

/** How such a module is known. */
export const takesApart =
  /JSON\.parse\(|\.safeParse\(|URL\.canParse\(|\breadWith\(|\bparseInput\(|schema\.parse\(|function (?:async )?parse[A-Z]\w*\(/;

/** Rows of the database. Only hosts write them, and a restored backup's are checked by the database. */
export const ownRows = 'src/store/';

const bodies = 'the body of ';
const queries = 'the query of ';
const lines = 'files of transcripts';
const directory = 'settings of a directory';

export const fed: Readonly<Record<string, readonly string[]>> = {
  'src/agents/claude-pty/hook-server.ts': ['what hooks post'],
  'src/agents/claude-pty/loopback-receiver.ts': ['what hooks post', 'costs that a terminal reports'],
  'src/agents/claude/check-input.ts': ['edited inputs of tools'],
  'src/agents/claude/tool-inputs.ts': ['edited inputs of tools'],
  'src/agents/claude/default-model.ts': [directory],
  'src/agents/claude/files/directory-content.ts': [directory],
  'src/agents/claude/files/transcript-lines.ts': [lines],
  'src/agents/claude/mapping/session-title.ts': ['what transcripts tell of turns'],
  'src/agents/claude/mapping/turn-traces.ts': ['what transcripts tell of turns'],
  'src/agents/claude/native-sessions/read-lines.ts': [lines],
  'src/agents/claude/provider-hosts.ts': ['environment variables'],
  'src/agents/sandbox/host-rules.ts': ['hosts that a sandbox reaches'],
  'src/backup/read-backup.ts': ['backup files'],
  'src/chats/changes/snapshot-refs.ts': ['states that a repository keeps'],
  'src/chats/directory-trust.ts': ['changes of a trusted directory'],
  'src/chats/imported-entries.ts': ['transcript lines of an import'],
  'src/chats/sandbox-floor.ts': ['settings', 'environment variables'],
  'src/chats/workspaces/remote.ts': ['repository addresses'],
  'src/chats/workspaces/workspace-map.ts': ['maps of workspaces'],
  'src/client/feed-stream.ts': ['events of a feed'],
  'src/config.ts': ['settings', 'environment variables'],
  'src/http/access.ts': ['headers of requests'],
  'src/http/invalid-request.ts': [bodies, queries],
  'src/http/json-body.ts': [bodies],
  'src/http/route.ts': [queries],
  'src/http/socket-messages.ts': ['messages of the live socket', 'messages of a terminal', 'bytes on a socket'],
  'src/http/usage-routes.ts': ['the query of GET /v1/usage'],
  'src/lib/schema-problems.ts': [bodies, queries],
  'src/log-text.ts': ['lines of our own log'],
  'src/peers/signature.ts': ['signed headers of hosts'],
  'src/people/passkeys.ts': ['what browsers say of passkeys'],
  'src/people/role-rules.ts': ['rules of roles, and claims'],
  'src/people/single-sign-on.ts': ['answers of an identity provider'],
  'src/protocol/page-link.ts': ['addresses that a page links to'],
  'src/single-sign-on-settings.ts': ['settings', 'environment variables'],
  'src/web/state/persistent-map.ts': ['what a tab has stored'],
  'src/web/text/safe-url.ts': ['addresses that a page links to'],
  'src/web/text/unified-diff.ts': ['unified diffs'],
  'src/web/ui/parts/route.ts': ['routes of the page'],
};

const ownFile = 'a file in the data directory, which only the server writes';
const programsFile = 'a file of the agent’s program in its own directory; what is no JSON is as if it were not there';
const answers = 'an answer of a BooCode server to its client, over a connection that it has signed in to';
const otherHost = 'between hosts, in what is signed';

export const notFed: Readonly<Record<string, string>> = {
  'src/agents/claude-pty/config-dir.ts': programsFile,
  'src/agents/claude-pty/program-status.ts': programsFile,
  'src/agents/claude-pty/session-transcript.ts': programsFile,
  'src/agents/claude/native-sessions/session-in-use.ts': programsFile,
  'src/agents/sandbox/session-directory.ts': programsFile,
  'src/agents/claude-pty/followed-file.ts':
    'hands on each line that is an entry: “lines of transcripts” feeds what gets them',
  'src/agents/claude-pty/typed-changes.ts': 'only a model’s name, by its schema',
  'src/agents/claude-sdk/typed-changes.ts': 'only a model’s name, by its schema',
  'src/agents/claude-sdk/claude-sign-in.ts': 'an address that the program itself has made',
  'src/agents/claude/held-provider.ts': 'what “settings of a directory” reads, with another field',
  'src/agents/claude/program-settings.ts': 'a hook in a process of its own, which asks about all that it cannot read',
  'src/agents/process-marks.ts': 'a mark that the server gave its own children',
  'src/chats/changes/chat-folder.ts': ownFile,
  'src/chats/changes/kept-edits.ts': ownFile,
  'src/chats/changes/missed.ts': ownFile,
  'src/chats/changes/undo-store.ts': ownFile,
  'src/chats/doorbell.ts':
    'between hosts, through the database; what cannot be read may mean anything, and all is looked at',
  'src/chats/fork.ts': 'entries that are stored, as they were read before',
  'src/chats/imports.ts': 'entries that are stored, as they were read before',
  'src/chats/search-indexer.ts': 'events that are stored, as they were made here',
  'src/cli/decide.ts': 'typed by whoever runs the command; its server checks it',
  'src/cli/find-server.ts': ownFile,
  'src/cli/program.ts': 'the package’s own file',
  'src/client/audit.ts': answers,
  'src/client/live.ts': answers,
  'src/client/request.ts': answers,
  'src/client/terminal.ts': answers,
  'src/client/transcript.ts': answers,
  'src/client/watch-changes.ts': answers,
  'src/http/forwarding.ts': otherHost,
  'src/http/trail.ts': otherHost,
  'src/http/tls-files.ts': 'files of the operator, read by OpenSSL',
  'src/lib/lock-file.ts': ownFile,
  'src/protocol/form-values.ts': 'values of a body whose schema has been checked',
  'src/terminal/hub-viewer.ts': 'no text: it hands on what was taken apart',
  'src/version.ts': 'the package’s own file',
  'src/web/ui/changes/use-preferences.ts': 'the page’s own settings in its browser',
  'src/web/ui/decisions/edit-input.tsx': 'typed by whoever looks at the page; the server checks it',
};
