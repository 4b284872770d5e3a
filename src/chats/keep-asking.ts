import type { ChatContext } from './chat-context.ts';

/** Before an agent starts: one that may not work without asking, by now, asks again. */
export async function keepAsking({ log, settings, bypass }: Pick<ChatContext, 'log' | 'settings' | 'bypass'>) {
  const problem = bypass?.problemOf(settings.row) ?? null;
  if (problem === null) return;
  const changes = { permissionMode: 'default' } as const;
  const message = `The agent asks from now on: ${problem}.`;
  const notice = { type: 'notice', level: 'warning', code: 'bypass_refused', message } as const;
  const events = [{ body: { type: 'current_mode_update', ...changes } as const }, { body: notice }];
  await log.append({ events, chat: changes });
  settings.stored(changes);
}
