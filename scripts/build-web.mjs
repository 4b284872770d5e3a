// Bundles src/web into dist/web, and prints how much a browser loads before anything is shown.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { collectModules } from './notices.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const firstViewLimitKb = 200;

/** The files named in index.html: fetched before the first view. All others are loaded on demand. */
function firstView(outDir) {
  const page = readFileSync(join(outDir, 'index.html'), 'utf8');
  return ['index.html', ...[...page.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map((match) => match[1])];
}

/** Returns the modules that are in it. */
export async function buildWeb(outDir = join(root, 'dist', 'web')) {
  const collected = collectModules();
  const { build } = await import('vite');
  const { default: react } = await import('@vitejs/plugin-react');
  mkdirSync(outDir, { recursive: true });
  await build({
    configFile: false,
    root: join(root, 'src', 'web'),
    logLevel: 'warn',
    // The page may be served below a path.
    base: './',
    plugins: [react(), collected.plugin],
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2022',
      // A data: URL is a file that no policy can name.
      assetsInlineLimit: 0,
      // Terminal and highlighting are large, and loaded on demand.
      chunkSizeWarningLimit: 700,
    },
  });
  const compressed = (file) => gzipSync(readFileSync(join(outDir, file)), { level: 9 }).length;
  const first = firstView(outDir);
  const firstKb = first.reduce((sum, file) => sum + compressed(file), 0) / 1024;
  const rest = readdirSync(join(outDir, 'assets')).filter((file) => !first.includes(`assets/${file}`));
  const restKb = rest.reduce((sum, file) => sum + compressed(join('assets', file)), 0) / 1024;
  console.log(`Web app: ${firstKb.toFixed(1)} KB compressed for the first view, ${restKb.toFixed(1)} KB on demand.`);
  if (firstKb > firstViewLimitKb) throw new Error(`The first view is larger than ${firstViewLimitKb} KB.`);
  return collected.modules;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildWeb(process.argv[2]);
