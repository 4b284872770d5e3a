/**
 * The sandbox of one session: bubblewrap around the whole program, so that its tools, hooks and MCP servers are inside, too.
 *
 * The root is empty, and only what is listed here is put in: the system, the programs on PATH, the workspace, and the session's
 * own directories. What is not listed does not exist inside: the server's data directory, other chats, the home directory,
 * sockets of the database and of the system, and other processes. Later entries lie over earlier ones.
 */
import { existsSync, realpathSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, sep } from 'node:path';
import { isWithin } from '../../lib/is-within.ts';
import { BooError } from '../../protocol/error.ts';
import { namespaceArgs, systemArgs } from './bubblewrap.ts';
import { type GitPlaces, gitPlaces } from './git-places.ts';
import type { SandboxNetwork } from './network.ts';
import { prepareSandboxDirectory } from './session-directory.ts';

export interface SandboxParts {
  /** The path of `bwrap`. */
  bubblewrap: string;
  /** The workspace, a real path. */
  cwd: string;
  /** The session's own, see `session-directory.ts`. */
  directory: string;
  dataDir: string;
  /** The program's usual config directory, of which the user's own settings are shown. */
  baseConfigDir: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Programs that have to be there wherever they are. */
  programs: readonly string[];
  /** Files with secrets, wherever they are. */
  secretFiles: readonly string[];
  readable: readonly string[];
  writable: readonly string[];
  /** Its own, if it does not have the machine's. */
  network?: SandboxNetwork | undefined;
}

export interface Sandbox {
  readonly configDir: string;
  /** Git directories that can be written inside, see `git-guard.ts`. */
  readonly gitDirectories: readonly string[];
  /** Runs the command inside. `more`: further places that it needs. */
  wrap(command: string, args: readonly string[], more?: readonly string[]): { command: string; args: string[] };
  /** Call it before the server works in its directories while the program does not run. */
  tidy(): Promise<void>;
  /** Of its processes, beyond the environment that the program has anyway. */
  readonly env: Readonly<Record<string, string>>;
  /** Its network is not the machine's. */
  readonly isLimited: boolean;
  /** Call it once nothing runs in it any more. Idempotent. */
  close(): Promise<void>;
}

/** Of the user's config directory: settings, instructions and extensions, which are only read. */
const userSettings = [
  'settings.json',
  'CLAUDE.md',
  'rules',
  'commands',
  'agents',
  'skills',
  'output-styles',
  'plugins',
].concat(['keybindings.json', 'themes', 'hooks', 'statusline.sh']);

/** Hidden, although it is among the system's settings. */
const systemSecrets = ['/etc/shadow', '/etc/shadow-', '/etc/gshadow', '/etc/gshadow-', '/etc/sudoers'];

/** No workspace may contain one of them, and some may not contain a workspace. */
const systemPlaces = [
  '/usr',
  '/etc',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
  '/boot',
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/var/run',
];

/** Throws `cwd_invalid` if the workspace is a place that would let the agent out. */
export function createSandbox(parts: SandboxParts): Sandbox {
  const { bubblewrap, directory, env, network } = parts;
  const git = gitPlaces(parts.cwd);
  const before = [...namespaceArgs(), ...systemArgs(), ...placeArgs(parts, git), ...(network?.args ?? [])];
  return {
    gitDirectories: git?.writable ?? [],
    configDir: join(directory, 'claude'),
    env: {
      CLAUDE_CONFIG_DIR: join(directory, 'claude'),
      IS_SANDBOX: '1',
      ...(env['TMPDIR'] ? { TMPDIR: '/tmp' } : {}),
      ...network?.env,
    },
    tidy: () => prepareSandboxDirectory(directory),
    wrap(command, args, more = []) {
      const inside = network?.wrap(command, args) ?? { command, args };
      const places = more.flatMap((path) => bind(path));
      return {
        command: bubblewrap,
        args: [...before, ...places, '--chdir', parts.cwd, '--', inside.command, ...inside.args],
      };
    },
    isLimited: network !== undefined,
    close: async () => network?.close(),
  };
}

