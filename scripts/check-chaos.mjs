// @ts-check
// Checks the records of a run of the chaos suite, again or from another machine. docs/durability.md says what is checked.
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

const usage = `node scripts/check-chaos.mjs <run directory> [options]

Compares what the clients of a run of npm run chaos wrote down (what was acknowledged, what was shown) with the logs that
the server told afterwards. It reads files and nothing else.

  --json       print problems and figures as JSON
  --help

Exit codes: 0 no problem was found, 1 there are problems, 2 the run could not be checked.`;

const shownPerKind = 20;
const checker = join(import.meta.dirname, '..', 'test/chaos/checker');

process.exitCode = await main();

async function main() {
  const given = readArguments();
  if (typeof given === 'number') return given;
  try {
    if (!(await stat(given.directory)).isDirectory()) throw new Error(`${given.directory} is not a directory.`);
    const { module } = await runnerImport(join(checker, 'check-run.ts'));
    const report = await module.checkRun(given.directory);
    console.log(given.json ? JSON.stringify(report, null, 2) : await textOf(report));
    return report.problems.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
}

/** @param {{ problems: { kind: string, text: string }[], figures: Record<string, number> }} report */
async function textOf({ problems, figures }) {
  const { module } = await runnerImport(join(checker, 'problem.ts'));
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  const lines = Object.entries(figures).map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  for (const [kind, what] of Object.entries(module.problemKinds)) {
    const found = problems.filter((problem) => problem.kind === kind);
    if (found.length === 0) continue;
    lines.push('', `${found.length} × ${kind}: ${what}`);
    lines.push(...found.slice(0, shownPerKind).map(({ text }) => `  ${text}`));
    if (found.length > shownPerKind) lines.push(`  and ${found.length - shownPerKind} more (--json shows them all)`);
  }
  lines.push(
    '',
    problems.length === 0
      ? 'No problem was found.'
      : problems.length === 1
        ? 'One problem was found.'
        : `${problems.length} problems were found.`,
  );
  return lines.join('\n');
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    });
    if (values.help) {
      console.log(usage);
      return 0;
    }
    const [directory, ...others] = positionals;
    if (directory === undefined || others.length > 0) throw new Error('Name one run directory.');
    return { directory: resolve(directory), json: values.json };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
}
