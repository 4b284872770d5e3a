import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // A process per file: tests start and end processes, and a crash must show whose it was.
    pool: 'forks',
    // Each has programs of its own that need the cores, and up to a gigabyte.
    maxWorkers: Math.min(Math.max(availableParallelism(), 2), 6),
    // Long, for machines that have other work on every core: a time-out says that something hangs, and nothing else.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
