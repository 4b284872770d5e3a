/** Whether bubblewrap can run here: it has to be installed, and the kernel has to allow it namespaces. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { findProgram } from '../../lib/process-identity.ts';

export type Bubblewrap = { readonly path: string } | { readonly reason: string; readonly fix: string };

/** What every sandbox has of its own: processes, shared memory, the host's name, and no privileges. */
export function namespaceArgs(): string[] {
  return [
    // With it, nothing of the sandbox outlives the host: the kernel ends a namespace of processes with its first one.
    '--die-with-parent',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    ...(process.getuid?.() === 0 ? rootCapabilities : ['--unshare-user']),
  ];
}

/**
 * For root there is no user namespace, in which files of other users would belong to nobody. What is left only concerns
 * files, and only those that are in the sandbox.
 */
const rootCapabilities = ['--cap-drop', 'ALL'].concat(
  ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER'].flatMap((name) => ['--cap-add', name]),
);

/** The system's own programs and settings, as they are. */
export function systemArgs(): string[] {
  return [
    '--ro-bind',
    '/usr',
    '/usr',
    '--ro-bind',
    '/etc',
    '/etc',
    ...linkedArgs(),
    '--proc',
    '/proc',
    ...kernelArgs(),
    '--dev',
    '/dev',
  ];
}

/**
 * The kernel's own settings belong to root, whatever its privileges, and some of them name programs that the kernel runs
 * outside. bubblewrap leaves out those directories that it takes for unwritable.
 */
function kernelArgs(): string[] {
  const names = ['sys', 'sysrq-trigger', 'fs', 'irq', 'bus', 'acpi', 'scsi', 'mtrr'];
  const there = names.map((name) => `/proc/${name}`).filter((path) => existsSync(path));
  return there.flatMap((path) => ['--ro-bind', path, path]);
}

function linkedArgs(): string[] {
  const top = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
  // Links into /usr stay links where they are; a bind follows them.
  return [...top, '/opt', '/nix'].flatMap((path) => ['--ro-bind-try', path, path]);
}

const found = new Map<boolean, Bubblewrap>();

/**
 * Looked at once: what is installed later counts from the next start of the server. `isApart`: whether it can have a network of
 * its own, too.
 */
export function findBubblewrap(isApart = false): Bubblewrap {
  const known = found.get(isApart) ?? look(undefined, undefined, isApart ? ['--unshare-net'] : []);
  found.set(isApart, known);
  return known;
}

export function look(
  path = findProgram('bwrap'),
  platform = process.platform,
  more: readonly string[] = [],
): Bubblewrap {
  if (platform !== 'linux') {
    return {
      reason: 'A sandbox needs Linux.',
      fix: 'Run the server on Linux, or in a virtual machine or container with it.',
    };
  }
  if (path === null) {
    return {
      reason: 'bubblewrap is not installed.',
      fix: 'Install it (Debian, Ubuntu: apt-get install bubblewrap) and restart the server.',
    };
  }
  const probe = spawnSync(path, [...namespaceArgs(), ...more, ...systemArgs(), '--tmpfs', '/tmp', '--', 'true'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (probe.status === 0) return { path };
  const said = (probe.error?.message ?? probe.stderr).trim().split('\n').at(-1) ?? '';
  return {
    reason: `bubblewrap does not run here${said === '' ? '' : ` (${said})`}.`,
    fix:
      'The system must allow user namespaces: check kernel.apparmor_restrict_unprivileged_userns, ' +
      'kernel.unprivileged_userns_clone and user.max_user_namespaces, and in a container its seccomp profile.',
  };
}
