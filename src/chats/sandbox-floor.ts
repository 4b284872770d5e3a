/**
 * Which sandbox a chat has at least: the server's own setting, and those of the directories that it works in or below, by real
 * path. The strictest applies. It is worked out anew for each start of an agent, because a link may lead elsewhere by then.
 */
import { isAbsolute, resolve } from 'node:path';
import { isWithin } from '../lib/is-within.ts';
import { BooError } from '../protocol/error.ts';
import {
  isStricter,
  networkInForce,
  sandboxInForce,
  type SandboxMode,
  sandboxModes,
  type SandboxNetworkMode,
  sandboxNetworks,
} from '../protocol/sandbox.ts';
import type { ChatRow } from '../store/chats.ts';
import { realPathOf } from './work-places.ts';

/** What chats have at least in a directory and below it. */
export interface SandboxDirectory {
  readonly directory: string;
  readonly mode: SandboxMode;
  readonly network: SandboxNetworkMode;
}

export interface SandboxFloorParts {
  /** The server's own settings, for every chat. */
  mode: SandboxMode;
  network: SandboxNetworkMode;
  directories?: readonly SandboxDirectory[];
}

interface Asked {
  sandbox?: SandboxMode | null | undefined;
  sandboxNetwork?: SandboxNetworkMode | null | undefined;
}

interface Least {
  mode: SandboxMode;
  network: SandboxNetworkMode;
  /** Who says so: `this server`, or a directory. */
  modeFrom: string;
  networkFrom: string;
}

/** `/srv/untrusted=required:off`, `/home/ann/work=preferred`. Undefined if it is none of these. */
export function parseSandboxDirectory(text: string): SandboxDirectory | undefined {
  const [, directory = '', mode, network = 'open'] = /^(.+)=([a-z]+)(?::([a-z]+))?$/.exec(text) ?? [];
  const isKnown = sandboxModes.some((each) => each === mode) && sandboxNetworks.some((each) => each === network);
  if (!isKnown || !isAbsolute(directory)) return undefined;
  return { directory: resolve(directory), mode: mode as SandboxMode, network: network as SandboxNetworkMode };
}

export class SandboxFloor {
  readonly #parts: SandboxFloorParts;

  constructor(parts: SandboxFloorParts = { mode: 'off', network: 'open' }) {
    this.#parts = parts;
  }

  /** A chat may ask for more than what applies where it works, and not for less. Throws `invalid_request`. */
  async assert({ sandbox, sandboxNetwork }: Asked, directories: readonly string[]): Promise<void> {
    if (!sandbox && !sandboxNetwork) return;
    const least = await this.#least(directories);
    if (sandbox && isStricter(least.mode, sandbox)) {
      const problem = `must not be less than ${least.mode}, which ${least.modeFrom} requires.`;
      throw new BooError('invalid_request', `sandbox: ${problem}`);
    }
    if (sandboxNetwork && networkInForce(least.network, sandboxNetwork) !== sandboxNetwork) {
      const problem = `must not be more than ${least.network}, which is all that ${least.networkFrom} allows.`;
      throw new BooError('invalid_request', `sandboxNetwork: ${problem}`);
    }
  }

  /** What applies to a chat that works in these directories. Null: what the server says. */
  async inForce(
    { sandbox, sandboxNetwork }: Pick<ChatRow, 'sandbox' | 'sandboxNetwork'>,
    directories: readonly string[],
  ): Promise<Pick<ChatRow, 'sandbox' | 'sandboxNetwork'>> {
    if ((this.#parts.directories ?? []).length === 0) return { sandbox, sandboxNetwork };
    const { mode, network } = await this.#least(directories);
    return { sandbox: sandboxInForce(mode, sandbox), sandboxNetwork: networkInForce(network, sandboxNetwork) };
  }

  async #least(directories: readonly string[]): Promise<Least> {
    const { mode, network, directories: rules = [] } = this.#parts;
    const least: Least = { mode, network, modeFrom: 'this server', networkFrom: 'this server' };
    const places = rules.length === 0 ? [] : await Promise.all(directories.map((path) => realPathOf(path)));
    for (const rule of rules) {
      const top = await realPathOf(rule.directory);
      if (!places.some((place) => isWithin(place, top))) continue;
      const from = `this server for ${rule.directory}`;
      if (isStricter(rule.mode, least.mode)) Object.assign(least, { mode: rule.mode, modeFrom: from });
      const stricter = networkInForce(least.network, rule.network);
      if (stricter !== least.network) Object.assign(least, { network: stricter, networkFrom: from });
    }
    return least;
  }
}

/** The directory that a chat's worktree was made for, if it works in one of its own. */
export const madeFor = ({ cwd, worktree }: Pick<ChatRow, 'cwd' | 'worktree'>): string[] =>
  worktree && isWithin(cwd, worktree.path) ? [worktree.directory] : [];

/** Where a chat works: where its agent does, and, if that is a worktree of its own, the directory that it was made for. */
export function directoriesOf(
  { agentDirectory, ...row }: Pick<ChatRow, 'cwd' | 'worktree' | 'agentDirectory'>,
  directory = row.cwd,
): string[] {
  const ofAgent = agentDirectory ? [agentDirectory.cwd] : [];
  return [...new Set([directory, row.cwd, ...madeFor(row), ...ofAgent])];
}
