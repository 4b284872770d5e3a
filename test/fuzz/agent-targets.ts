/** Of agents: what they post to the host, what they draw, their files, and those of a directory that is not trusted. */
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { readDisplayedText } from '../../src/agents/claude-pty/display-receiver.ts';
import { readHookInput } from '../../src/agents/claude-pty/hook-server.ts';
import { readReport } from '../../src/agents/claude-pty/loopback-receiver.ts';
import { checkAnswer } from '../../src/agents/claude/check-answer.ts';
import { modelOf } from '../../src/agents/claude/default-model.ts';
import { readDirectoryContent } from '../../src/agents/claude/files/directory-content.ts';
import { transcriptLines } from '../../src/agents/claude/files/transcript-lines.ts';
import { readTotals, readUsage } from '../../src/agents/claude/mapping/model-costs.ts';
import { titleOf } from '../../src/agents/claude/mapping/session-title.ts';
import { readHookStop } from '../../src/agents/claude/mapping/transcript-line.ts';
import { createTurnTraces } from '../../src/agents/claude/mapping/turn-traces.ts';
import { readMcpServers } from '../../src/agents/claude/mcp-servers.ts';
import { readSession } from '../../src/agents/claude/native-sessions/list-sessions.ts';
import { toolInputs } from '../../src/agents/claude/tool-inputs.ts';
import { readEntries } from '../../src/chats/changes/compare-trees.ts';
import { splitPaths } from '../../src/chats/changes/paths.ts';
import { momentIn } from '../../src/chats/changes/snapshot-refs.ts';
import { isOnlyRules } from '../../src/chats/directory-trust.ts';
import { OutputFilter } from '../../src/terminal/output-filter.ts';
import { pasteKeys } from '../../src/terminal/pasted-text.ts';
import { anything } from './json-schema.ts';
import { place } from './place.ts';
import { refusableLater, spoiltText, type Target, target, text, wordsOf } from './target.ts';

const hookNames = ['PreToolUse', 'PostToolUse', 'UserPromptSubmit', 'MessageDisplay', 'Stop', 'SessionStart'];
const hooks = fc.record(
  {
    hook_event_name: fc.oneof(fc.constantFrom(...hookNames), anything),
    session_id: anything,
    prompt: anything,
    tool_name: anything,
    tool_input: anything,
    tool_use_id: anything,
    message_id: fc.oneof(text, anything),
    index: fc.oneof(fc.nat(5), anything),
    delta: anything,
    permission_mode: anything,
  },
  { requiredKeys: [] },
);
const asJson = (value: unknown): string => JSON.stringify(value) ?? '';

const entries = fc.record(
  {
    type: fc.oneof(fc.constantFrom('user', 'assistant', 'custom-title', 'system', 'summary', 'attachment'), anything),
    message: fc.oneof(
      anything,
      fc.record({ id: anything, role: anything, model: anything, usage: anything, content: anything }),
    ),
    customTitle: anything,
    timestamp: anything,
    cwd: anything,
    sessionId: anything,
    uuid: anything,
    requestId: anything,
    attachment: anything,
    content: anything,
    toolUseResult: anything,
    isSidechain: anything,
  },
  { requiredKeys: [] },
);
const transcripts = spoiltText(
  fc.array(fc.oneof(entries.map(asJson), text), { maxLength: 4 }).map((lines) => lines.join('\n')),
);

const settingsTexts = spoiltText(
  fc
    .record(
      {
        model: anything,
        permissions: anything,
        env: anything,
        enabledPlugins: anything,
        hooks: fc.oneof(anything, fc.dictionary(fc.constantFrom(...hookNames), anything)),
        extraKnownMarketplaces: fc.oneof(
          anything,
          fc.record({ a: fc.record({ source: wordsOf('./', '../', '/', 'x', '\0') }) }),
        ),
        command: wordsOf('node ', './x.sh', '"', '$CLAUDE_PROJECT_DIR', ';', '../../', '\0', '~', '-e'),
        mcpServers: anything,
      },
      { requiredKeys: [] },
    )
    .map(asJson),
);

/** The parts of escape sequences, in any order, cut anywhere. */
const drawn = wordsOf(
  '\x1b[',
  '\x1b]52;c;',
  '\x1b]0;',
  '\x07',
  '\x1b\\',
  '\x1bP',
  '6n',
  '?1049h',
  ';',
  '31m',
  '\x9b',
  '\x18',
  '€',
  '\ud83d',
);

