// @ts-check
// What the chaos runs have in common as commands: arguments, progress, a stop by a signal, the report and the exit code.
import { parseArgs } from 'node:util';

/**
 * Sets the exit code: 0 nothing was found, 1 something was, 2 the run could not be played, 130 interrupted.
 *
 * @template T
 * @param {object} command
 * @param {string} command.help
 * @param {NonNullable<import('node:util').ParseArgsConfig['options']>} command.options besides `--json` and `--help`
 * @param {(values: any) => T} command.read throws for what is wrong
 * @param {(given: T, run: { tell(line: string): void, signal: AbortSignal }) => Promise<{ report: object, text: string, isClean: boolean }>} command.play
 */
export async function runChaosCommand({ help, options, read, play }) {
  process.exitCode = await run();

  async function run() {
    let values;
    let given;
    try {
      const flag = /** @type {const} */ ({ type: 'boolean', default: false });
      ({ values } = parseArgs({ options: { ...options, json: flag, help: flag } }));
      if (values['help']) {
        console.log(help);
        return 0;
      }
      given = read(values);
    } catch (error) {
      console.error(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
      return 2;
    }
    const stop = new AbortController();
    // The run is brought to its end, so that nothing is left; a second signal ends everything.
    const interrupt = () => stop.abort();
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    try {
      const { report, text, isClean } = await play(given, {
        tell: (line) => void process.stderr.write(`${line}\n`),
        signal: stop.signal,
      });
      console.log(values['json'] ? JSON.stringify(report, null, 2) : text);
      return !isClean ? 1 : stop.signal.aborted ? 130 : 0;
    } catch (error) {
      console.error(error);
      return 2;
    }
  }
}

/**
 * Throws for what is none.
 *
 * @param {any} values
 * @param {string} name of the option
 */
export function wholeNumber(values, name) {
  if (!/^\d+$/.test(values[name])) throw new Error(`--${name} must be a whole number.`);
  return Number(values[name]);
}

/**
 * The same, but not zero.
 *
 * @param {any} values
 * @param {string} name of the option
 */
export function wholeNumberFromOne(values, name) {
  if (!/^[1-9]\d*$/.test(values[name])) throw new Error(`--${name} must be a whole number from 1.`);
  return Number(values[name]);
}
