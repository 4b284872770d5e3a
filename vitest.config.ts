import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Rooms whose tests start no program, and leave their process as they found it.
const rooms = 'chats,cli,client,http,protocol,web';
// One that puts something in the place of a module would find the module there already.
const mocking = ['src/web/ui/parts/markdown-unreadable.test.ts'];

const common = {
  pool: 'forks',
  // Each has programs of its own that need the cores, and up to a gigabyte.
  maxWorkers: Math.min(Math.max(availableParallelism(), 2), 6),
  // Long, for machines that have other work on every core: a time-out says that something hangs, and nothing else.
  testTimeout: 120_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 30_000 } },
} as const;

export default defineConfig({
  test: {
    ...common,
    // Stands here, and not in the projects: it runs once for all.
    globalSetup: ['test/support/global-setup.ts'],
    projects: [
      {
        test: {
          ...common,
          name: 'shared',
          include: [`src/{${rooms}}/**/*.test.ts`],
          exclude: mocking,
          // To load a module costs more than most of these tests: a worker loads it once for all its files.
          isolate: false,
          // One after the other: a worker goes on only with files of its own kind.
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'own',
          include: [
            `src/!(${rooms.replaceAll(',', '|')})/**/*.test.ts`,
            'src/*.test.ts',
            'test/**/*.test.ts',
            ...mocking,
          ],
          // A process per file: tests start and end processes, and a crash must show whose it was.
          isolate: true,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