const facts = fc.record({ at: fc.oneof(fc.nat(), anything), workingTree: anything }, { requiredKeys: [] });
const localSettings = fc.record(
  { permissions: fc.oneof(anything, fc.record({ allow: anything, deny: anything })), model: anything },
  { requiredKeys: [] },
);

const keysInText = /[\x00-\x08\x0b-\x1f\x7f]/; // eslint-disable-line no-control-regex

export const agentTargets: Target[] = [
  target(
    'states that a repository keeps',
    spoiltText(facts.map((each) => `refs/boocode/a/b\0tree\0\0${asJson(each)}`)),
    (line) => momentIn(line, '/'),
  ),
  target(
    'changes of a trusted directory',
    fc.tuple(spoiltText(localSettings.map(asJson)), spoiltText(localSettings.map(asJson)), fc.array(anything)),
    ([before, after, kept]) => isOnlyRules({ path: '.claude/settings.local.json', before, after } as never, kept),
  ),
  target('what hooks post', spoiltText(hooks.map(asJson)), (body) => {
    readDisplayedText(readHookInput(body));
    for (const bounds of [
      { nodes: 20, depth: 5 },
      { nodes: 1_000, depth: 20 },
    ]) {
      try {
        readDisplayedText(readReport(body, bounds));
      } catch (error) {
        // Both are a 400 without words, as only the program reads it.
        if (!(error instanceof SyntaxError) && (error as Error).message !== 'The input is too large.') throw error;
      }
    }
  }),
  target('files of transcripts', transcripts, async (content) => {
    const path = place('11111111-1111-4111-8111-111111111111.jsonl');
    writeFileSync(path, content);
    await readSession(path);
    for await (const line of transcriptLines(path, Buffer.byteLength(content))) void line;
  }),
  target('what transcripts tell of turns', entries, (entry) => {
    titleOf(entry as never);
    readHookStop(entry as never);
    const traces = createTurnTraces();
    traces.add(JSON.stringify(entry));
    readUsage(entry.content);
    readTotals(entry.content, entry.message);
    readMcpServers(entry.content);
    readMcpServers([entry.content, entry.message], 'connected');
  }),
  target('settings of a directory', fc.tuple(settingsTexts, settingsTexts), async ([one, other]) => {
    const cwd = place('repository');
    writeFileSync(place('repository', '.claude', 'settings.json'), one);
    writeFileSync(place('repository', '.mcp.json'), other);
    modelOf(one);
    await refusableLater(() => readDirectoryContent(cwd, place('config')));
  }),
  target(
    'edited inputs of tools',
    fc.tuple(
      fc.oneof(fc.constantFrom(...Object.keys(toolInputs)), fc.constantFrom('__proto__', 'mcp__a__b')),
      anything,
      fc.dictionary(text, anything, { maxKeys: 3 }),
    ),
    ([toolName, shown, input]) =>
      checkAnswer(
        { toolName, input: typeof shown === 'object' && shown ? (shown as Record<string, unknown>) : {} },
        { outcome: 'allow', input },
      ),
  ),
  target('what agents draw', fc.tuple(drawn, fc.uint8Array({ maxLength: 40 }), fc.nat()), ([all, others, at]) => {
    const bytes = Buffer.concat([Buffer.from(all), others]);
    const filter = new OutputFilter(new Set(at % 2 === 0 ? [] : ['titles', 'clipboard']));
    const cut = at % (bytes.length + 1);
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      const { viewers } = filter.push(piece);
      // A question that a viewer's terminal would answer as if somebody had typed.
      if (Buffer.from(viewers).includes('\x1b[6n')) throw new Error('A question has passed.');
    }
  }),
  target('pasted text', fc.tuple(drawn, fc.boolean()), ([all, isBracketed]) => {
    const keys = pasteKeys(all, isBracketed);
    const inside = isBracketed ? keys.slice(6, -6) : keys;
    if (keysInText.test(inside)) throw new Error('A key was typed.');
  }),
  target(
    'changes as git lists them',
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      wordsOf(':100644 100644 a b M', '\0', 'R100', 'x', 'C').map((all) => Buffer.from(all)),
    ),
    (bytes) => readEntries(splitPaths(Buffer.from(bytes))),
  ),
];
