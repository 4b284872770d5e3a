/**
 * One session of the real `claude` program in a terminal. Prompts of the chat go in as keys. What the agent says and does
 * comes from the transcript that the program writes, and whether it is working or waiting from its status file. The screen
 * is only for people.
 */
import { within } from '../../lib/within.ts';
import type { Effort, PermissionMode } from '../../protocol/chat.ts';
import { BooError } from '../../protocol/error.ts';
import type { AgentEvent, AgentPrompt, AgentSession, AnswerCheck, DecisionAnswer } from '../agent-backend.ts';
import type { LeftBehind } from '../agent-process.ts';
import { assertDirectory } from '../claude/files/working-directory.ts';
import { baselineOf } from '../claude/mapping/model-costs.ts';
import { tellLeftSchedules } from '../claude/transcript-schedules.ts';
import { endedProcesses } from '../ended-processes.ts';
import type { PtyProgram } from './pty-program.ts';
import type { LifePhase } from '../claude/session-life.ts';
import type { ChosenSettings } from './start-settings.ts';
import { tellCost } from './status-follower.ts';
import { type PtySessionParts, type WiredSession, wireSession } from './wire-session.ts';

/** As with two Ctrl-D, or `/exit`. */
const wasLeft = 'The program was left. It starts again with the next prompt, or when its terminal is opened.';

const wasFreed = 'The program has ended while its question waits for an answer. It starts again after that.';

const wasStopped =
  'The program has ended in the middle of a turn, which continues by itself. It starts again after that.';

export class PtySession implements AgentSession {
  /** It sets a timer, and says so on its screen. */
  readonly retriesAtReset = true;
  readonly #parts: PtySessionParts;
  readonly #wired: WiredSession;

