import { describe, expect, it } from 'vitest';
import { createJsonScan } from './json-scan.ts';

const bounds = { nodes: 10, depth: 3 };

describe('a scan of JSON', () => {
  it.each([
    ['[[[]]]', undefined],
    ['[[[[', 'depth'],
    ['[{"a":[{', 'depth'],
    ['[[],[],[],[]]', undefined],
    ['[1,2,3,4,5,6,7,8,9,10]', undefined],
    ['[1,2,3,4,5,6,7,8,9,10,11]', 'nodes'],
    [`{${Array.from({ length: 6 }, (_, at) => `"${at}":0`).join()}}`, 'nodes'],
    [`"${'[{,:'.repeat(100)}"`, undefined],
    [`["\\"${'['.repeat(100)}"]`, undefined],
    [`["\\\\",${'['.repeat(100)}"]`, 'depth'],
    [`{"\\\\\\"[[[[[": "€[[[["}`, undefined],
  ])('counts only what is outside strings: %s', (text, excess) => {
    expect(createJsonScan(bounds)(Buffer.from(text))).toBe(excess);
    // The same byte by byte, which splits every string and escape.
    const scan = createJsonScan(bounds);
    const pieces = [...Buffer.from(text)].map((byte) => scan(Uint8Array.of(byte)));
    expect(pieces.find((each) => each !== undefined)).toBe(excess);
  });
});
