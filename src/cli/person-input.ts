/**
 * A person's keys for a line editor. A paste becomes text in the line, including line ends, and never ends the line:
 * otherwise the next question could be whether something may run, answered by the paste's next line.
 */
import { PassThrough } from 'node:stream';
import { plainText } from './plain-text.ts';
import { PasteReader } from './paste-reader.ts';

/** How a line end appears in the line. */
const lineEnd = '␊';

const controls = /(?!\t)\p{Cc}/gu;

const bracketPastes = '\x1b[?2004h';
const bracketNoPastes = '\x1b[?2004l';

const isCtrlCOrD = (data: Buffer): boolean => data.length === 1 && (data[0] === 3 || data[0] === 4);

/** From the first question on: a paste while nothing is asked waits in its brackets for the next question. */
export function askForBrackets(output: NodeJS.WriteStream): void {
  output.write(bracketPastes);
  process.on('exit', () => output.write(bracketNoPastes));
}

export interface PersonInput {
  /** For `createInterface`. */
  readonly stream: NodeJS.ReadableStream;
  close(): void;
}

export function openPersonInput(stdin: NodeJS.ReadStream): PersonInput {
  const stream = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => stdin.setRawMode(isRaw),
  });
  const reader = new PasteReader({
    onKeys: (data) => stream.write(data),
    onPaste: (text) =>
      stream.write(
        text
          .trimEnd()
          .replace(/\r\n?|\n/g, lineEnd)
          .replace(controls, plainText),
      ),
    // An interrupt, or the end of the input, from someone whose terminal has lost the end of a paste.
    onStale: (data) => isCtrlCOrD(data) && stream.write(data) !== undefined,
  });
  const push = (data: Buffer): void => reader.push(data);
  const end = (): void => void stream.end();
  stdin.on('data', push);
  stdin.on('end', end);
  stdin.resume();
  return {
    stream,
    close() {
      stdin.off('data', push);
      stdin.off('end', end);
      stdin.pause();
      reader.close();
    },
  };
}

/** What was typed and pasted, including line ends. */
export const typedText = (line: string): string => line.replaceAll(lineEnd, '\n');
