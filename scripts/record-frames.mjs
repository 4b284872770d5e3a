// Records what the real agent program emits in real turns against the demo model: one file per scenario, with one SDK
// message per line, in test/fixtures/frames/. The mapper's tests read them.
//
// npm run build && node scripts/record-frames.mjs [--dist DIR] [--out DIR] [SCENARIO …]
//
// Machine paths and random ids are replaced and the long lists in `init` shortened; nothing else is changed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { normalise } from './record-frames/normalise.mjs';
import { scenarios } from './record-frames/scenarios.mjs';
import { openRoom } from './record-frames/session.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values, positionals } = parseArgs({
  options: {
    dist: { type: 'string', default: join(root, 'dist') },
    out: { type: 'string', default: join(root, 'test', 'fixtures', 'frames') },
  },
  allowPositionals: true,
});
const { startDemoModel } = await import(pathToFileURL(resolve(values.dist, 'demo', 'demo-model.js')).href);

const unknown = positionals.filter((name) => !(name in scenarios));
if (unknown.length > 0) {
  console.error(`There is no scenario ${unknown.join(', ')}. There are: ${Object.keys(scenarios).join(', ')}`);
  process.exit(1);
}

mkdirSync(values.out, { recursive: true });
const kinds = new Map();
let failed = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const model = await startDemoModel();
  const room = openRoom(model);
  try {
    const frames = await scenario(room);
    writeFileSync(
      join(values.out, `${name}.jsonl`),
      normalise(room, frames)
        .map((line) => `${line}\n`)
        .join(''),
    );
    for (const { type, subtype } of frames) {
      const kind = subtype === undefined ? type : `${type}/${subtype}`;
      kinds.set(kind, [...new Set([...(kinds.get(kind) ?? []), name])]);
    }
    console.log(`${name}: ${frames.length} frames`);
  } catch (error) {
    failed += 1;
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await room.close();
    await model.close();
  }
}
for (const kind of [...kinds.keys()].toSorted((a, b) => a.localeCompare(b)))
  console.log(`${kind.padEnd(36)} ${kinds.get(kind).join(' ')}`);
process.exitCode = failed === 0 ? 0 : 1;
