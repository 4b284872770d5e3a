/** What the program asks for itself, never a person: it must get an answer that fits, and consume no script. */
import { say } from './reply.ts';
import type { Script } from './script.ts';

export const sideScripts: readonly Script[] = [
  {
    name: 'task notification',
    when: (c) => c.notification !== undefined,
    reply(c) {
      const summary = /<summary>([\s\S]*?)<\/summary>/.exec(c.notification ?? '')?.[1]?.trim();
      return [say(`A background task reports: ${summary ?? 'it has ended.'}`)];
    },
  },
];
