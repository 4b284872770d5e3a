// Records the transcripts that the real terminal program writes in real turns against the demo model. The tests of
// claude-pty's mapping read them from test/fixtures/transcripts/: SCENARIO.jsonl, SCENARIO.2.jsonl for a second
// session, SCENARIO.agent.jsonl for a sub-agent.
//
// npm run build && node scripts/record-transcripts.mjs [--dist DIR] [--out DIR] [SCENARIO …]
//
// Machine paths and random ids are replaced, and what no test can use is left out: see trim.mjs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { normalise } from './record-frames/normalise.mjs';
import { openRoom } from './record-transcripts/room.mjs';
import { scenarios } from './record-transcripts/scenarios.mjs';
import { isOfRequest, trim } from './record-transcripts/trim.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values, positionals } = parseArgs({
  options: {
    dist: { type: 'string', default: join(root, 'dist') },
    out: { type: 'string', default: join(root, 'test', 'fixtures', 'transcripts') },
  },
  allowPositionals: true,
});
const load = (file) => import(pathToFileURL(resolve(values.dist, `${file}.js`)).href);
const { startDemoModel } = await load('demo/demo-model');
const parts = {
  ...(await load('agents/claude/claude-program')),
  ...(await load('agents/claude-pty/config-dir')),
  ...(await load('agents/claude-pty/pty-program')),
  ...(await load('agents/claude-pty/typed-prompt')),
  ...(await load('terminal/pseudo-terminal')),
};

const unknown = positionals.filter((name) => !(name in scenarios));
if (unknown.length > 0) {
  console.error(`There is no scenario ${unknown.join(', ')}. There are: ${Object.keys(scenarios).join(', ')}`);
  process.exit(1);
}

mkdirSync(values.out, { recursive: true });
for (const [name, scenario] of Object.entries(scenarios)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const model = await startDemoModel();
  try {
    const room = await openRoom(parts, model);
    try {
      await scenario(room);
      writeAll(name, room, await room.end());
    } finally {
      await room.close();
    }
  } catch (error) {
    process.exitCode = 1;
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await model.close();
  }
}

function writeAll(name, room, transcripts) {
  const told = transcripts.map((each) => ({ ...each, lines: each.lines.filter((line) => !isOfRequest(line)) }));
  // All together, so an id is the same in each of the files; and before texts are truncated, perhaps inside a path.
  const whole = normalise(
    room,
    told.flatMap(({ lines }) => lines),
  ).map(neutralTasks());
  let session = 0;
  for (const { isOfSubAgent, lines } of told) {
    if (!isOfSubAgent) session += 1;
    const ending = isOfSubAgent ? '.agent' : session > 1 ? `.${session}` : '';
    const trimmed = whole.splice(0, lines.length).map((line) => `${JSON.stringify(trim(JSON.parse(line)))}\n`);
    writeFileSync(join(values.out, `${name}${ending}.jsonl`), trimmed.join(''));
    console.log(`${name}${ending}: ${lines.length} lines`);
  }
}

/** The program's names for sub-agents and background work. */
function neutralTasks() {
  const ids = new Map();
  const numbered = (id) => {
    if (!ids.has(id)) ids.set(id, `task-${ids.size + 1}`);
    return ids.get(id);
  };
  return (line) => {
    for (const [, id] of line.matchAll(/"(?:agentId|backgroundTaskId)":"([^"]+)"/g)) numbered(id);
    let text = line;
    for (const [id, neutral] of ids) text = text.replaceAll(id, neutral);
    return text;
  };
}
