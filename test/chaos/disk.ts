import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Small file systems in memory, to fill. */
export interface Disk {
  readonly postgres: string;
  /** Mounts one at a host's data directory. */
  mountHost(directory: string): void;
  close(): void;
}

export const diskMegabytes = { postgres: 1_536, host: 64 } as const;

/** Null where this process may not mount. */
export function openDisk(folder: string): Disk | null {
  const mounted: string[] = [];
  const mount = (directory: string, megabytes: number): boolean => {
    mkdirSync(directory, { recursive: true });
    const options = `size=${megabytes}m,mode=0755`;
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { stdio: 'ignore' });
    if (status === 0) mounted.push(directory);
    return status === 0;
  };
  const postgres = join(folder, 'postgres');
  if (process.platform !== 'linux' || !mount(postgres, diskMegabytes.postgres)) return null;
  return {
    postgres,
    mountHost(directory) {
      if (!mount(directory, diskMegabytes.host)) throw new Error(`Nothing can be mounted at ${directory}.`);
    },
    close() {
      for (const directory of mounted.splice(0).toReversed()) {
        // Lazily, if something still looks at it.
        if (spawnSync('umount', [directory], { stdio: 'ignore' }).status !== 0)
          spawnSync('umount', ['--lazy', directory], { stdio: 'ignore' });
      }
    },
  };
}
