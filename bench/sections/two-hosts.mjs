/** The same chat, driven through its host and through another one. */
import { openTwoHosts } from '../contestants/two-hosts.mjs';
import { interleave, ratioOf } from '../interleave.mjs';
import { openPlace } from '../place.mjs';
import { checkedTurn, shortPrompt } from '../prompts.mjs';

export default {
  name: 'two-hosts',
  title: 'A chat on another host',
  async measure({ rounds, progress, cpuProfDir }) {
    const place = await openPlace({ cpuProfDir });
    try {
      const { direct, through } = await openTwoHosts(place, shortPrompt);
      const tasks = Object.entries({ direct, through }).map(([name, contestant]) => ({
        name,
        run: async () => (await checkedTurn(contestant, shortPrompt)).firstMs,
      }));
      const all = [...tasks, ...tasks.toReversed(), ...tasks];
      const samples = await interleave(all, { rounds, warmUpRounds: 3, progress });
      const what = 'Follow-up turn, two hosts, first token';
      return {
        rows: [
          { what, who: 'through the host of the chat', unit: 'ms', samples: samples.direct },
          { what, who: 'through the other host', unit: 'ms', samples: samples.through },
        ],
        goals: [
          {
            what: 'Follow-up, first token: other host / its own',
            measured: ratioOf(samples.through, samples.direct),
            limit: 1.1,
            atMost: true,
          },
        ],
      };
    } finally {
      await place.close();
    }
  },
};
