import { defineConfig } from 'vitest/config';
import type { Reporter, RunnerTestCase, Vitest } from 'vitest/node';

// For `npm run mutate`, which runs Vitest once for each mutant. Only tests in this process notice one: those of test/ start
// the built program.

let vitest: Vitest;

/** Stryker looks at tests alone. A mutant that keeps their file from loading leaves none, and would count as a survivor. */
const unloadable: Reporter = {
  onInit: (it) => void (vitest = it),
  onTestRunEnd() {
    for (const file of vitest.state.getFiles()) {
      if (file.result?.state !== 'fail' || file.tasks.length > 0) continue;
      const test = { type: 'test', name: 'loads', id: `${file.id}_loads`, mode: 'run', meta: {}, result: file.result };
      file.tasks.push({ ...test, file } as unknown as RunnerTestCase);
    }
  },
};

export default defineConfig({
  test: {
    provide: { postgresUrl: process.env['BOOCODE_MUTATE_POSTGRES'] ?? '' },
    // Not Stryker's `testFiles`: with it, a mutant of code that runs while its module loads is never switched on.
    include: JSON.parse(process.env['BOOCODE_MUTATE_TESTS'] ?? '[]') as string[],
    // They put something in the place of a module, which the files share here.
    exclude: ['src/web/text/markdown-unreadable.test.ts', 'src/lib/lock-file.test.ts'],
    // Loading the modules costs more than most tests.
    isolate: false,
    // Shorter than in vitest.config.ts: a mutant that makes a test wait is killed when the time is up.
    testTimeout: 8_000,
    hookTimeout: 20_000,
    expect: { poll: { timeout: 5_000 } },
    reporters: [unloadable],
  },
});
