import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Gives text a colour or a weight, if the stream shows them. */
export type Style = (format: Format, text: string) => string;

export const unstyled: Style = (_format, text) => text;

// The caller has decided already; the streams are not asked again.
const styled: Style = (format, text) => (text === '' ? '' : styleText(format, text, { validateStream: false }));

/** Colours only on a terminal, and not if NO_COLOR is set. */
export function styleFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): Style {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb' ? styled : unstyled;
}
