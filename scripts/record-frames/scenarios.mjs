import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

// A red square of 8 by 8 pixels.
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC';

const deny = () => Promise.resolve({ behavior: 'deny', message: 'Not now.' });

/** Prompts one after another, each after the previous result. */
function prompts(texts, options) {
  return async (room) => {
    const session = room.open(options);
    for (const text of texts) {
      session.send(text);
      await session.result();
    }
    return session.end();
  };
}

const isDelta = (frame) => frame.type === 'stream_event' && frame.event.type === 'content_block_delta';
const isSystem = (subtype) => (frame) => frame.type === 'system' && frame.subtype === subtype;

export const scenarios = {
  text: prompts(['who are you']),
  'two-turns': prompts(['stream 3 tokens', 'what did I say']),
  thinking: prompts(['think']),
  'tool-allowed': prompts(['list the files here']),
  'tool-denied': prompts(['list the files here'], { canUseTool: deny }),
  'tool-failed': prompts(['run: ls missing']),
  'tool-unasked': prompts(['run: ls -la']),
  'permission-denied': prompts(['list the files here'], { permissionMode: 'dontAsk' }),
  files: prompts(['write notes.txt: hello there', 'edit notes.txt: hello => goodbye', 'read notes.txt']),
  subagent: prompts(['use a sub-agent']),
  'subagent-denied': prompts(['use a sub-agent: list the files here'], { canUseTool: deny }),
  tasks: prompts(['plan the work'], { model: 'claude-haiku-4-5' }),
  todos: prompts(['plan the work'], { env: { CLAUDE_CODE_ENABLE_TODO_TOOLS: '1', CLAUDE_CODE_ENABLE_TASKS: '0' } }),
  plan: prompts(['make a plan'], { permissionMode: 'plan' }),
  'plan-denied': prompts(['make a plan'], { permissionMode: 'plan', canUseTool: deny }),
  question: prompts(['ask me'], {
    canUseTool: (_name, input) =>
      Promise.resolve({
        behavior: 'allow',
        updatedInput: { ...input, answers: { [input.questions?.[0]?.question]: 'Green' } },
      }),
  }),

  async 'interrupt-streaming'(room) {
    const session = room.open();
    session.send('hold');
    await session.frame(isDelta);
    await session.query.interrupt();
    await session.result();
    return session.end();
  },
  async 'interrupt-tool'(room) {
    const session = room.open();
    session.send('run: env sleep 30');
    await session.frame((frame) => frame.type === 'assistant' && frame.message.content[0]?.type === 'tool_use');
    await session.query.interrupt();
    await session.result();
    return session.end();
  },
  async 'interrupt-decision'(room) {
    let asked;
    const question = new Promise((resolve) => {
      asked = resolve;
    });
    const session = room.open({
      canUseTool: (_name, _input, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('The question was withdrawn.')));
          asked();
        }),
    });
    session.send('list the files here');
    await question;
    await session.query.interrupt();
    await session.result();
    return session.end();
  },

  async 'background-task'(room) {
    const session = room.open();
    session.send('start a background task: echo one; env sleep 1; echo two');
    await session.result();
    await session.result();
    return session.end();
  },
  async 'background-subagent'(room) {
    const session = room.open();
    session.send('use a background sub-agent');
    await session.result();
    await session.result();
    return session.end();
  },

  'fail-400': prompts(['fail 400']),
  'fail-401': prompts(['fail 401']),
  'fail-403': prompts(['fail 403']),
  'fail-404': prompts(['fail 404']),
  'fail-413': prompts(['stream 3 tokens', 'fail 413']),
  'fail-429': prompts(['fail 429']),
  'fail-500': prompts(['fail 500']),
  'fail-529': prompts(['fail 529']),
  'retry-529': prompts(['fail 529 twice']),
  'cut-stream': prompts(['cut the stream']),
  'cut-stream-once': prompts(['cut the stream once']),
  'broken-stream': prompts(['break the stream']),
  'malformed-stream': prompts(['malformed sse']),
  refusal: prompts(['refuse']),
  'refusal-once': prompts(['refuse once']),
  'max-tokens': prompts(['max tokens']),
  'max-tokens-once': prompts(['max tokens once']),
  'max-turns': prompts(['run: ls'], { maxTurns: 1 }),
  'max-budget': prompts(['run: ls'], { maxBudgetUsd: 0.000001 }),

  // A subscription's token: only then does the program look at the limits.
  'rate-limit': prompts(['warn about the limit'], {
    env: { CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-demo', ANTHROPIC_API_KEY: '' },
  }),
  'session-states': prompts(['list the files here'], { env: { CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: '1' } }),
  'tool-summary': prompts(['run: ls'], { env: { CLAUDE_CODE_EMIT_TOOL_USE_SUMMARIES: '1' } }),
  'tool-slow': prompts(['run: env sleep 4']),
  replayed: prompts(['stream 3 tokens'], { extraArgs: { 'replay-user-messages': null } }),
  'auto-mode': prompts(['list the files here'], { permissionMode: 'auto' }),
  async suggestion(room) {
    const session = room.open({ promptSuggestions: true, env: { CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION: '1' } });
    for (const text of ['stream 3 tokens', 'stream 4 tokens']) {
      session.send(text);
      await session.result();
    }
    await session.frame((frame) => frame.type === 'prompt_suggestion');
    return session.end();
  },

  compaction: prompts(['stream 3 tokens', '/compact', 'what did I say']),
  clear: prompts(['stream 3 tokens', '/clear', 'what did I say']),
  cost: prompts(['/cost']),
  context: prompts(['/context']),
  'unknown-command': prompts(['/no-such-command']),

  async resumed(room) {
    const first = room.open();
    first.send('stream 3 tokens');
    const { session_id: resume } = await first.result();
    await first.end();
    const session = room.open({ resume });
    session.send('what did I say');
    await session.result();
    return session.end();
  },
  async image(room) {
    const session = room.open();
    session.send([
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
      { type: 'text', text: 'what is this' },
    ]);
    await session.result();
    return session.end();
  },
  async 'model-switch'(room) {
    const session = room.open();
    session.send('stream 3 tokens');
    await session.result();
    await session.query.setModel('claude-haiku-4-5');
    session.send('who are you');
    await session.result();
    return session.end();
  },
  async 'mode-switch'(room) {
    const session = room.open();
    session.send('stream 3 tokens');
    await session.result();
    await session.query.setPermissionMode('acceptEdits');
    session.send('write notes.txt: hello');
    await session.result();
    return session.end();
  },
  // The second prompt is sent while the first one's tool waits for its answer, and so becomes part of that turn.
  async 'sent-during-turn'(room) {
    const isQueued = (frame) => frame.type === 'command_lifecycle' && frame.state === 'queued';
    const session = room.open({
      canUseTool: async (_name, input) => {
        session.send('stream 3 tokens');
        await session.frame(isQueued);
        return { behavior: 'allow', updatedInput: input };
      },
    });
    session.send('list the files here');
    await session.frame(isQueued);
    await session.result();
    return session.end();
  },
  async hooks(room) {
    const hook = { hooks: [{ type: 'command', command: 'echo from the hook' }] };
    const hooks = { SessionStart: [hook], UserPromptSubmit: [hook] };
    writeFileSync(join(room.home, '.claude', 'settings.json'), JSON.stringify({ hooks }));
    return prompts(['stream 3 tokens'], { includeHookEvents: true })(room);
  },
  async 'mirror-error'(room) {
    const sessionStore = {
      append: () => Promise.reject(new Error('The store takes nothing.')),
      load: () => Promise.resolve(null),
    };
    const session = room.open({ sessionStore });
    session.send('stream 3 tokens');
    await session.frame(isSystem('mirror_error'));
    await session.result();
    return session.end();
  },
};
