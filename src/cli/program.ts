import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAdopt } from './adopt.ts';
import { addAttach } from './attach.ts';
import { addChat } from './chat.ts';
import type { Cli } from './cli.ts';
import { addDecide } from './decide.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { addExport } from './export.ts';
import { addFlip } from './flip.ts';
import { addTrust } from './trust.ts';
import { addInterrupt } from './interrupt.ts';
import { addLs } from './ls.ts';
import { addRewind } from './rewind.ts';
import { addSend } from './send.ts';
import { addServe } from './serve.ts';
import { settings } from '../settings.ts';
import { addSetting, sharedFlags } from './setting-options.ts';
import { addShow } from './show.ts';
import { addToken } from './token.ts';

export function createProgram(cli: Cli): Command {
  const program = new Command('boocode')
    .description('Coding-agent chats that stay warm and survive everything, on a server of your own')
    .version(version())
    .option('--url <url>', 'the server to talk to (BOOCODE_URL; default: the one running on this machine)')
    .option('--json', 'print for programs, where a command has something to print')
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
    .configureOutput({ writeOut: cli.terminal.out, writeErr: cli.terminal.err })
    .exitOverride();
  for (const setting of settings) if (sharedFlags.some((flag) => flag === setting.flag)) addSetting(program, setting);
  const add = [
    addServe,
    addDemo,
    addChat,
    addSend,
    addLs,
    addShow,
    addInterrupt,
    addRewind,
    addAttach,
    addFlip,
    addTrust,
    addDecide,
    addAdopt,
    addExport,
    addToken,
    addDoctor,
  ];
  for (const addCommand of add) addCommand(program, cli);
  return program;
}

function version(): string {
  // As far from src/cli as from dist/cli.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
