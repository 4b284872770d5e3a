import { defineConfig } from 'vitest/config';
import type { Reporter, Vitest } from 'vitest/node';

// For `npm run mutate`, which runs Vitest once for each mutant. Only tests in this process notice one: those of test/ start
// the built program.

let vitest: Vitest;

/** Stryker sees the tests alone, and takes a mutant that keeps their file from loading for one that none of them noticed. */
const unloadable: Reporter = {
  onInit: (it) => void (vitest = it),
  onTestRunEnd(files) {
    for (const file of files) for (const error of file.errors()) vitest.state.errorsSet.add(error);
  },
};

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // Not Stryker's `testFiles`: with it, a mutant of code that runs while its module loads is never switched on.
    include: JSON.parse(process.env['BOOCODE_MUTATE_TESTS'] ?? '["src/**/*.test.ts"]') as string[],
    // They put something in the place of a module, which the files share here.
    exclude: ['src/web/text/markdown-unreadable.test.ts', 'src/lib/lock-file.test.ts'],
    // Loading the modules costs more than most tests.
    isolate: false,
    // Shorter than in vitest.config.ts: a mutant that makes a test wait is killed when the time is up.
    testTimeout: 15_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 5_000 } },
    reporters: [unloadable],
  },
});
