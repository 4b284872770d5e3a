// `npm run bench`: how fast BooCode is, beside the SDK, other ways to run the agent, and an earlier build. See
// docs/benchmarks.md.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { distDirectory } from './dist.mjs';
import { currentLoad, describeMachine } from './machine.mjs';
import { closePlaces } from './place.mjs';
import { printedReport, writeSection } from './report.mjs';

const sectionsDirectory = fileURLToPath(new URL('sections/', import.meta.url));

const help = `Usage: npm run bench -- [options]

Runs the sections in bench/sections one after the other, on the scripted demo model. Within a section, all contestants
are interleaved in one run. Prints one table with medians and one with goals.

Options:
  --against <dir>     another build to compare with: a checkout with a built dist/
  --only <names>      only these sections, such as turns,starts
  --list              name the sections and exit
  --rounds <number>   how many rounds (default: 10)
  --json              print every sample as JSON instead of the tables
  --write             also put the tables into docs/benchmarks.md
  --cpu-prof <dir>    write CPU profiles of the servers there; profiling costs time, so such a run is not a measurement
  --help              this text

BOOCODE_BENCH_DIST names another build than dist/ to measure.
`;

const progress = (text) => process.stderr.write(`${text}\n`);

async function main() {
  const options = await readArguments();
  if (options === null) return;
  const stop = (signal) => {
    progress(`Stopped by ${signal}: cleaning up.`);
    void closePlaces().finally(() => process.exit(130));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const { rounds, cpuProfDir, against } = options;
  const reports = [];
  for (const section of options.sections) {
    progress(`${section.title}:`);
    const made = describeMachine(rounds);
    try {
      const measured = await section.measure({
        ours: distDirectory,
        against: against && join(against, 'dist'),
        rounds,
        progress,
        cpuProfDir,
      });
      const report = {
        name: section.name,
        title: section.title,
        made: { ...made, loadAfter: currentLoad(), against: against && nameOf(against) },
        ...measured,
      };
      reports.push(report);
      if (options.write) progress(`Written to ${writeSection(report)}.`);
    } catch (error) {
      // The sections after it can still be measured.
      progress(`${section.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
      process.exitCode = 1;
    }
  }
  if (reports.length === 0) return;
  process.stdout.write(`${options.json ? JSON.stringify(reports, null, 2) : printedReport(reports)}\n`);
}

async function readArguments() {
  const { values } = parseArgs({
    options: {
      against: { type: 'string' },
      only: { type: 'string' },
      list: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return null;
  }
  const all = await readSections();
  if (values.list) {
    for (const { name, title } of all) process.stdout.write(`${name.padEnd(16)} ${title}\n`);
    return null;
  }
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) {
    throw new TypeError('--rounds: must be a whole number from 1 to 1000.');
  }
  const names = values.only?.split(',').map((name) => name.trim());
  for (const name of names ?? []) {
    if (!all.some((section) => section.name === name)) {
      throw new TypeError(`--only: there is no section ${name}. There are ${all.map((each) => each.name).join(', ')}.`);
    }
  }
  // npm runs this in the package's own directory, whatever the caller's was.
  const against = values.against === undefined ? null : resolve(process.env.INIT_CWD ?? '.', values.against);
  if (against !== null && !existsSync(join(against, 'dist', 'cli', 'boocode.js'))) {
    throw new TypeError(`--against: ${against} has no built dist/.`);
  }
  return {
    sections: names ? all.filter((section) => names.includes(section.name)) : all,
    against,
    rounds,
    json: values.json,
    write: values.write,
    cpuProfDir: values['cpu-prof'] ?? null,
  };
}

async function readSections() {
  const files = readdirSync(sectionsDirectory).filter((name) => name.endsWith('.mjs'));
  const modules = await Promise.all(
    files.toSorted().map((name) => import(pathToFileURL(join(sectionsDirectory, name)).href)),
  );
  return modules.map((module) => module.default);
}

/** The commit of a checkout, or the name of its directory. */
function nameOf(directory) {
  try {
    const git = ['-C', directory, 'rev-parse', '--short=8', 'HEAD'];
    return execFileSync('git', git, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return directory.slice(dirname(directory).length + 1);
  }
}

main().catch((error) => {
  console.error(error instanceof TypeError ? error.message : error);
  process.exitCode = 1;
});
