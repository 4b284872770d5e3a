/** Settings that the program takes only when it starts: changing one means a restart. */
import type { Effort, PermissionMode } from '../../protocol/chat.ts';
import type { AgentBody } from '../../protocol/event.ts';

export interface ChosenSettings {
  readonly model: string | null;
  readonly effort: Effort | null;
  readonly permissionMode: PermissionMode;
  readonly acceptsAgentMessages: boolean;
}

export class StartSettings {
  #chosen: ChosenSettings;
  /** What the current program was started with. */
  #started: ChosenSettings | undefined;

  constructor({ model, effort, permissionMode, acceptsAgentMessages }: ChosenSettings) {
    this.#chosen = { model, effort, permissionMode, acceptsAgentMessages };
  }

  get chosen(): ChosenSettings {
    return this.#chosen;
  }

  /** Something else was chosen since the program started. */
  get isStale(): boolean {
    return this.#started !== undefined && this.#started !== this.#chosen;
  }

  /** Returns false if it changes nothing. */
  choose(change: Partial<ChosenSettings>): boolean {
    const chosen = { ...this.#chosen, ...change };
    const names = Object.keys(change) as (keyof ChosenSettings)[];
    if (names.every((name) => chosen[name] === this.#chosen[name])) return false;
    this.#chosen = chosen;
    return true;
  }

  /** A person changed it in the program itself: the next start must not undo that. */
  note(event: AgentBody): void {
    const { isStale } = this;
    if (event.type === 'current_model_update') this.choose({ model: event.model });
    if (event.type === 'current_effort_update') this.choose({ effort: event.effort });
    if (event.type === 'current_mode_update') this.choose({ permissionMode: event.permissionMode });
    if (!isStale && this.#started !== undefined) this.#started = this.#chosen;
  }

  /** A program was started with these. */
  noteStart(started: ChosenSettings): void {
    this.#started = started;
  }
}
