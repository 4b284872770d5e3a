import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface NewerBuild {
  /** Its program, as for `ProgramHomeOptions`. */
  readonly program: string;
  readonly version: string;
  remove(): Promise<void>;
}

/** A copy of the build that says it is of a later version. */
export async function makeNewerBuild(): Promise<NewerBuild> {
  const root = resolve(import.meta.dirname, '../..');
  const folder = await mkdtemp(join(tmpdir(), 'boocode-newer-'));
  for (const part of ['dist', 'migrations', 'openapi.json'])
    await cp(join(root, part), join(folder, part), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const version = `${Number(manifest.version.split('.')[0]) + 1}.0.0`;
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, version }));
  return {
    program: join(folder, 'dist/cli/boocode.js'),
    version,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
