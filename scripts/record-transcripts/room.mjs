// @ts-check
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * @typedef {Pick<typeof import('../../src/agents/claude/claude-program.ts'), 'findClaudeProgram'>
 *   & Pick<typeof import('../../src/agents/claude-pty/config-dir.ts'), 'prepareConfigDir'>
 *   & Pick<typeof import('../../src/agents/claude-pty/pty-program.ts'), 'startProgram'>
 *   & Pick<typeof import('../../src/agents/claude-pty/typed-prompt.ts'), 'typedPrompt'>
 *   & Pick<typeof import('../../src/terminal/pseudo-terminal.ts'), 'loadPseudoTerminals'>} Parts
 */

const limitMs = 60_000;
const lookMs = 20;
// A dialog ignores keys at first; those pressed before it is drawn go into the input line and delay it.
const pressAgainMs = 3_000;
const longestShown = 65_536;
// Lines are written up to 100 ms after the fact.
const lateLinesMs = 300;

/**
 * Directories for one scenario, with the program in a terminal. `parts` is what dist/ exports.
 * @param {Parts} parts
 * @param {{ url: string }} model
 */
export async function openRoom(parts, model) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'boocode-transcripts-')));
  const cwd = join(root, 'workspace');
  const home = join(root, 'home');
  const temporary = join(root, 'tmp');
  const configDir = join(home, '.claude');
  const projects = join(configDir, 'projects');
  const commands = join(configDir, 'commands');
  for (const directory of [cwd, commands, temporary]) mkdirSync(directory, { recursive: true });
  writeFileSync(join(commands, 'greet.md'), 'stream 2 tokens\n');
  writeFileSync(join(cwd, 'README.md'), '# An example\n');
  mkdirSync(join(cwd, 'src'));
  const env = {
    PATH: process.env.PATH ?? '',
    LANG: 'C.UTF-8',
    HOME: home,
    TMPDIR: temporary,
    CLAUDE_CONFIG_DIR: configDir,
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: 'sk-demo-0000000000000000',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    CLAUDE_CODE_MAX_RETRIES: '2',
    DISABLE_AUTOUPDATER: '1',
    IS_SANDBOX: '1',
  };
  await parts.prepareConfigDir(env, 'default');
  const loaded = await parts.loadPseudoTerminals();
  if (!loaded.ok) throw new Error(loaded.reason);

  const claude = parts.findClaudeProgram();
  if (claude === null) throw new Error('The SDK has no program for this platform.');

  /** @type {string[]} */
  const sessionIds = [];
  const program = parts.startProgram({
    program: claude,
    cwd,
    env,
    configDir,
    size: { columns: 120, rows: 40 },
    sessionId: randomUUID(),
    isKnown: false,
    model: null,
    effort: null,
    permissionMode: 'default',
    trusted: false,
    settings: {},
    onStatus({ sessionId }) {
      if (sessionId !== null && !sessionIds.includes(sessionId)) sessionIds.push(sessionId);
    },
    onTakesKeys: () => {},
    onOutput: () => {},
  });
  let shown = '';
  program.pty.onData((data) => (shown = `${shown}${Buffer.from(data).toString('utf8')}`.slice(-longestShown)));

  /** @param {string} state */
  const isOn = (state) => program.status.state === state;
  const room = {
    root,
    cwd,
    home,
    temporary,
    model,
    /** What has been written so far: for each session in turn the main transcript, then its sub-agents'. */
    transcripts() {
      const files = existsSync(projects) ? readdirSync(projects, { recursive: true, encoding: 'utf8' }) : [];
      return sessionIds.flatMap((id) =>
        files
          .filter((file) => file.endsWith('.jsonl') && file.includes(id))
          .toSorted((a, b) => a.length - b.length || a.localeCompare(b))
          .map((file) => ({ isOfSubAgent: file.includes('subagents'), lines: readLines(join(projects, file)) })),
      );
    },
    /**
     * @param {() => boolean} condition
     * @param {string} what
     */
    async until(condition, what) {
      const deadline = performance.now() + limitMs;
      while (!condition()) {
        if (performance.now() > deadline) throw new Error(`Timed out waiting for ${what}. ${program.lastWords()}`);
        await delay(lookMs);
        program.refresh();
      }
    },
    /** @param {(line: any) => boolean} fits */
    count: (fits) =>
      room
        .transcripts()
        .flatMap(({ lines }) => lines)
        .filter(fits).length,
    /**
     * Waits until this many lines match.
     * @param {(line: any) => boolean} fits
     */
    lines: (fits, count = 1) => room.until(() => room.count(fits) >= count, `${count} lines that fit ${String(fits)}`),
    /** @param {string} keys */
    press: (keys) => program.pty.write(keys),
    /**
     * Types a prompt as the server does.
     * @param {string} text
     */
    send: (text) => program.pty.write(parts.typedPrompt([{ type: 'text', text }]).batches.join('')),
    /**
     * Presses the keys until the dialog that is open, or about to open, is gone.
     * @param {string} keys
     */
    async answer(keys) {
      shown = '';
      await room.until(() => isOn('waiting') && shown.includes('proceed'), 'a dialog');
      let again = 0;
      await room.until(() => {
        if (isOn('waiting') && performance.now() > again) {
          room.press(keys);
          again = performance.now() + pressAgainMs;
        }
        return !isOn('waiting');
      }, 'the dialog to go');
    },
    /** Waits until the program is idle, and has written everything. */
    async rest() {
      await room.until(() => isOn('idle'), 'the program to become idle');
      await delay(lateLinesMs);
    },
    /** Ends the program in order and returns its transcripts. */
    async end() {
      await program.end(limitMs);
      return room.transcripts();
    },
    async close() {
      await program.end(limitMs);
      rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
  try {
    await room.until(() => program.takesKeys && isOn('idle'), 'the program to be ready');
  } catch (error) {
    await room.close();
    throw error;
  }
  return room;
}

/** @param {string} file */
function readLines(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
