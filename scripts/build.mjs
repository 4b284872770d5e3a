// Compiles src/ to dist/, bundles the program, and bundles the web app into dist/web. Runs as npm's `prepare`, so that a fresh `npm install`
// yields a working program. With `--despite-errors` it ignores type errors, as the canary needs. In a production-only
// install of the packed package there is no compiler, and dist/ already exists.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
let tsc;
try {
  tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
} catch {
  if (existsSync(join(root, 'dist', 'cli', 'boocode.js'))) process.exit(0);
  console.error('The compiler is missing: run `npm install` with its development dependencies.');
  process.exit(1);
}
rmSync(join(root, 'dist'), { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
if (status !== 0 && !process.argv.includes('--despite-errors')) process.exit(status ?? 1);
const { bundleProgram } = await import('./bundle.mjs');
const programModules = await bundleProgram();
chmodSync(join(root, 'dist', 'cli', 'boocode.js'), 0o755);
const { buildWeb } = await import('./build-web.mjs');
const webModules = await buildWeb();
const { writeNotices } = await import('./notices.mjs');
writeNotices([...programModules, ...webModules], join(root, 'dist', 'THIRD-PARTY-NOTICES.txt'));
