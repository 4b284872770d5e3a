import { beforeEach, describe, expect, test } from 'vitest';
import { chatRow } from '../../test/support/new-chat.ts';
import { anActor } from '../../test/support/owners-chats.ts';
import type { AgentSession } from '../agents/agent-backend.ts';
import { BooError } from '../protocol/error.ts';
import { doneByActor } from '../protocol/principal.ts';
import type { ChatChanges } from '../store/chats.ts';
import type { Write } from '../store/events.ts';
import { changeSettings } from './change-settings.ts';
import { ChatSettings } from './chat-settings.ts';
import type { ChatLog } from './chat-log.ts';
import type { ChatSession } from './chat-session.ts';

const by = doneByActor(anActor);
let settings: ChatSettings;
let writes: Write[];
/** What the agent was told. */
let told: unknown[];
let session: { isOpening: boolean; isOutdated: boolean; handle: Partial<AgentSession> | undefined };
beforeEach(() => {
  settings = new ChatSettings(
    chatRow({ model: 'opus', effort: 'low', permissionMode: 'default', acceptsAgentMessages: false, trusted: true }),
  );
  writes = [];
  told = [];
  const note = (name: string, value: unknown) => void told.push([name, value]);
  session = {
    isOpening: false,
    isOutdated: false,
    handle: {
      setModel: async (model) => note('model', model),
      setEffort: async (effort) => (note('effort', effort), true),
      setPermissionMode: async (mode) => (note('permissionMode', mode), mode),
      setAcceptsAgentMessages: async (accepts) => note('acceptsAgentMessages', accepts),
    },
  };
});

async function change(changes: ChatChanges): Promise<void> {
  const log = {
    append: (write: Write) => {
      writes.push(write);
      return Promise.resolve([]);
    },
  } as unknown as ChatLog;
  const asSession = {
    get isOpening() {
      return session.isOpening;
    },
    handle: session.handle,
    outdate: () => void (session.isOutdated = true),
  } as unknown as ChatSession;
  await changeSettings({ log, settings, session: asSession }, changes, anActor);
}
const updated = (changes: ChatChanges): Write => ({
  events: [{ body: { type: 'chat_updated', ...changes, ...by } }],
  chat: changes,
});

const all = { model: null, effort: 'high', permissionMode: 'plan', acceptsAgentMessages: true } as const;
const each = Object.entries(all).map(([name, value]): [string, ChatChanges] => [name, { [name]: value }]);

describe('a change of settings', () => {
  test('is stored with who made it, and the agent learns of what is new for it', async () => {
    await change({ ...all, title: 'New' });
    expect(writes).toEqual([updated({ ...all, title: 'New' })]);
    expect(settings.row).toMatchObject({ ...all, title: 'New' });
    expect(told).toHaveLength(4);
    expect(Object.fromEntries(told as [string, unknown][])).toEqual(all);
    expect(session.isOutdated).toBe(false);
  });

  test('of nothing stores nothing, and the agent does not hear of what it knows', async () => {
    await change({});
    expect(writes).toEqual([]);
    await change({ model: 'opus', effort: 'low', permissionMode: 'default', acceptsAgentMessages: false });
    expect(writes).toHaveLength(1);
    expect(told).toEqual([]);
    expect(session.isOutdated).toBe(false);
  });

  test('waits for the next process if there is none', async () => {
    session.handle = undefined;
    await change(all);
    expect(settings.row).toMatchObject(all);
    expect(session.isOutdated).toBe(false);
  });

  test.each(each)('of %s while the agent starts has it started again', async (_name, changes) => {
    session = { ...session, isOpening: true, handle: undefined };
    await change(changes);
    expect(session.isOutdated).toBe(true);
  });

  test('that the agent does not know of leaves it alone while it starts', async () => {
    session = { ...session, isOpening: true, handle: undefined };
    await change({ title: 'New', archived: true });
    expect(session.isOutdated).toBe(false);
  });

  test.each([true, false])(
    'of trust to %s has the agent started again: its directory may have changed',
    async (trusted) => {
      await change({ trusted });
      expect(session.isOutdated).toBe(true);
      expect(told).toEqual([]);
    },
  );

  test('AGENT-36: of the effort has the agent started again if it cannot apply it', async () => {
    session.handle = { ...session.handle, setEffort: () => Promise.resolve(false) };
    await change({ effort: null });
    expect(session.isOutdated).toBe(true);
    expect(writes).toHaveLength(1);
  });

  test('AGENT-16: of the permission mode ends with the one that the agent chose', async () => {
    session.handle = { ...session.handle, setPermissionMode: () => Promise.resolve('acceptEdits') };
    await change({ permissionMode: 'plan' });
    expect(writes).toEqual([
      updated({ permissionMode: 'plan' }),
      {
        events: [{ body: { type: 'current_mode_update', permissionMode: 'acceptEdits' } }],
        chat: { permissionMode: 'acceptEdits' },
      },
    ]);
    expect(settings.row.permissionMode).toBe('acceptEdits');
  });

  test.each(each)(
    'AGENT-18: of %s that the agent refuses applies from the next turn on, and that is reported',
    async (_name, changes) => {
      const refuse = () => Promise.reject(new BooError('agent_failed', 'Not now.'));
      session.handle = {
        setModel: refuse,
        setEffort: refuse,
        setPermissionMode: refuse,
        setAcceptsAgentMessages: refuse,
      };
      await change(changes);
      const message = 'The change takes effect with the next turn, for which the agent is restarted: Not now.';
      expect(writes).toEqual([
        updated(changes),
        { events: [{ body: { type: 'notice', level: 'warning', code: 'setting_deferred', message } }] },
      ]);
      expect(session.isOutdated).toBe(true);
      expect(settings.row).toMatchObject(changes);
    },
  );
});

test('SANDBOX-1: whether there is a sandbox is decided at the start of an agent, so a change starts it again', async () => {
  await change({ sandbox: 'required' });
  expect(session.isOutdated).toBe(true);
  session.isOutdated = false;
  await change({ sandbox: 'required' });
  expect(session.isOutdated).toBe(false);
});
