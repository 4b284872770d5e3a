import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAdopt } from './adopt.ts';
import { addAttach } from './attach.ts';
import { addBackup } from './backup.ts';
import { addChat } from './chat.ts';
import { type Cli, misuse } from './cli.ts';
import { plainLine } from './plain-text.ts';
import { addDecide } from './decide.ts';
import { addDemo } from './demo.ts';
import { addDoctor } from './doctor.ts';
import { addDrain } from './drain.ts';
import { addExport } from './export.ts';
import { addFlip } from './flip.ts';
import { addHosts } from './hosts.ts';
import { addTrust } from './trust.ts';
import { addInterrupt } from './interrupt.ts';
import { addLink } from './link.ts';
import { addRestore } from './restore.ts';
import { addResume } from './resume.ts';
import { addLogin } from './login.ts';
import { addLs } from './ls.ts';
import { addMove } from './move.ts';
import { addPin } from './pin.ts';
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
    // Commander's own ignores an unknown command.
    .helpCommand(false)
    .exitOverride();
  for (const setting of settings) if (sharedFlags.some((flag) => flag === setting.flag)) addSetting(program, setting);
  const add = [
    addServe,
    addDemo,
    addChat,
    addSend,
    addLs,
    addHosts,
    addDrain,
    addShow,
    addInterrupt,
    addResume,
    addRewind,
    addAttach,
    addFlip,
    addMove,
    addPin,
    addTrust,
    addDecide,
    addAdopt,
    addExport,
    addLogin,
    addLink,
    addToken,
    addBackup,
    addRestore,
    addDoctor,
  ];
  for (const addCommand of add) addCommand(program, cli);
  program
    .command('help')
    .description('Show help for a command')
    .argument('[command]')
    .action((name: string | undefined) => {
      if (name === undefined) return program.help();
      return commandNamed(program, name).help();
    });
  return program;
}

/** Throws `invalid_request` for an unknown first word: the arguments after it may be meant for that command. */
export function checkCommand(program: Command, words: readonly string[]): void {
  const [name] = program.parseOptions([...words]).operands;
  if (name !== undefined) commandNamed(program, name);
}

function commandNamed(program: Command, name: string): Command {
  const found = program.commands.find((command) => command.name() === name);
  if (found) return found;
  const likely = suggestionFor(program, name);
  throw misuse(
    `There is no command '${plainLine(name)}'${likely === undefined ? ': see boocode --help.' : `. ${likely}`}`,
  );
}

/** Commander makes suggestions only without a default command: asked with the same names and no default. */
function suggestionFor(program: Command, name: string): string | undefined {
  const names = new Command().exitOverride().configureOutput({ writeErr() {} });
  for (const command of program.commands) names.command(command.name());
  try {
    names.parse([name], { from: 'user' });
    return undefined;
  } catch (error) {
    return /Did you mean .*\?/.exec((error as Error).message)?.[0];
  }
}

function version(): string {
  // The same distance from src/cli and dist/cli.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
