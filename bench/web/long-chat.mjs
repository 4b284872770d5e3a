/** A chat with any number of events, written by the store's own code to the data directory of a future server. */
import { randomUUID } from 'node:crypto';
import { fromDist } from '../dist.mjs';

export const lastWords = 'These are the last words of the long chat.';
export const shortWords = 'This chat is short.';

/** Creates the long chat, a short one without code, and a list of others. */
export async function makeChats({ dataDir, cwd }, eventCount) {
  const { openEmbeddedPostgres } = await fromDist('store/embedded-postgres/embedded-postgres.js');
  const { openDatabase } = await fromDist('store/database.js');
  const { migrate } = await fromDist('store/migrate.js');
  const { insertChat } = await fromDist('store/chats.js');
  const { appendEvents } = await fromDist('store/events.js');
  const postgres = await openEmbeddedPostgres({ dataDir });
  const sql = openDatabase(postgres.url);
  try {
    await migrate(sql);
    const store = async (title, events) => {
      const id = randomUUID();
      const common = {
        agent: 'claude',
        backend: 'claude_sdk',
        model: null,
        permissionMode: 'default',
        trusted: false,
        acceptsAgentMessages: false,
      };
      await insertChat(sql, { id, title, cwd, ...common });
      const lease = { chatId: id, hostId: '', epoch: 0, nextSeq: 1 };
      for (let at = 0; at < events.length; at += 1000)
        await appendEvents(sql, lease, { events: events.slice(at, at + 1000) });
      return id;
    };
    for (let index = 1; index <= 60; index += 1)
      await store(`Another chat, number ${index}`, turnEvents(index, 'Done.'));
    const longId = await store('The long chat', longLog(eventCount));
    const shortId = await store('The short chat', plainTurn(1, 'Say something', shortWords));
    await sql`vacuum analyze boocode.events`;
    return { longId, shortId };
  } finally {
    await sql.end({ timeout: 5 });
    await postgres.close();
  }
}

/** Exactly this many events: whole turns, and notices where no further turn fits. */
function longLog(count) {
  const last = plainTurn(0, 'And the last one', lastWords);
  const events = [];
  for (let index = 1; ; index += 1) {
    const turn = turnEvents(index, `So much for step ${index}.`);
    if (events.length + turn.length + last.length > count) break;
    events.push(...turn);
  }
  while (events.length + last.length < count) {
    events.push({
      body: { type: 'notice', level: 'info', code: 'compacted', message: 'The conversation was compacted.' },
    });
  }
  return [...events, ...last];
}

function plainTurn(index, prompt, answer) {
  const turnId = randomUUID();
  const promptId = `prompt-${index}-${turnId}`;
  const text = (value) => [{ type: 'text', text: value }];
  const usage = { inputTokens: 1200, outputTokens: 300, cacheReadInputTokens: 20_000, cacheCreationInputTokens: 100 };
  return [
    { body: { type: 'prompt_accepted', promptId, content: text(prompt) } },
    { turnId, body: { type: 'turn_started', turnId, promptIds: [promptId] } },
    { turnId, body: { type: 'agent_message', messageId: `m-${turnId}`, content: text(answer) } },
    { turnId, body: { type: 'turn_finished', turnId, outcome: 'completed', usage, costUsd: 0.0123 } },
  ];
}

/** A turn of an agent at work: thoughts, prose, commands with output, reads, edits, a plan, a sub-agent. */
function turnEvents(index, answer) {
  const [accepted, started, message, finished] = plainTurn(index, `Step ${index}: ${sentences(index, 2)}`, answer);
  const { turnId } = started;
  const id = (name) => `${name}-${turnId}`;
  const text = (value) => [{ type: 'text', text: value }];
  const call = (name, toolName, kind, title, rawInput, parent) => ({
    turnId,
    body: { type: 'tool_call', toolCallId: id(name), toolName, kind, title, rawInput, ...parent },
  });
  const result = (name, content, parent) => ({
    turnId,
    body: { type: 'tool_call_update', toolCallId: id(name), status: 'completed', content, rawOutput: null, ...parent },
  });
  const output = (value) => [{ type: 'content', content: { type: 'text', text: value } }];
  const path = `src/part-${index % 40}/file-${index % 7}.ts`;
  const command = `npm test -- part-${index % 40}`;
  const [before, after] = [code(index, 12), code(index + 1, 14)];
  const ofAgent = { parentToolCallId: id('agent') };
  const subAgent = [
    call('agent', 'Agent', 'other', 'Look for callers', { prompt: 'Look for callers.' }),
    call('inner', 'Grep', 'search', `Search for name${index}`, { pattern: `name${index}` }, ofAgent),
    result('inner', output(lines(index, 8)), ofAgent),
    result('agent', output(`Found three callers. ${sentences(index, 3)}`)),
  ];
  const plan = ['Read', 'Change', 'Test'].map((content, step) => ({
    content,
    priority: 'medium',
    status: step < index % 4 ? 'completed' : 'pending',
  }));
  return [
    accepted,
    started,
    { turnId, body: { type: 'agent_thought', messageId: id('t1'), content: text(sentences(index, 5)) } },
    { turnId, body: { type: 'agent_message', messageId: id('m1'), content: text(prose(index)) } },
    call('read', 'Read', 'read', path, { file_path: path }),
    result('read', output(lines(index, 60))),
    call('edit', 'Edit', 'edit', path, { file_path: path, old_string: before, new_string: after }),
    result('edit', [{ type: 'diff', path, oldText: before, newText: after }]),
    { turnId, body: { type: 'agent_thought', messageId: id('t2'), content: text(sentences(index + 3, 3)) } },
    call('bash', 'Bash', 'execute', command, { command }),
    result('bash', output(lines(index + 5, 40))),
    ...(index % 5 === 0 ? subAgent : []),
    ...(index % 3 === 0 ? [{ turnId, body: { type: 'plan', entries: plan } }] : []),
    { turnId, body: { type: 'usage_update', used: 20_000 + (index % 100) * 1000, size: 200_000 } },
    message,
    finished,
  ];
}

const words =
  'the server keeps every event of a chat in order and a reader takes up where it has left off before'.split(' ');
const word = (at) => words[at % words.length];

function sentences(seed, count) {
  const one = (at) =>
    Array.from({ length: 8 + ((seed + at) % 9) }, (_, index) => word(seed * 3 + at * 7 + index)).join(' ');
  return Array.from({ length: count }, (_, at) => `${one(at)[0].toUpperCase()}${one(at).slice(1)}.`).join(' ');
}

const code = (seed, count) =>
  Array.from(
    { length: count },
    (_, at) => `export const ${word(seed + at)}${at} = compute(${seed * at}, '${word(at)}');`,
  ).join('\n');

const lines = (seed, count) =>
  Array.from({ length: count }, (_, at) => `${String(at + 1).padStart(4)}  ${sentences(seed + at, 1)}`).join('\n');

const prose = (seed) =>
  [
    `## Part ${seed}`,
    sentences(seed, 4),
    Array.from(
      { length: 4 },
      (_, at) => `- **${word(seed + at)}**: ${sentences(seed + at, 1)} See \`${word(at)}.ts\`.`,
    ).join('\n'),
    ...(seed % 2 === 0 ? [`\`\`\`ts\n${code(seed, 10)}\n\`\`\``] : []),
    ...(seed % 7 === 0
      ? [`| name | value |\n|---|---|\n| ${word(seed)} | ${seed} |\n| ${word(seed + 1)} | ${seed * 2} |`]
      : []),
    sentences(seed + 2, 2),
  ].join('\n\n');
