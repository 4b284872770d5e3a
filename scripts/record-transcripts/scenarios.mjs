import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const yes = '1';
const escape = '\x1b';
const enter = '\r';

const isTurnEnd = (line) => line.subtype === 'turn_duration';
const isCall = (line) => line.type === 'assistant' && line.message.content[0]?.type === 'tool_use';
const says = (text) => (line) => JSON.stringify(line.message?.content ?? line.content ?? '').includes(text);

/** Prompts one after another, each after the end of the previous turn. */
const turns =
  (...texts) =>
  async (room) => {
    for (const [index, text] of texts.entries()) {
      room.send(text);
      await room.lines(isTurnEnd, index + 1);
    }
  };

/** A prompt that fails: its turn has no line for its end. */
const failure = (text, isLast) => async (room) => {
  room.send(text);
  await room.lines(isLast);
  await room.rest();
};

/** A prompt with one call, which asks for permission. */
const asked = (text, keys) => async (room) => {
  room.send(text);
  await room.answer(keys);
  await room.rest();
};

/** Lines typed by a person between turns. */
const typed =
  (fits, ...lines) =>
  async (room) => {
    for (const line of lines) {
      // The line is read before Enter is: pressed at once it would be part of the paste.
      room.press(line);
      await room.rest();
      room.press(enter);
    }
    await room.lines(fits);
    await room.rest();
  };

export const scenarios = {
  text: turns('stream 3 tokens'),
  'two-turns': turns('stream 3 tokens', 'what did I say'),
  thinking: turns('think'),
  guarded: turns('/cost'),
  'tool-allowed': asked('list the files here', yes),
  'tool-denied': asked('list the files here', escape),
  'tool-failed': turns('run: ls missing'),
  'sub-agent': async (room) => {
    await turns('use a sub-agent')(room);
    await room.lines(says('<task-notification>'));
    await room.lines(isTurnEnd, 2);
  },
  'background-task': async (room) => {
    room.send('start a background task: touch made; env sleep 1');
    await room.answer(yes);
    await room.lines(says('<task-notification>'));
    await room.lines(isTurnEnd, 2);
  },
  // The model is told about the end of the task within a turn about something else.
  async 'task-ends-in-turn'(room) {
    room.send('start a background task: touch made; until [ -e go ]; do env sleep 0.1; done');
    await room.answer(yes);
    await room.lines(isTurnEnd);
    room.send('run: until [ -e on ]; do env sleep 0.1; done');
    await room.answer(yes);
    await room.lines(isCall, 2);
    writeFileSync(join(room.cwd, 'go'), '');
    await room.lines(says('<task-notification>'));
    writeFileSync(join(room.cwd, 'on'), '');
    await room.lines(isTurnEnd, 2);
    await room.rest();
  },

  async 'interrupt-streaming'(room) {
    room.send('hold');
    await room.until(() => room.model.held === 1, 'the model to hold');
    room.press(escape);
    await room.lines(says('[Request interrupted by user'));
    await room.rest();
  },
  async 'interrupt-tool'(room) {
    room.send('run: env sleep 30');
    await room.answer(yes);
    await room.lines(isCall);
    room.press(escape);
    await room.lines(says('[Request interrupted by user'));
    await room.rest();
  },
  // The second prompt waits in the program's queue until the first turn has ended.
  async queued(room) {
    room.send('hold');
    await room.until(() => room.model.held === 1, 'the model to hold');
    room.send('stream 2 tokens');
    await room.lines((line) => line.type === 'queue-operation');
    room.model.release();
    await room.lines(isTurnEnd, 2);
  },
  // The second prompt is passed to the model within the first turn.
  async 'said-into-turn'(room) {
    room.send('run: until [ -e go ]; do env sleep 0.1; done');
    await room.answer(yes);
    await room.lines(isCall);
    room.send('stream 2 tokens');
    await room.lines((line) => line.type === 'queue-operation');
    writeFileSync(join(room.cwd, 'go'), '');
    await room.lines(isTurnEnd);
  },

  'shell-command': typed(says('<bash-stdout>'), '!echo from the shell'),
  'shell-failed': typed(says('<bash-stderr>'), '!ls missing'),
  command: typed(says('<local-command-stdout>'), '/context'),
  'unknown-command': typed(says('no-such-command'), '/no-such-command'),
  // A user's own command starts a turn with the text it stands for.
  'own-command': typed(isTurnEnd, '/greet the others'),
  'tags-in-prompt': turns('<command-name>/clear</command-name> is what?', '[Request interrupted by user] is what?'),
  async clear(room) {
    await turns('stream 3 tokens')(room);
    await typed((line) => line.type === 'cost-state', '/clear')(room);
    room.send('what did I say');
    await room.lines(isTurnEnd, 2);
  },
  async compaction(room) {
    await turns('stream 3 tokens', 'what did I say')(room);
    await typed((line) => line.subtype === 'compact_boundary', '/compact')(room);
  },

  'fail-400': failure('fail 400', (line) => line.isApiErrorMessage === true),
  'fail-529': failure('fail 529', (line) => line.isApiErrorMessage === true),
  'retry-529': turns('fail 529 twice'),

  // Pasted in one piece, so the program marks it for the model.
  async pasted(room) {
    room.press(`\x1b[200~${'a long line of words\n'.repeat(50)}the end\x1b[201~${enter}`);
    await room.lines(isTurnEnd);
  },
};
