import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Compiles one module of src/ with everything it imports, for tests that need it in a separate process: Node does not
 * run TypeScript here. `path` is relative to src/ and ends in `.ts`.
 */
export async function compileModule(path: string): Promise<{ module: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'boocode-compiled-'));
  // Some tests run it as another user.
  await chmod(directory, 0o755);
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const project = join(directory, 'tsconfig.json');
  await writeFile(
    project,
    JSON.stringify({
      extends: join(root, 'tsconfig.build.json'),
      compilerOptions: {
        outDir: join(directory, 'dist'),
        rootDir: join(root, 'src'),
        typeRoots: [join(root, 'node_modules', '@types')],
        declaration: false,
        sourceMap: false,
      },
      files: [join(root, 'src', path)],
      include: [],
    }),
  );
  await promisify(execFile)(process.execPath, [tsc, '-p', project]);
  await writeFile(join(directory, 'package.json'), '{"type": "module"}');
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  return {
    module: join(directory, 'dist', path.replace(/\.ts$/, '.js')),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