  constructor(parts: PtySessionParts) {
    this.#parts = parts;
    this.#wired = wireSession(parts, {
      onSpent: () => this.#interrupt(),
      onTurnEnd: () => this.#onTurnEnd(),
      onExit: (program) => void this.#onExit(program),
    });
  }

  get terminal(): WiredSession['terminal'] {
    return this.#wired.terminal;
  }

  readonly tellsFirst = true;

  get isBusy(): boolean {
    const { life, turn, tasks, program, transcript, terminal } = this.#wired;
    if (life.phase.is === 'over') return false;
    return (
      turn.current !== undefined ||
      tasks.count > 0 ||
      program.status?.state === 'busy' ||
      transcript.isDirty ||
      terminal.viewerCount > 0
    );
  }

  get hasOwnSchedule(): boolean {
    return this.#wired.wakeUps.hasOwn;
  }

  get wakesInMs(): number | null {
    return this.#wired.wakeUps.nextMs;
  }

  open(): Promise<void> {
    return this.#wired.life.open(() => this.#open());
  }

  async #open(): Promise<void> {
    const { life } = this.#wired;
    try {
      await this.#start();
      life.assertWanted();
    } catch (error) {
      await this.#release('The session was closed.');
      life.assertWanted();
      life.move({ is: 'over' });
      throw error;
    }
    life.move({ is: 'open' });
  }

  async #start(): Promise<void> {
    const { spec } = this.#parts;
    const { life, transcript, sideFiles, turns, changes, program, callbacks, reader, wakeUps, onProblem } = this.#wired;
    await assertDirectory(spec.cwd);
    const found = await transcript.reconcile();
    await tellLeftSchedules(spec, found?.schedules);
    await sideFiles.open();
    const baseline = baselineOf(found?.costState);
    if (found) await spec.onResumed?.(baseline.models);
    turns.open(baseline);
    changes.open(found?.title);
    await program.prepare();
    life.assertWanted();
    await callbacks.open();
    life.assertWanted();
    await transcript.follow(found?.relocatedTo ?? [], (lines) => {
      sideFiles.noteEntries(lines.entries);
      wakeUps.note(lines.entries);
      reader.take(lines).catch((error: unknown) => onProblem(error, 'A line of the transcript was lost.'));
    });
    life.assertWanted();
    await program.start(found?.worktree);
  }

  async *prompt(prompt: AgentPrompt): AsyncGenerator<AgentEvent> {
    this.#wired.life.assertAlive();
    yield* this.#wired.typist.prompt(prompt);
  }

  keptRules(decisionId: string): readonly string[] {
    return this.#wired.questions.keptRules(decisionId);
  }

  checkAnswer(decisionId: string, answer: DecisionAnswer): Promise<AnswerCheck> {
    return this.#wired.questions.check(decisionId, answer);
  }

  resolve(decisionId: string, answer: DecisionAnswer): boolean {
    const { questions, turns, silentDialog, program } = this.#wired;
    const isResolved = questions.resolve(decisionId, answer);
    if (isResolved && questions.count === 0) turns.endDecisions('completed');
    // Some dialogs can only be closed by a person at the terminal.
    if (isResolved) silentDialog.note(program.status);
    return isResolved;
  }

  interrupt(): Promise<void> {
    this.#interrupt();
    return Promise.resolve();
  }

  #interrupt(): void {
    const { turn, turns, questions, program, typist } = this.#wired;
    turn.interruptWaiting();
    const { current } = turn;
    if (!current || turn.isInterrupting) return;
    if (current.isForDecisions) {
      questions.withdrawAll();
      turns.endDecisions('interrupted');
      return;
    }
    program.killUnlessEnded(current);
    turns.interrupt(current);
    questions.withdrawAll();
    typist.stop(current);
  }

  async setModel(model: string | null): Promise<void> {
    await this.#choose({ model });
  }

  async setEffort(effort: Effort | null): Promise<boolean> {
    await this.#choose({ effort });
    return true;
  }

  async setPermissionMode(permissionMode: PermissionMode): Promise<PermissionMode> {
    const { settings, turn } = this.#wired;
    const isOfChat = turn.current !== undefined && turn.current.id !== null;
    if (isOfChat && permissionMode !== settings.chosen.permissionMode) {
      throw new BooError('chat_busy', 'The terminal program changes its permission mode between turns only.');
    }
    await this.#choose({ permissionMode });
    return permissionMode;
  }

  async setAcceptsAgentMessages(acceptsAgentMessages: boolean): Promise<void> {
    await this.#choose({ acceptsAgentMessages });
  }

  async #choose(change: Partial<ChosenSettings>): Promise<void> {
    if (this.#wired.settings.choose(change)) await this.#renew();
  }

  /**
   * Restarts the program with settings that it takes only at its start; in the middle of a turn, after that turn. Settings
   * that are chosen while it starts make it start once more.
   */
  async #renew(): Promise<void> {
    const { life, turn, settings } = this.#wired;
    while (settings.isStale && !turn.current) {
      if (life.phase.is === 'open') this.#beginRestart();
      if (life.phase.is !== 'restarting') return;
      await life.phase.done;
    }
  }

  #beginRestart(): void {
    const { life } = this.#wired;
    const done = this.#restart().finally(() => {
      if (life.phase.is === 'restarting') life.move({ is: 'open' });
    });
    life.move({ is: 'restarting', done });
  }

  async #restart(): Promise<void> {
    const { life, turns, reader, transcript, program, lines } = this.#wired;
    const left = await program.makeWay(this.#parts.limits.closeMs.exit);
    await lines.settle();
    this.#tellLeft(left);
    if (life.isEnding) return;
    reader.forgetTasks();
    if (turns.hasBegun) transcript.noteBegun();
    await program.prepareAgain();
    await program.start();
  }

  #tellLeft(left: LeftBehind | undefined): void {
    if (left) for (const notice of endedProcesses(left)) this.#parts.spec.onEvent(notice);
  }

  async suspend(): Promise<boolean> {
    const { life, questions } = this.#wired;
    if (!questions.canLeave || !life.isUp) return false;
    // It closes without an interrupt. The program itself writes nothing about its question when it exits.
    await this.#leave(wasFreed);
    return true;
  }

  /**
   * The signal that ends the program has it write no interrupt: in its transcript the turn stays unfinished. Nothing is to
   * be continued of a prompt that is still being typed.
   */
  async leaveTurn(): Promise<boolean> {
    const { life, turn } = this.#wired;
    if (!turn.running || !life.isUp) return false;
    await this.#leave(wasStopped);
    return true;
  }

  #leave(reason: string): Promise<void> {
    return this.#wired.life.close((before) => this.#endMidTurn(before, reason).finally(() => this.#end()));
  }

  async #endMidTurn(before: LifePhase, reason: string): Promise<void> {
    if (before.is === 'restarting') await before.done.catch(() => undefined);
    await this.#release(reason);
  }

  close(): Promise<void> {
    return this.#wired.life.close((before) => this.#close(before).finally(() => this.#end()));
  }

  async #close(before: LifePhase): Promise<void> {
    const { turn, program, transcript, typist } = this.#wired;
    transcript.readOn();
    const { closeMs } = this.#parts.limits;
    if (before.is === 'opening') {
      // `open` cleans up after itself, and the end of its program makes it give up.
      await program.end(closeMs.exit);
      await before.done.catch(() => undefined);
      return;
    }
    typist.look();
    const { current } = turn;
    if (current) {
      this.#interrupt();
      await within(closeMs.turn, current.ended);
    }
    if (before.is === 'restarting') await before.done.catch(() => undefined);
    await this.#release('The session was closed.');
  }

  /** Releases everything the session holds. By then the program's last words are delivered, stored and counted. */
  async #release(reason: string): Promise<void> {
    const { spec, limits } = this.#parts;
    const { watch, silentDialog, program, lines, transcript, sideFiles, turns, questions, callbacks, terminal } =
      this.#wired;
    watch.close();
    transcript.readOn();
    silentDialog.note();
    const left = await program.end(limits.closeMs.exit);
    await lines.settle();
    await transcript.stored();
    await turns.end('interrupted');
    this.#tellLeft(left);
    questions.withdrawAll();
    await transcript.close();
    await sideFiles.close();
    await tellCost(spec, turns.remainder());
    await callbacks.close();
    terminal.end(reason);
  }

  #onTurnEnd(): void {
    const { life, turn, questions, watch, statusFollower, sideFiles, typist, settings, onProblem } = this.#wired;
    questions.onTurnEnd();
    sideFiles.store();
    if (turn.current) statusFollower.noteEnd();
    else watch.stop();
    typist.look();
    if (settings.isStale && !life.isEnding) {
      this.#renew().catch((error: unknown) => onProblem(error, 'The program could not be started anew.'));
    }
  }

  async #onExit(program: PtyProgram): Promise<void> {
    const { life, turn, turns, watch, program: runs, lines, transcript, typist } = this.#wired;
    if (!life.isUp) return;
    const { exitCode, signal } = await program.exited;
    const how = signal === null ? `with code ${exitCode}` : `by signal ${signal}`;
    const words = exitCode === 0 ? '' : program.lastWords();
    const unheard = watch.failure ?? runs.startFailure;
    const cause = unheard ?? new BooError('agent_failed', `The terminal program ended ${how}. ${words}`.trim());
    const wasInterrupted = turn.isInterrupting && !unheard;
    await program.end(0);
    await lines.settle();
    await transcript.stored();
    await turns.end(wasInterrupted ? 'interrupted' : 'failed', cause);
    typist.look();
    if (life.isEnding) return;
    const done = this.#release(exitCode === 0 ? wasLeft : cause.message);
    life.move({ is: 'closing', done });
    await done;
    this.#end();
    this.#parts.spec.onLost(cause);
  }

  #end(): void {
    this.#wired.life.move({ is: 'over' });
    this.#parts.onEnded();
  }
}
