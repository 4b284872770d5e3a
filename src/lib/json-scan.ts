/**
 * Counts the values JSON would produce without building any: a parser needs seconds for megabytes of empty lists, which
 * this detects byte by byte as they arrive.
 *
 * As long as the JSON is valid, this sees the same strings as a parser, and a parser stops at the first error.
 */
export interface JsonBounds {
  /** Of values: every comma, colon and opening bracket outside of strings counts as one. */
  readonly nodes: number;
  readonly depth: number;
}

/** Takes the next bytes, and returns the limit they exceed. */
export type JsonScan = (bytes: Uint8Array) => keyof JsonBounds | undefined;

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

export function createJsonScan(bounds: JsonBounds): JsonScan {
  let nodes = 0;
  let depth = 0;
  let isInString = false;
  let isEscaped = false;
  return (bytes) => {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (isInString) {
        if (isEscaped) isEscaped = false;
        else if (byte === backslash) isEscaped = true;
        else if (byte === quote) isInString = false;
      } else if (byte === quote) isInString = true;
      else if (byte === comma || byte === colon) nodes += 1;
      else if (byte === openList || byte === openObject) {
        nodes += 1;
        depth += 1;
        if (depth > bounds.depth) return 'depth';
      } else if (byte === closeList || byte === closeObject) depth -= 1;
    }
    return nodes > bounds.nodes ? 'nodes' : undefined;
  };
}
