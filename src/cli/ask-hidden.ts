/** Asks for one line that is not shown. */
import { StringDecoder } from 'node:string_decoder';
import { BooError } from '../client/client.ts';

const ctrlC = '\x03';
const ctrlD = '\x04';
/** What terminals put around a paste, if they were told to. */
const brackets = /\x1b\[20[01]~/g; // eslint-disable-line no-control-regex

/** Throws `invalid_request` if it is given up. Several lines can be pasted only into a pipe. */
export async function askHidden(
  question: string,
  stdin: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
): Promise<string> {
  // First: what is typed at the sight of the question is not shown either.
  stdin.setRawMode(true);
  output.write(question);
  const decoder = new StringDecoder('utf8');
  let line = '';
  try {
    return await new Promise<string>((resolve, reject) => {
      const push = (data: Buffer): void => {
        for (const key of decoder.write(data).replaceAll(brackets, '')) {
          if (key === '\r' || key === '\n') return end(() => resolve(line));
          if (key === ctrlC || (key === ctrlD && line === '')) return end(() => reject(givenUp()));
          if (key === '\x7f' || key === '\b') line = Array.from(line).slice(0, -1).join('');
          else if (key >= ' ' || key === '\t') line += key;
        }
      };
      const close = (): void => end(() => reject(givenUp()));
      const end = (settle: () => void): void => {
        stdin.off('data', push);
        stdin.off('end', close);
        settle();
      };
      stdin.on('data', push);
      stdin.on('end', close);
      stdin.resume();
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    output.write('\n');
  }
}

const givenUp = (): BooError => new BooError('invalid_request', 'Nothing was set.');
