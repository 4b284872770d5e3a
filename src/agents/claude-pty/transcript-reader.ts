/** Reads the transcript's lines in file order, and applies what each says about the turns and the session. */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import type { McpServer } from '../../protocol/chat.ts';
import type { CurrentDirectory } from '../claude/current-directory.ts';
import { asRecord, asText } from '../claude/mapping/loose-json.ts';
import { readLine, type TranscriptLine } from '../claude/mapping/transcript-line.ts';
import { readMcpServers } from '../claude/mcp-servers.ts';
import { givenByHost } from '../claude/wake-ups.ts';
import type { BackgroundTasks } from './background-tasks.ts';
import { heardMore } from './own-prompt.ts';
import type { PtyTurns } from './pty-turns.ts';
import type { SessionCosts } from './session-costs.ts';
import type { FollowedLines } from './transcript-follower.ts';
import type { TurnState } from './turn-state.ts';
import type { TypedChanges } from './typed-changes.ts';

export interface TranscriptReaderParts {
  turn: TurnState;
  turns: PtyTurns;
  tasks: BackgroundTasks;
  costs: SessionCosts;
  changes: TypedChanges;
  directory: CurrentDirectory;
  /** Names the tool call that started the sub-agent with this transcript. */
  transcript: { parentOf(subpath: string): string | undefined };
  /** Gets every result; `denied`: a person refused the call. */
  questions: { onToolResult(toolCallId: string, denied: boolean): void };
  mcpServers: { merge(servers: readonly McpServer[]): void };
  inputLine: { noteKeys(): void };
}

export class TranscriptReader {
  readonly #parts: TranscriptReaderParts;

  constructor(parts: TranscriptReaderParts) {
    this.#parts = parts;
  }

  /** Resolves once the lines have become events. */
  take({ subpath, entries }: FollowedLines): Promise<void> {
    const { turns, transcript, changes, directory } = this.#parts;
    return turns.inOrder(async () => {
      const parent = subpath === '' ? undefined : (transcript.parentOf(subpath) ?? subpath);
      if (parent === undefined) this.#noteModel(entries);
      for (const entry of entries) {
        await this.#takeLine(readLine(entry, parent), entry);
        if (parent !== undefined) continue;
        for (const changed of [changes.take(entry), directory.take(entry)]) if (changed) turns.route(changed);
      }
    });
  }

  /** Background work ended with the program. */
  forgetTasks(): void {
    for (const frame of this.#parts.tasks.clear()) this.#parts.turns.take(frame);
  }

  async #takeLine(line: TranscriptLine, entry: SessionStoreEntry): Promise<void> {
    const { turn, turns, tasks, costs } = this.#parts;
    switch (line.is) {
      case 'prompt':
        return this.#takePrompt(line, entry['permissionMode']);
      case 'incoming':
        return this.#takeIncoming(line);
      case 'aside': {
        turns.beginSession();
        const { expected } = turn;
        if (expected && turn.running && turn.isTyped && expected.is(line.content)) {
          turn.end(expected.turn);
          expected.endInside();
        }
        return turns.route({ type: 'user_message', messageId: line.id, content: line.content });
      }
      case 'background': {
        const all = tasks.add(line, turns.mapping);
        turns.take(line.frame);
        if (all) turns.take(all);
        return this.#noteResult(entry);
      }
      case 'frame':
        return this.#takeFrame(line, entry);
      case 'api_error':
        turns.beginSession();
        turns.take(line.frame);
        if (turn.current) turn.current.apiError = { status: line.status };
        return;
      case 'task_end':
        return this.#endTask(line.taskId, line.toolCallId);
      case 'mcp_servers': {
        const servers = [
          ...readMcpServers(line.pending, 'pending'),
          ...readMcpServers(line.connected, 'connected'),
          ...readMcpServers(line.failed, 'failed'),
        ];
        if (servers.length === 0) return;
        turns.beginSession();
        return this.#parts.mcpServers.merge(servers);
      }
      case 'interrupted':
        if (turn.current) turn.current.interruption = line;
        return;
      case 'hook_stop':
        return turns.noteHookStop({ isRefusal: false, reason: line.reason });
      case 'turn_end':
        return turns.finish();
      case 'totals':
        // The program's own count, written when it ends or leaves a session: it includes whatever was not reported before.
        return costs.reset(line.totals);
      case 'nothing':
    }
  }

