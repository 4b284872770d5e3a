/** The settings of a chat as options of a command. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CreateChat, PatchChat } from '../client/client.ts';
import { misuse } from './cli.ts';

export interface ChatOptions {
  title?: string;
  model?: string;
  effort?: CreateChat['effort'];
  backend?: CreateChat['backend'];
  permissionMode?: CreateChat['permissionMode'];
  trust?: true;
  confirmBypass?: true;
  acceptAgentMessages?: boolean;
  resumeAtReset?: boolean;
  onInterrupted?: CreateChat['onInterrupted'];
  pin?: string;
  idleSeconds?: number | 'default';
  budget?: number | 'none';
  sandbox?: NonNullable<CreateChat['sandbox']> | 'default';
  sandboxNetwork?: NonNullable<CreateChat['sandboxNetwork']> | 'default';
}

// Written out, because commands that only talk to a server do not load the schemas.
const efforts = ['low', 'medium', 'high', 'xhigh', 'max'] satisfies CreateChat['effort'][];
const permissionModes = [
  'default',
  'acceptEdits',
  'plan',
  'dontAsk',
  'auto',
  'bypassPermissions',
] as const satisfies readonly CreateChat['permissionMode'][];

const networks = ['open', 'limited', 'off', 'default'] as const;
const sandboxes = ['off', 'preferred', 'required', 'default'] as const;
const interruptedChoices = ['stop', 'continue'] satisfies CreateChat['onInterrupted'][];

/** The server says which numbers are too large. */
function readIdleSeconds(text: string): number | 'default' {
  if (text === 'default') return text;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds, or default.');
  return Number(text);
}

/** The server says which amounts are too large. */
export function readDollars(text: string): number {
  const dollars = Number(text.replace('$', ''));
  if (/^\$?\d{1,7}(\.\d{1,6})?$/.test(text) && dollars > 0) return dollars;
  throw new InvalidArgumentError('It must be an amount in US dollars, such as 5 or 2.50.');
}

export const readBudget = (text: string): number | 'none' => (text === 'none' ? text : readDollars(text));

export function addChatOptions(command: Command): Command {
  return command
    .option('--title <title>', 'the title of the chat')
    .option('--model <model>', 'the model to use')
    .addOption(new Option('--effort <level>', 'how much effort the model should make').choices(efforts))
    .option('--backend <backend>', 'the engine to run the agent on, such as claude_sdk or claude_pty')
    .addOption(new Option('--permission-mode <mode>', 'what the agent may do without asking').choices(permissionModes))
    .option('--trust', "load the directory's own settings, hooks and instructions")
    .option(
      '--confirm-bypass',
      'with --trust and --permission-mode bypassPermissions: yes, run what the directory turns on, and ask nothing',
    )
    .option('--accept-agent-messages', 'let agents of other chats on the machine start turns in this one')
    .option('--no-accept-agent-messages', 'refuse them (the default for a new chat)')
    .option(
      '--resume-at-reset',
      'go on by itself when a usage limit resets: held prompts run, and a turn that it stopped continues',
    )
    .option('--no-resume-at-reset', 'wait for a person then')
    .addOption(
      new Option(
        '--on-interrupted <choice>',
        'after the server ended during a turn: stop (the default for a new chat), or continue the turn without asking ' +
          '(the agent may repeat what it was doing)',
      ).choices(interruptedChoices),
    )
    .addOption(
      new Option(
        '--idle-seconds <number>',
        'how long its agent is kept warm without work; default for the limit of the server',
      ).argParser(readIdleSeconds),
    )
    .addOption(
      new Option('--budget <dollars>', 'what the chat may cost in all; none for any amount').argParser(readBudget),
    )
    .addOption(
      new Option(
        '--sandbox <mode>',
        'whether its agent runs in a sandbox: preferred where it can, required or not at all; default for what the server says',
      ).choices(sandboxes),
    )
    .addOption(
      new Option(
        '--sandbox-network <mode>',
        'what its agent reaches in a sandbox: open for everything, limited to hosts that the server names, or off; never more ' +
          'than the server allows, which is the default',
      ).choices(networks),
    )
    .option('--pin <host>', 'run it only on the host of this name: see `boocode hosts`, and `boocode unpin`');
}

/** What a new chat is created with, and an existing one is changed to. */
export function chatSettings(options: ChatOptions) {
  const { title, model, effort, permissionMode, resumeAtReset, onInterrupted, pin: host } = options;
  const idleSeconds = options.idleSeconds === 'default' ? null : options.idleSeconds;
  const budgetUsd = options.budget === 'none' ? null : options.budget;
  const sandbox = options.sandbox === 'default' ? null : options.sandbox;
  const sandboxNetwork = options.sandboxNetwork === 'default' ? null : options.sandboxNetwork;
  const { trust: trusted, acceptAgentMessages: acceptsAgentMessages, confirmBypass } = options;
  if (trusted && permissionMode === 'bypassPermissions' && !confirmBypass) {
    throw misuse(
      '--trust with --permission-mode bypassPermissions runs what the directory turns on, and never asks: add --confirm-bypass if you mean it.',
    );
  }
  const others = { acceptsAgentMessages, resumeAtReset, onInterrupted, host, idleSeconds, budgetUsd };
  const walls = { sandbox, sandboxNetwork };
  return { title, model, effort, permissionMode, trusted, confirmBypass, ...others, ...walls } satisfies PatchChat;
}
