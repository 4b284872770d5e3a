import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type Cli, misuse } from './cli.ts';
import { plainLine } from './plain-text.ts';
import { settings } from '../settings.ts';
import { addSetting, sharedFlags } from './setting-options.ts';

type AddCommand = (program: Command, cli: Cli) => void;

/**
 * Each command's code, in the order of the help. Only that of the command which is run is loaded: to load all of it takes
 * longer than most commands run.
 */
export const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  serve: async () => (await import('./serve.ts')).addServe,
  demo: async () => (await import('./demo.ts')).addDemo,
  chat: async () => (await import('./chat.ts')).addChat,
  send: async () => (await import('./send.ts')).addSend,
  ls: async () => (await import('./ls.ts')).addLs,
  hosts: async () => (await import('./hosts.ts')).addHosts,
  limits: async () => (await import('./limits.ts')).addLimits,
  drain: async () => (await import('./drain.ts')).addDrain,
  show: async () => (await import('./show.ts')).addShow,
  diff: async () => (await import('./diff.ts')).addDiff,
  commit: async () => (await import('./commit.ts')).addCommit,
  interrupt: async () => (await import('./interrupt.ts')).addInterrupt,
  resume: async () => (await import('./resume.ts')).addResume,
  schedule: async () => (await import('./schedule.ts')).addSchedule,
  usage: async () => (await import('./usage.ts')).addUsage,
  share: async () => (await import('./share.ts')).addShare,
  audit: async () => (await import('./audit.ts')).addAudit,
  budget: async () => (await import('./budget.ts')).addBudget,
  btw: async () => (await import('./btw.ts')).addBtw,
  rewind: async () => (await import('./rewind.ts')).addRewind,
  fork: async () => (await import('./fork.ts')).addFork,
  worktree: async () => (await import('./worktree.ts')).addWorktree,
  attempts: async () => (await import('./attempts.ts')).addAttempts,
  attach: async () => (await import('./attach.ts')).addAttach,
  flip: async () => (await import('./flip.ts')).addFlip,
  move: async () => (await import('./move.ts')).addMove,
  pin: async () => (await import('./pin.ts')).addPin,
  unpin: async () => (await import('./pin.ts')).addUnpin,
  trust: async () => (await import('./trust.ts')).addTrust,
  decide: async () => (await import('./decide.ts')).addDecide,
  adopt: async () => (await import('./adopt.ts')).addAdopt,
  export: async () => (await import('./export.ts')).addExport,
  login: async () => (await import('./login.ts')).addLogin,
  link: async () => (await import('./link.ts')).addLink,
  secret: async () => (await import('./secret.ts')).addSecret,
  people: async () => (await import('./people.ts')).addPeople,
  token: async () => (await import('./token.ts')).addToken,
  passkey: async () => (await import('./passkey.ts')).addPasskey,
  backup: async () => (await import('./backup.ts')).addBackup,
  restore: async () => (await import('./restore.ts')).addRestore,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
};

/**
 * The command line for these words: with the command that they name, or with all of them if they ask for help or name none.
 * Throws `invalid_request` for an unknown first word: the arguments after it may be meant for that command.
 */
export async function openProgram(cli: Cli, words: readonly string[]): Promise<Command> {
  const program = createProgram(cli);
  const [name = 'serve'] = program.parseOptions([...words]).operands;
  const one =
    Object.hasOwn(commands, name) && !words.some((word) => isAboutAll.test(word)) ? commands[name] : undefined;
  const adders = one ? [one] : Object.values(commands);
  for (const add of await Promise.all(adders.map((load) => load()))) add(program, cli);
  if (!one) {
    addHelp(program);
    commandNamed(program, name);
  }
  return program;
}

/** Help may be that of the whole program. */
const isAboutAll = /^(?:--help|-h|--version|-V)$/;

function createProgram(cli: Cli): Command {
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
  return program;
}

function addHelp(program: Command): void {
  program
    .command('help')
    .description('Show help for a command')
    .argument('[command]')
    .action((name: string | undefined) => {
      if (name === undefined) return program.help();
      return commandNamed(program, name).help();
    });
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
