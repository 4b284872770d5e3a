/**
 * Who may have an agent that never asks (`bypassPermissions`), and where: an owner, as far as the server's setting allows it.
 * Everything that sets the mode, or widens what it reaches, comes through here, and every start of an agent asks again.
 */
import { BooError } from '../protocol/error.ts';
import type { PatchChat } from '../protocol/chat.ts';
import type { Actor } from '../protocol/principal.ts';
import { sandboxInForce, type SandboxMode } from '../protocol/sandbox.ts';
import type { ChatRow } from '../store/chats.ts';

/** As `--bypass-permissions` says; `sandboxed`: only in chats whose sandbox is required. */
type BypassRule = 'allow' | 'sandboxed' | 'never';

type Bypassing = Pick<ChatRow, 'permissionMode' | 'sandbox'>;
type Changes = Pick<PatchChat, 'permissionMode' | 'trusted' | 'cwd' | 'sandbox' | 'confirmBypass'>;

const mode = 'bypassPermissions';
const field = 'permissionMode';

/** Whether the changes set the mode, or widen what an agent in that mode reaches. */
export const concernsBypass = ({ permissionMode, trusted, cwd, sandbox }: Changes): boolean =>
  permissionMode === mode || trusted === true || cwd !== undefined || sandbox !== undefined;

export class Bypass {
  readonly #rule: BypassRule;
  readonly #sandbox: SandboxMode;

  /** `sandbox`: the least that any chat has. */
  constructor(rule: BypassRule = 'allow', sandbox: SandboxMode = 'off') {
    this.#rule = rule;
    this.#sandbox = sandbox;
  }

  /** Throws `forbidden`; `invalid_request` if a confirmation is missing. `before` is null for a new chat. */
  assertMay(actor: Actor | undefined, changes: Changes, before: Bypassing | null): void {
    const after = { ...before, ...changes };
    if (after.permissionMode !== mode) return;
    if (!concernsBypass(changes)) return;
    const sets = changes.permissionMode === mode;
    if (actor && actor.principal.role !== 'owner') {
      const { name, role } = actor.principal;
      const what = sets ? 'only an owner may let an agent work without asking' : 'its agent works without asking';
      const message = `${field}: ${what} (${mode}), and ${name} has the role ${role} here.`;
      throw new BooError('forbidden', message, { details: { field, needs: 'owner', role } });
    }
    const problem = this.problemOf(after);
    if (problem !== null) throw new BooError('forbidden', `${field}: ${problem}.`, { details: { field } });
    if (!sets || changes.trusted !== true || changes.confirmBypass === true) return;
    const message =
      'confirmBypass: must be true to set bypassPermissions and trusted at once: the directory’s own hooks, commands and servers ' +
      'would then run, and the agent would work, without a question.';
    throw new BooError('invalid_request', message, { details: { field: 'confirmBypass' } });
  }

  /** Why this chat's agent has to ask after all; null if it need not. */
  problemOf(chat: Pick<PatchChat, 'permissionMode' | 'sandbox'>): string | null {
    if (chat.permissionMode !== mode || this.#rule === 'allow') return null;
    if (this.#rule === 'never') return `this server lets no agent work without asking (--bypass-permissions never)`;
    if (sandboxInForce(this.#sandbox, chat.sandbox ?? null) === 'required') return null;
    return (
      'this server lets agents work without asking in a sandbox only (--bypass-permissions sandboxed): set the chat’s ' +
      'sandbox to required'
    );
  }

  /** As a fork has the settings: it asks if whoever makes it could not set the mode. */
  inherited<C extends Bypassing>(actor: Actor, parent: C): C {
    if (parent.permissionMode !== mode) return parent;
    const may = actor.principal.role === 'owner' && this.problemOf(parent) === null;
    return may ? parent : { ...parent, permissionMode: 'default' };
  }
}
