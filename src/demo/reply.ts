/** A reply is a list of steps. `fail` and `silence` stand alone and replace the message; `headers` comes first. */
export type StopReason = 'end_turn' | 'tool_use' | 'max_tokens' | 'refusal';

export type Step =
  /** One delta per piece. Without a pace, the model's own is used. */
  | {
      type: 'text';
      pieces: readonly string[];
      intervalMs?: number;
      /** After this many pieces, waits until the test releases it or the client goes away. */
      holdAfter?: number;
      /** The block stays open, for a reply that is cut off within it. */
      unfinished?: boolean;
    }
  | { type: 'thinking'; pieces: readonly string[]; intervalMs?: number }
  | { type: 'tool'; name: string; input: Record<string, unknown> }
  /** Ends the message with this reason. */
  | { type: 'stop'; reason: StopReason }
  /** Destroys the connection. */
  | { type: 'cut' }
  /** Sends a frame that is not JSON, and ends the response. */
  | { type: 'malformed' }
  /** An `error` event in the middle of the stream. */
  | { type: 'break'; errorType: string; message: string }
  | { type: 'fail'; status: number; errorType: string; message: string; headers?: Record<string, string> }
  | { type: 'headers'; headers: Record<string, string> }
  /** Accepts the request and never answers. */
  | { type: 'silence' };

/** Split before each word, so that the joined pieces are the text. */
export function piecesOf(text: string): string[] {
  return text.match(/\s*\S+\s*$|\s*\S+/g) ?? [];
}

export const say = (text: string): Step => ({ type: 'text', pieces: piecesOf(text) });
export const think = (text: string): Step => ({ type: 'thinking', pieces: piecesOf(text) });
export const call = (name: string, input: Record<string, unknown>): Step => ({ type: 'tool', name, input });

/** The reply's usage: a token per piece, and one per four characters of a tool's input. */
export function tokensOf(step: Step): number {
  if (step.type === 'text' || step.type === 'thinking') return step.pieces.length;
  if (step.type === 'tool') return Math.ceil(JSON.stringify(step.input).length / 4) + 8;
  return 0;
}
