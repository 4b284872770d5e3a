import { describe, expect, it } from 'vitest';
import { beginBlock, beginMessage, type OpenMessages, settleBlocks } from './open-message.ts';

const none: OpenMessages = new Map();

function stream(all: OpenMessages, apiId: string, ...kinds: ('text' | 'thinking')[]): OpenMessages {
  let open = beginMessage(all, '', apiId);
  for (const [index, kind] of kinds.entries()) open = beginBlock(open, '', index, { kind }) ?? open;
  return open;
}

describe('the id of a block', () => {
  it('is the same whether streamed or complete', () => {
    const open = stream(none, 'msg', 'thinking', 'text');
    expect(open.get('')?.blocks.get(1)?.id).toBe('msg/1');
    expect(settleBlocks(open, '', 'msg', ['text']).ids).toEqual(['msg/1']);
  });

  it('counts blocks when nothing was streamed', () => {
    const first = settleBlocks(none, '', 'msg', ['thinking']);
    const second = settleBlocks(first.openMessages, '', 'msg', ['text']);
    expect([...first.ids, ...second.ids]).toEqual(['msg/0', 'msg/1']);
    expect(settleBlocks(none, '', 'msg', ['text', 'tool', 'text']).ids).toEqual(['msg/0', 'msg/1', 'msg/2']);
  });

  it('skips a block that was streamed empty and got no frame', () => {
    const open = stream(none, 'msg', 'text', 'text');
    expect(settleBlocks(open, '', 'msg', ['text']).ids).toEqual(['msg/1']);
  });

  it('keeps several blocks of one frame in order', () => {
    const open = stream(none, 'msg', 'text', 'thinking', 'text');
    expect(settleBlocks(open, '', 'msg', ['text', 'thinking', 'text']).ids).toEqual(['msg/0', 'msg/1', 'msg/2']);
  });

  it('distinguishes a retry of a message from the first attempt', () => {
    const again = stream(stream(none, 'msg', 'text'), 'msg', 'text');
    expect(settleBlocks(again, '', 'msg', ['text']).ids).toEqual(['msg.2/0']);
  });

  it('keeps sub-agents apart, and forgets the oldest of many but never the main loop', () => {
    let open = settleBlocks(none, '', 'main', ['text']).openMessages;
    for (let agent = 0; agent < 200; agent += 1) open = settleBlocks(open, `t${agent}`, 'sub', ['text']).openMessages;
    expect(open.size).toBe(64);
    expect(settleBlocks(open, '', 'main', ['text']).ids).toEqual(['main/1']);
    expect(settleBlocks(open, 't199', 'sub', ['text']).ids).toEqual(['sub/1']);
  });

  it('is assigned without changing the input', () => {
    const open = stream(none, 'msg', 'text');
    const before = structuredClone(open);
    settleBlocks(open, '', 'msg', ['text']);
    beginBlock(open, '', 5, { kind: 'text' });
    beginMessage(open, '', 'other');
    expect(open).toEqual(before);
  });
});
