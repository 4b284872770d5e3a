/** A warm chat on each engine beside a process per turn and the waking of a cold chat. */
import { openBooCode, untilCold } from '../contestants/boocode.mjs';
import { openClaudePrint } from '../contestants/claude-print.mjs';
import { interleave, ratioOf } from '../interleave.mjs';
import { openPlace } from '../place.mjs';
import { checkedTurn, shortPrompt } from '../prompts.mjs';

export default {
  name: 'engines',
  title: 'Both engines, a process per turn, and a wake',
  async measure({ ours, against, rounds, progress, cpuProfDir }) {
    const place = await openPlace({ cpuProfDir });
    try {
      progress('Starting the contestants.');
      const print = await openClaudePrint(place, 'print');
      const cold = [{ name: 'print', run: () => checkedTurn(print, shortPrompt) }];
      const warm = [];
      const attach = { now: [], before: [] };
      for (const [name, dist] of Object.entries({ now: ours, ...(against && { before: against }) })) {
        const server = await openBooCode(place, `warm-${name}`, { idleSeconds: 3600, dist });
        const chat = await server.openChat();
        const terminalChat = await server.openChat('claude_pty');
        const sleepy = await openBooCode(place, `cold-${name}`, { idleSeconds: 1, dist });
        const coldChat = await sleepy.openChat();
        cold.push({
          name: `${name} wake`,
          run: () => checkedTurn(coldChat, shortPrompt),
          settle: () => untilCold(sleepy, coldChat),
        });
        warm.push({ name: `${name} warm`, run: () => checkedTurn(chat, shortPrompt) });
        warm.push({
          name: `${name} terminal`,
          run: () => checkedTurn(terminalChat, shortPrompt),
          settle: async () => attach[name].push(await terminalChat.attach()),
        });
      }
      const tasks = [...cold, ...warm, ...warm.toReversed(), ...warm];
      return judge(await interleave(tasks, { rounds, warmUpRounds: 2, progress }), attach);
    } finally {
      await place.close();
    }
  },
};

function judge(samples, attach) {
  const builds = samples['before warm'] ? ['now', 'before'] : ['now'];
  const of = (name, field = 'firstMs') => samples[name].map((sample) => sample[field]);
  const row = (what, who, values) => ({ what, who, unit: 'ms', samples: values });
  const ofBuilds = (what, values) =>
    builds.map((build) => row(what, build === 'now' ? 'BooCode' : build, values(build)));
  const print = '`claude -p --resume`';
  const rows = [
    ...ofBuilds('Follow-up turn, first token', (build) => of(`${build} warm`)),
    row('Follow-up turn, first token', print, of('print')),
    ...ofBuilds('Follow-up turn, result', (build) => of(`${build} warm`, 'resultMs')),
    row('Follow-up turn, result', print, of('print', 'resultMs')),
    ...ofBuilds('Follow-up turn in the terminal, whole answer', (build) => of(`${build} terminal`)),
    ...ofBuilds('Attach to a terminal, whole screen', (build) => attach[build]),
    ...ofBuilds('Cold chat wakes, first token', (build) => of(`${build} wake`)),
  ];
  const goal = (what, over, under, limit, atMost) => ({
    what,
    measured: ratioOf(of(over), of(under)),
    limit,
    atMost,
  });
  const goals = [
    goal('Follow-up, first token: `claude -p` / BooCode', 'print', 'now warm', 10, false),
    goal('Terminal, first answer: `claude -p` / BooCode', 'print', 'now terminal', 5, false),
    goal('Cold wake, first token: BooCode / `claude -p`', 'now wake', 'print', 1.2, true),
  ];
  if (builds.includes('before')) {
    goals.push(goal('Terminal, first answer: now / before', 'now terminal', 'before terminal', null, true));
    goals.push(goal('Cold wake, first token: now / before', 'now wake', 'before wake', null, true));
  }
  return { rows, goals };
}
