// `npm run bench:web`: how fast the web app is, in a real browser on the real server. See docs/benchmarks.md.
import { parseArgs } from 'node:util';
import { currentLoad, describeMachine } from '../machine.mjs';
import { writeTable } from '../table.mjs';
import { findChromium } from './browser.mjs';
import { judgeWeb, webTable } from './report.mjs';
import { measureWeb, openWebPlace } from './run.mjs';

const help = `Usage: npm run bench:web -- [options]

Measures the built web app in Chromium: the size of the first view, opening and reading a chat of 50,000 events, the
latency of each streamed delta to the screen, and the memory over long answers. The answers come from the scripted demo
model.

Options:
  --samples <number>  how often the long chat is opened, in each of two ways (default: 20)
  --json              print every sample as JSON instead of the tables
  --write             also put the tables into docs/benchmarks.md
  --help              this text

CHROMIUM_PATH names another browser than the first Chromium on the PATH; BOOCODE_BENCH_DIST another build than dist/.
`;

async function main() {
  const options = readArguments();
  if (options === null) return;
  findChromium();
  const progress = (text) => process.stderr.write(`${text}\n`);
  const made = describeMachine(options.samples);
  const place = await openWebPlace();
  const stop = (signal) => {
    progress(`Stopped by ${signal}: cleaning up.`);
    void place.close().finally(() => process.exit(130));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  let measured;
  try {
    measured = await measureWeb(place, { samples: options.samples, progress });
  } finally {
    await place.close();
  }
  const { browser, ...samples } = measured;
  const report = { made: { ...made, browser, loadAfter: currentLoad() }, ...judgeWeb(samples), samples };
  const tables = webTable(report);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${tables}\n`);
  if (options.write) progress(`Written to ${writeTable(tables, 'bench-web')}.`);
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      samples: { type: 'string', default: '20' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return null;
  }
  const samples = Number(values.samples);
  if (!Number.isInteger(samples) || samples < 1 || samples > 1000) {
    throw new TypeError('--samples: must be a whole number from 1 to 1000.');
  }
  return { samples, json: values.json, write: values.write };
}

main().catch((error) => {
  console.error(error instanceof TypeError ? error.message : error);
  process.exitCode = 1;
});
