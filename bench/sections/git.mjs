/** How long a host of 300 MB stands still while git answers three questions, as at the start of a turn. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { interleave, ratioOf } from '../interleave.mjs';

const cwd = fileURLToPath(new URL('../..', import.meta.url));
const args = ['rev-parse', '--show-toplevel'];
const pieceBytes = 10 * 1024 * 1024;

export default {
  name: 'git',
  title: 'Git beside other chats',
  async measure({ ours, rounds, progress }) {
    const { git, gitEnvironment } = await import(pathToFileURL(join(ours, 'chats/workspaces/git.js')).href);
    const env = gitEnvironment(process.env);
    const run = promisify(execFile);
    // Written to, so that it is memory of this process.
    const held = Array.from({ length: 30 }, () => Buffer.alloc(pieceBytes, 1));
    const tasks = [
      { name: 'direct', run: () => longestStall(() => run('git', args, { cwd, env })) },
      { name: 'boocode', run: () => longestStall(() => git(args, { cwd, env })) },
    ];
    const samples = await interleave([...tasks, ...tasks.toReversed()], { rounds, warmUpRounds: 2, progress });
    if (held.length === 0) throw new Error('The memory was given back.');
    const what = 'Three calls of git, longest stall of a process of 300 MB';
    return {
      rows: [
        { what, who: 'started by itself', unit: 'ms', samples: samples.direct },
        { what, who: 'BooCode', unit: 'ms', samples: samples.boocode },
      ],
      goals: [
        {
          what: 'Longest stall by git: BooCode / started by itself',
          measured: ratioOf(samples.boocode, samples.direct),
          limit: 0.25,
          atMost: true,
        },
      ],
    };
  },
};

async function longestStall(ask) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  // It counts from its second tick on.
  await setTimeout(10);
  await Promise.all([ask(), ask(), ask()]);
  delay.disable();
  return delay.max / 1e6;
}
