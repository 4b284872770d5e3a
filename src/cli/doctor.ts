import type { Command } from 'commander';
import { type Cli, printJson, usualDataDirs } from './cli.ts';
import { runningDataDir, type ServerFlags } from './find-server.ts';
import { plainText } from './plain-text.ts';
import { addSettings, settingFlags } from './setting-options.ts';
import type { Style } from './style.ts';

const marks: Record<'ok' | 'warn' | 'fail', [string, Parameters<Style>[0]]> = {
  ok: ['ok  ', 'green'],
  warn: ['warn', 'yellow'],
  fail: ['FAIL', 'red'],
};

export function addDoctor(program: Command, cli: Cli): void {
  const command = program
    .command('doctor')
    .description('Check whether a server can run here, and say what to do')
    .action(async (_options, doctor: Command) => {
      const options = doctor.optsWithGlobals();
      const [config, { diagnose }] = await Promise.all([import('../config.ts'), import('../diagnose.ts')]);
      // Checks what the running server uses, including the demo's.
      const search = {
        flags: doctor.optsWithGlobals<ServerFlags>(),
        env: cli.env,
        usualDataDirs: usualDataDirs(cli.env),
      };
      const running = await runningDataDir(search);
      const source = { flags: settingFlags(options), env: cli.env, ...(running && { defaultDataDir: running }) };
      const findings = await diagnose(config.readConfig(source));
      if (findings.some((finding) => finding.status === 'fail')) cli.exitCode = 1;
      if (options['json'] === true) return printJson(cli, findings);
      const { out, outStyle } = cli.terminal;
      for (const { name, status, message, fix } of findings) {
        const [mark, format] = marks[status];
        out(`${outStyle(format, mark)}  ${name}: ${plainText(message)}\n`);
        if (fix !== null) out(`      → ${plainText(fix)}\n`);
      }
    });
  addSettings(command);
}
