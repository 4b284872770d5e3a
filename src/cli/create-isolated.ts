import type { BooClient, Chat, CreateChat } from '../client/client.ts';
import type { Cli } from './cli.ts';
import { plainLine } from './plain-text.ts';

const lookEveryMs = 1_000;

/** Creates a chat with a worktree. While the repository's setup command runs, what it says is shown. */
export async function createIsolated(cli: Cli, client: BooClient, input: CreateChat): Promise<Chat> {
  const { terminal } = cli;
  let shown = '';
  const look = async (): Promise<void> => {
    const items = await client.listWorktrees({ making: true });
    const making = items.find(({ chat, worktree }) => chat === 'making' && input.cwd.startsWith(worktree.repository));
    const progress = making?.progress;
    if (!progress) return;
    const line = plainLine(`${progress.step} ${progress.line}`.trim(), 200);
    if (line !== shown) terminal.err(`· ${line}\n`);
    shown = line;
  };
  const timer = setInterval(() => void look().catch(() => undefined), lookEveryMs);
  try {
    const chat = await client.createChat(input);
    const { worktree } = chat;
    if (worktree) terminal.err(`· ${plainLine(`${worktree.branch} in ${worktree.path}`, 500)}\n`);
    return chat;
  } finally {
    clearInterval(timer);
  }
}