function placeArgs(parts: SandboxParts, git: GitPlaces | undefined): string[] {
  const { cwd, directory, dataDir, baseConfigDir, env, readable, writable } = parts;
  const home = realPath(env['HOME'] ?? homedir());
  assertWorkspace(cwd, [home, realPath(dataDir), realPath(baseConfigDir), realPath(tmpdir())]);
  const configDir = join(directory, 'claude');
  const credentials = join(baseConfigDir, '.credentials.json');
  const hasTop = git !== undefined && git.top !== cwd && !isWithin(home, git.top) && git.top !== sep;
  return [
    ...bind(join(directory, 'tmp'), '/tmp'),
    '--tmpfs',
    '/run',
    '--tmpfs',
    '/var/tmp',
    '--tmpfs',
    home,
    ...nameServers(),
    ...['.gitconfig', '.config/git'].flatMap((name) => readOnly(join(home, name))),
    ...programPlaces(parts, home).flatMap((path) => readOnly(path)),
    ...readable.flatMap((path) => readOnly(path)),
    ...(hasTop ? readOnly(git.top) : []),
    ...writable.flatMap((path) => bindIfThere(path)),
    ...[...systemSecrets, ...parts.secretFiles].flatMap((path) => hidden(path)),
    '--tmpfs',
    realPath(dataDir),
    ...bind(cwd),
    ...(git?.writable ?? []).flatMap((path) => bind(path)),
    ...(git?.readOnly ?? []).flatMap((path) => readOnly(path)),
    ...bind(configDir),
    ...userSettings.flatMap((name) => readOnly(join(baseConfigDir, name), join(configDir, name))),
    // Plugins name themselves by path.
    ...readOnly(join(baseConfigDir, 'plugins')),
    // The program writes it when it renews its login.
    ...bindIfThere(credentials, join(configDir, '.credentials.json')),
  ];
}

function assertWorkspace(cwd: string, places: readonly string[]): void {
  const within = systemPlaces.find((place) => isWithin(cwd, place));
  const contained = [...places, ...systemPlaces].find((place) => isWithin(place, cwd));
  if (within === undefined && contained === undefined) return;
  throw new BooError(
    'cwd_invalid',
    `An agent in a sandbox cannot work in ${cwd}, ${within === undefined ? `which contains ${contained}` : 'which belongs to the system'}. ` +
      'Choose a directory of its own for the project.',
  );
}

/** Programs on PATH that are not among the system's; with npm's own directory, because its programs are links into it. */
function programPlaces({ env, programs, dataDir }: SandboxParts, home: string): string[] {
  const onPath = (env['PATH'] ?? '').split(delimiter).filter((path) => path.startsWith(sep) && existsSync(path));
  const withNpm = onPath.flatMap((path) => {
    const parent = dirname(path);
    return basename(path) === 'bin' && existsSync(join(parent, 'lib/node_modules/npm')) ? [parent, path] : [path];
  });
  const isOwn = (path: string): boolean => ![home, realPath(dataDir)].some((place) => isWithin(place, realPath(path)));
  const isNew = (path: string): boolean => !['/usr', '/bin', '/sbin', '/opt'].some((place) => isWithin(path, place));
  return [...new Set([...withNpm, ...programs.flatMap((path) => [path, realPath(path)])])].filter(
    (path) => isOwn(path) && isNew(path),
  );
}

/** The list of name servers is often a link into /run. */
function nameServers(): string[] {
  const file = realPath('/etc/resolv.conf');
  return isWithin(file, '/run') ? ['--ro-bind', file, file] : [];
}

const bind = (from: string, to = from): string[] => ['--bind', from, to];
const bindIfThere = (from: string, to = from): string[] => (existsSync(from) ? bind(from, to) : []);
const readOnly = (from: string, to = from): string[] => (existsSync(from) ? ['--ro-bind', from, to] : []);
const hidden = (path: string): string[] => (existsSync(path) ? ['--ro-bind', '/dev/null', path] : []);

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
