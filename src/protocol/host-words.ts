import type { HostMove } from './host.ts';

/** Shown when a chat moves to another host, or its pin changes. */
export function hostWords({
  movedToHost,
  host,
}: {
  movedToHost?: HostMove | undefined;
  host?: string | null | undefined;
}): string[] {
  const moved = movedToHost?.from
    ? [`The chat moved from the host ${movedToHost.from.name} to ${movedToHost.to.name}.`]
    : movedToHost
      ? [`The chat moved to the host ${movedToHost.to.name}.`]
      : [];
  if (host === undefined) return moved;
  return [...moved, host === null ? 'Any host may run the chat.' : `Only the host ${host} runs the chat.`];
}
