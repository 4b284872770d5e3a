/** The start of the server on a database that exists, and of the commands that are run most. */
import { openLaunches, timeNode } from '../contestants/launch.mjs';
import { interleave, ratioOf } from '../interleave.mjs';
import { openPlace } from '../place.mjs';
import { shortPrompt } from '../prompts.mjs';

/** A command is short, and a moment of another program can double it: several per round. */
const commandsPerRound = 4;

export default {
  name: 'start',
  title: 'Starts of the server and of commands',
  async measure({ ours, against, rounds, progress }) {
    const place = await openPlace();
    try {
      const contestants = [{ name: 'now', dist: ours }, ...(against ? [{ name: 'before', dist: against }] : [])];
      const servers = [];
      const commands = [];
      for (const { name, dist } of contestants) {
        progress(`Making a database: ${name}.`);
        const launches = openLaunches(place, `start-${name}`, dist);
        // The first start makes the database.
        await launches.start();
        await launches.stop();
        servers.push({
          name: `${name} server`,
          run: () => launches.start(),
          settle: () => launches.stop(),
        });
        const running = openLaunches(place, `running-${name}`, dist);
        await running.start();
        const { output } = await running.run('chat', '--json', shortPrompt);
        const { chatId } = JSON.parse(output.trim().split('\n').at(-1));
        commands.push({ name: `${name} ls`, run: async () => (await running.run('ls')).ms });
        commands.push({ name: `${name} send`, run: async () => (await running.run('send', chatId, shortPrompt)).ms });
      }
      // What nothing that runs on this Node can fall below.
      commands.push({ name: 'node', run: () => timeNode() });
      const repeated = Array.from({ length: commandsPerRound }, () => commands).flat();
      const samples = await interleave([...servers, ...repeated], { rounds, warmUpRounds: 1, progress });
      return judge(samples, Boolean(against));
    } finally {
      await place.close();
    }
  },
};

function judge(samples, hasBefore) {
  const rows = [];
  const goals = [];
  const add = (what, kind, limit) => {
    rows.push({ what, who: 'BooCode', unit: 'ms', samples: samples[`now ${kind}`] });
    if (!hasBefore) return;
    rows.push({ what, who: 'before', unit: 'ms', samples: samples[`before ${kind}`] });
    goals.push({
      what: `${what}: now / before`,
      measured: ratioOf(samples[`now ${kind}`], samples[`before ${kind}`]),
      limit,
      atMost: true,
    });
  };
  add('Server with a database, start to ready', 'server', 0.5);
  add('`boocode ls`, start to exit', 'ls', 0.6);
  add('`boocode send`, start to exit', 'send', 0.6);
  rows.push({ what: 'A Node that does nothing, start to exit', who: 'Node', unit: 'ms', samples: samples.node });
  return { rows, goals };
}
