/** The first sign of an answer from the real program in a terminal, beside a process per turn. */
import { openBooCode } from '../contestants/boocode.mjs';
import { openClaudePrint } from '../contestants/claude-print.mjs';
import { interleave, ratioOf } from '../interleave.mjs';
import { openPlace } from '../place.mjs';
import { checkedTurn, shortPrompt } from '../prompts.mjs';

/** A warm turn is short, and a moment of another program can double it: several per round. */
const turnsPerRound = 3;

export default {
  name: 'terminal',
  title: 'Terminal, first answer',
  async measure({ ours, against, rounds, progress, cpuProfDir }) {
    const place = await openPlace({ cpuProfDir });
    try {
      progress('Starting the contestants.');
      const print = await openClaudePrint(place, 'print');
      const warm = [];
      for (const [name, dist] of Object.entries({ now: ours, ...(against && { before: against }) })) {
        const server = await openBooCode(place, `terminal-${name}`, { idleSeconds: 3600, dist });
        const chat = await server.openChat('claude_pty');
        warm.push({ name, run: () => checkedTurn(chat, shortPrompt) });
      }
      const repeated = Array.from({ length: turnsPerRound }, () => warm).flat();
      const tasks = [{ name: 'print', run: () => checkedTurn(print, shortPrompt) }, ...repeated];
      return judge(await interleave(tasks, { rounds, warmUpRounds: 2, progress }));
    } finally {
      await place.close();
    }
  },
};

function judge(samples) {
  const of = (name, field) => samples[name].map((sample) => sample[field]);
  const builds = samples.before ? ['now', 'before'] : ['now'];
  const rows = [
    ['Terminal, first preview or event of the answer', 'firstMs'],
    ['Terminal, end of the turn', 'resultMs'],
  ].flatMap(([what, field]) => [
    ...builds.map((name) => ({
      what,
      who: name === 'now' ? 'BooCode, `claude_pty`' : name,
      unit: 'ms',
      samples: of(name, field),
    })),
    { what, who: '`claude -p --resume`', unit: 'ms', samples: of('print', field) },
  ]);
  const first = (name) => of(name, 'firstMs');
  const goals = [
    {
      what: 'Terminal, first answer: `claude -p` / BooCode',
      measured: ratioOf(first('print'), first('now')),
      limit: 5,
      atMost: false,
    },
  ];
  if (samples.before) {
    goals.push({
      what: 'Terminal, first answer: now / before',
      measured: ratioOf(first('now'), first('before')),
      limit: 1,
      atMost: true,
    });
  }
  return { rows, goals };
}