  async #takePrompt(line: Extract<TranscriptLine, { is: 'prompt' }>, permissionMode: unknown): Promise<void> {
    const { turn, turns } = this.#parts;
    await this.#finishAll();
    // Shift+Tab changes it without writing a line.
    turns.take({ type: 'system', subtype: 'status', permissionMode });
    const { expected } = turn;
    if (expected?.is(line.content)) return turn.run(expected);
    // Someone is typing at the terminal too: their words were submitted with the prompt, or instead of it.
    if (expected && turn.isTyped && expected.endsIn(line.content)) {
      turn.run(expected);
      turns.beginSession();
      turns.route(heardMore);
    } else {
      turns.beginTheirs();
      turns.beginSession();
    }
    turns.route({ type: 'user_message', messageId: line.id, content: line.content });
  }

  async #takeIncoming(line: Extract<TranscriptLine, { is: 'incoming' }>): Promise<void> {
    const { turn, turns } = this.#parts;
    if (line.isPrompt) {
      // The program may also tell its own agent to continue, in the middle of a turn.
      if (line.message.origin.kind !== 'other') await this.#finishAll();
      // If a prompt of the chat was typed, the log is already in its turn.
      if (!turn.expected) turns.beginTheirs();
    }
    turns.beginSession();
    turns.route(line.message);
    if (line.endedTask !== undefined) this.#endTask(line.endedTask);
  }

  async #takeFrame(line: Extract<TranscriptLine, { is: 'frame' }>, entry: SessionStoreEntry): Promise<void> {
    const { turn, turns, costs, inputLine } = this.#parts;
    // Only that it was blocked is left of it, and perhaps its words in the input line.
    if (asText(asRecord(line.frame)['content'])?.includes(givenByHost)) return inputLine.noteKeys();
    if (line.requestId !== undefined || line.isAborted) turns.requests.note(entry, line.isAborted === true);
    if (line.requestId !== undefined) {
      turns.beginSession();
      costs.noteRequest();
      if (turn.current) turn.current.apiError = undefined;
      // The turn continued.
      turns.noteHookStop(null);
    }
    turns.take(line.frame);
    this.#noteResult(entry);
    if (!turns.hookStop?.isRefusal) return;
    // The program puts a prompt that was refused back into its input line.
    inputLine.noteKeys();
    // It was idle again before its lines came.
    if (turn.phase.theirs) await turns.finish();
  }

  /**
   * Ends whatever is running before the next prompt, which may follow from the program's own queue without a pause. While
   * the costs are awaited, a background sub-agent may ask something in a turn of its own: that ends too.
   */
  async #finishAll(): Promise<void> {
    while (this.#parts.turn.running) await this.#parts.turns.finish();
  }

  #endTask(taskId: string, toolCallId?: string): void {
    for (const frame of this.#parts.tasks.end(taskId, toolCallId)) this.#parts.turns.take(frame);
  }

  #noteModel(entries: FollowedLines['entries']): void {
    for (const entry of entries) {
      const message = entry['message'] as { model?: unknown } | undefined;
      const attachment = entry['attachment'] as { identity?: { modelId?: unknown } } | undefined;
      const model = entry.type === 'assistant' ? message?.model : attachment?.identity?.modelId;
      if (typeof model === 'string' && model !== '<synthetic>') this.#parts.turns.noteModel(model);
    }
  }

  #noteResult(entry: { [field: string]: unknown }): void {
    const content = (entry['message'] as { content?: unknown } | undefined)?.content;
    if (entry['type'] !== 'user' || !Array.isArray(content)) return;
    for (const block of content as { type?: unknown; tool_use_id?: unknown }[]) {
      if (block.type !== 'tool_result' || typeof block.tool_use_id !== 'string') continue;
      this.#parts.questions.onToolResult(block.tool_use_id, entry['toolDenialKind'] !== undefined);
    }
  }
}
