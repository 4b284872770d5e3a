/**
 * How much memory this process and what it starts may still use. On Linux the tightest of the machine and every control
 * group above this process counts, in both versions of control groups; page cache that the kernel gives up on its own
 * counts as free.
 */
import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Memory {
  totalBytes: number;
  /** Could be used without anything being swapped out or killed. */
  availableBytes: number;
  /** For how many percent of the last ten seconds all work stood still for lack of memory; null if unknown. */
  stalledPercent: number | null;
}

/** Null where nobody can say. */
export type ReadMemory = () => Memory | null;

/** `root`: where `/proc` and `/sys` are, for tests. */
export function memoryReader(root = '/', platform: NodeJS.Platform = process.platform): ReadMemory {
  if (platform === 'linux') return () => readLinux(root);
  // Elsewhere free memory leaves out what the system would give up at once, and would keep every agent from starting.
  if (platform === 'win32') {
    return () => ({ totalBytes: totalmem(), availableBytes: freemem(), stalledPercent: null });
  }
  return () => null;
}

interface Room {
  totalBytes: number;
  availableBytes: number;
}

/** Names of the files of one version of control groups. */
interface GroupFiles {
  limits: readonly string[];
  usage: string;
  /** In `memory.stat`: the page cache that goes first. */
  cache: string;
}

const second: GroupFiles = { limits: ['memory.max', 'memory.high'], usage: 'memory.current', cache: 'inactive_file' };
const first: GroupFiles = {
  limits: ['memory.limit_in_bytes'],
  usage: 'memory.usage_in_bytes',
  cache: 'total_inactive_file',
};

function readLinux(root: string): Memory | null {
  const read = (path: string): string => readText(join(root, path));
  const machine = readMachine(read('proc/meminfo'));
  if (!machine) return null;
  let tightest: Room = machine;
  const pressures = [stalled(read('proc/pressure/memory'))];
  for (const { base, path, files } of groupsIn(read('proc/self/cgroup'))) {
    for (const level of levelsOf(path)) {
      const group = readGroup((name) => read(join(base, level, name)), files, machine.totalBytes);
      if (group && group.availableBytes < tightest.availableBytes) {
        // A group without a limit of its own shares that of the machine.
        tightest = group;
      }
    }
    pressures.push(stalled(read(join(base, path, 'memory.pressure'))));
  }
  const known = pressures.filter((each) => each !== null);
  return { ...tightest, stalledPercent: known.length === 0 ? null : Math.max(...known) };
}

/** The groups that this process is in, as far as they can limit memory. */
function groupsIn(text: string): { base: string; path: string; files: GroupFiles }[] {
  return text.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === '') return [{ base: 'sys/fs/cgroup', path, files: second }];
    if (controllers?.split(',').includes('memory') !== true) return [];
    return [{ base: 'sys/fs/cgroup/memory', path, files: first }];
  });
}

/** A group and those above it. In a container the path may name a group that cannot be seen; the top always can. */
function levelsOf(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return [...names.keys()].map((at) => names.slice(0, at + 1).join('/')).concat('');
}

function readGroup(read: (name: string) => string, files: GroupFiles, mostBytes: number): Room | null {
  const limits = files.limits.map((name) => count(read(name))).filter((limit) => limit !== null && limit < mostBytes);
  const used = count(read(files.usage));
  if (limits.length === 0 || used === null) return null;
  const totalBytes = Math.min(...(limits as number[]));
  const cached = count(new RegExp(`^${files.cache} (\\d+)$`, 'm').exec(read('memory.stat'))?.[1] ?? '') ?? 0;
  return { totalBytes, availableBytes: Math.max(0, totalBytes - Math.max(0, used - cached)) };
}

function readMachine(text: string): Room | null {
  const bytes = (name: string): number | null => {
    const kilobytes = count(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? '');
    return kilobytes === null ? null : kilobytes * 1024;
  };
  const [totalBytes, availableBytes] = [bytes('MemTotal'), bytes('MemAvailable')];
  return totalBytes === null || availableBytes === null ? null : { totalBytes, availableBytes };
}

/** From a file such as `/proc/pressure/memory`. */
function stalled(text: string): number | null {
  const share = /^full avg10=(\d+(?:\.\d+)?)/m.exec(text)?.[1];
  return share === undefined ? null : Number(share);
}

/** Null also for `max`. */
function count(text: string): number | null {
  return /^\d+$/.test(text.trim()) ? Number(text) : null;
}

/** Empty if there is no such file. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
