import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { memoryReader } from './memory.ts';

const mb = 1024 * 1024;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'boocode-memory-'));
  write('proc/meminfo', `MemTotal:       ${8_000 * 1024} kB\nMemFree: 1 kB\nMemAvailable:   ${5_000 * 1024} kB\n`);
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string | number): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${text}\n`);
}
const read = () => memoryReader(root, 'linux')();
const megabytes = () => {
  const { totalBytes, availableBytes } = read()!;
  return { total: totalBytes / mb, available: availableBytes / mb };
};

it('AGENT-41: reads what the machine has to spare where nothing else limits it', () => {
  expect(megabytes()).toEqual({ total: 8_000, available: 5_000 });
  write('proc/self/cgroup', '0::/');
  expect(megabytes()).toEqual({ total: 8_000, available: 5_000 });
});

it('AGENT-41: a control group limits it, and page cache that would go first is free', () => {
  write('proc/self/cgroup', '0::/user.slice/boo.service');
  const group = 'sys/fs/cgroup/user.slice/boo.service';
  write(`${group}/memory.max`, 1_000 * mb);
  write(`${group}/memory.current`, 700 * mb);
  write(`${group}/memory.stat`, `anon 1\ninactive_file ${100 * mb}\nactive_file 3`);
  expect(megabytes()).toEqual({ total: 1_000, available: 400 });
});

it('AGENT-41: so does one above it, and a limit that only slows down', () => {
  write('proc/self/cgroup', '0::/user.slice/boo.service');
  write('sys/fs/cgroup/user.slice/boo.service/memory.max', 'max');
  write('sys/fs/cgroup/user.slice/boo.service/memory.current', 100 * mb);
  write('sys/fs/cgroup/user.slice/memory.max', 2_000 * mb);
  write('sys/fs/cgroup/user.slice/memory.high', 1_500 * mb);
  write('sys/fs/cgroup/user.slice/memory.current', 1_400 * mb);
  expect(megabytes()).toEqual({ total: 1_500, available: 100 });
});

it('AGENT-41: a wide group does not make a full machine look empty', () => {
  write('proc/self/cgroup', '0::/boo');
  write('sys/fs/cgroup/boo/memory.max', 7_000 * mb);
  write('sys/fs/cgroup/boo/memory.current', 100 * mb);
  expect(megabytes()).toEqual({ total: 8_000, available: 5_000 });
});

it('AGENT-41: reads the first version of control groups, also in a container that does not see its own path', () => {
  write('proc/self/cgroup', '4:cpu,memory:/docker/abc\n0::/');
  write('sys/fs/cgroup/memory/memory.limit_in_bytes', 900 * mb);
  write('sys/fs/cgroup/memory/memory.usage_in_bytes', 950 * mb);
  write('sys/fs/cgroup/memory/memory.stat', `inactive_file 1\ntotal_inactive_file ${150 * mb}`);
  expect(megabytes()).toEqual({ total: 900, available: 100 });
  write('sys/fs/cgroup/memory/memory.limit_in_bytes', '9223372036854771712');
  expect(megabytes()).toEqual({ total: 8_000, available: 5_000 });
});

it('AGENT-41: reads how much work stood still for lack of memory, in the group or on the machine', () => {
  expect(read()!.stalledPercent).toBeNull();
  write('proc/pressure/memory', 'some avg10=9.00 avg60=0\nfull avg10=1.50 avg60=0.00');
  expect(read()!.stalledPercent).toBe(1.5);
  write('proc/self/cgroup', '0::/boo');
  write('sys/fs/cgroup/boo/memory.pressure', 'some avg10=90.00\nfull avg10=33.25 avg60=0.00');
  expect(read()!.stalledPercent).toBe(33.25);
});

it('AGENT-41: says nothing where nothing is known', () => {
  expect(memoryReader(root, 'darwin')()).toBeNull();
  rmSync(join(root, 'proc'), { recursive: true });
  expect(read()).toBeNull();
  expect(memoryReader(root, 'win32')()!.availableBytes).toBeGreaterThan(0);
});
