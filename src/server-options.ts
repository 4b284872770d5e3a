import type { AgentDeclaration } from './agents/agent.ts';

export interface RunningServer {
  readonly url: string;
  readonly token: string;
  /** A link that signs in one browser, once, under the address that works from outside if there is one. */
  signInLink(): string;
  /**
   * Hands the chats over within the limit that is set, interrupts what still runs, ends every process, closes the
   * database. Idempotent.
   */
  close(): Promise<void>;
  /** Lets no turn finish any longer; false if `close` does not wait for one. */
  hurry(): boolean;
}

export interface ServerOptions {
  /** Answers come from the scripted demo model. */
  demo: boolean;
  /** The agents of this server, the default one first. Those that BooCode ships, unless given. */
  agents?: readonly AgentDeclaration[];
  /** Milliseconds between the pieces the demo model streams. */
  demoIntervalMs?: number;
  /** The database or the listener is gone for good: nothing can be served anymore. */
  onFatal?: (error: Error) => void;
  /**
   * When aborted, a start is cancelled: whatever was opened is closed, and the start fails with the signal's reason.
   */
  signal?: AbortSignal;
}
