// What happens when many cold chats are prompted at once: when the first answers come, and how much memory it takes.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endChild, nextMessage } from '../child.mjs';
import { median } from '../statistics.mjs';

const together = 8;
const crowd = 30;
const engines = ['claude_sdk', 'claude_pty'];
const program = fileURLToPath(new URL('../admission-server.mjs', import.meta.url));
const megabytes = (bytes) => bytes / 1024 / 1024;

export default {
  name: 'admission',
  title: 'Many cold chats at once',
  async measure({ ours, against, rounds, progress }) {
    const builds = [{ who: 'BooCode', dist: ours }, ...(against ? [{ who: 'before', dist: against }] : [])];
    const rows = [];
    const goals = [];
    const open = async ({ dist }) => {
      const opened = fork(program, { env: { ...process.env, BOOCODE_BENCH_DIST: dist } });
      await nextMessage(opened);
      return opened;
    };
    const ask = (opened, request) => {
      const answer = nextMessage(opened);
      opened.send(request);
      return answer;
    };

    const children = [];
    try {
      for (const build of builds) children.push(await open(build));
      for (const engine of engines) {
        const firsts = builds.map(() => []);
        const lasts = builds.map(() => []);
        // The first round is for warming up, and nobody always follows the same neighbour.
        for (let round = 0; round <= rounds; round += 1) {
          progress(`${together} cold prompts at once, ${engine}, round ${round} of ${rounds}`);
          for (let n = 0; n < builds.length; n += 1) {
            const which = (n + round) % builds.length;
            const { firstMs } = await ask(children[which], { is: 'together', engine, count: together });
            if (round === 0) continue;
            firsts[which].push(median(firstMs));
            lasts[which].push(Math.max(...firstMs));
          }
        }
        for (const [which, { who }] of builds.entries()) {
          const what = `${together} cold prompts at once, ${engine}`;
          rows.push({ what: `${what}: median first token`, who, unit: 'ms', samples: firsts[which] });
          rows.push({ what: `${what}: last first token`, who, unit: 'ms', samples: lasts[which] });
        }
        if (against) {
          const measured = median(firsts[0].map((ms, round) => ms / firsts[1][round]));
          goals.push({ what: `${together} cold prompts, ${engine}: now / before`, measured, limit: 0.6, atMost: true });
        }
      }
    } finally {
      for (const each of children) await endChild(each);
    }

    for (const build of builds) {
      progress(`${crowd} prompts at once where memory is short, ${build.who}`);
      const opened = await open(build);
      try {
        const { most, bytes, answered, limit } = await ask(opened, { is: 'crowd', count: crowd });
        const what = `${crowd} prompts at once${limit ? `, limited to ${Math.round(megabytes(limit))} MB` : ''}`;
        rows.push({ what: `${what}: most agents at once`, who: build.who, unit: '', samples: [most] });
        rows.push({ what: `${what}: their memory`, who: build.who, unit: 'MB', samples: [megabytes(bytes)] });
        rows.push({ what: `${what}: answered`, who: build.who, unit: '', samples: [answered] });
      } finally {
        await endChild(opened);
      }
    }
    return { rows, goals };
  },
};
