import { afterEach, beforeEach, expect, it } from 'vitest';
import decodeQR from 'qr/decode.js';
import type { FakeInput } from '../../test/support/fake-terminal.ts';
import { startCommand } from '../../test/support/start-command.ts';
import { openStubServer, type StubServer } from '../../test/support/stub-server.ts';

let stub: StubServer;
beforeEach(async () => (stub = await openStubServer()));
afterEach(() => stub.close());

const url = 'https://boo.example.org/#code=y0dPyU1dS1j6Nx16qCtrsxhOUsmL5RucKrZ34pYTqaU';

async function run(words: string[], input?: FakeInput) {
  const { terminal, exitCode } = startCommand(stub, words, input);
  return { code: await exitCode, out: terminal.stdout, err: terminal.stderr };
}

/** What a camera reads from half blocks on a terminal. */
function scan(text: string): string {
  const escape = String.fromCharCode(0x1b);
  const lines = text.split('\n').filter((line) => line.startsWith(`${escape}[30;107m`));
  const rows = lines.flatMap((line) => {
    const cells = line.replaceAll(new RegExp(`${escape}\\[[0-9;]*m`, 'g'), '').split('');
    return [cells.map((cell) => '█▀'.includes(cell)), cells.map((cell) => '█▄'.includes(cell))];
  });
  const scale = 4;
  const [width, height] = [(rows[0]?.length ?? 0) * scale, rows.length * scale];
  const data = new Uint8Array(width * height * 4).fill(255);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (rows[Math.floor(y / scale)]?.[Math.floor(x / scale)])
        data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3);
    }
  }
  return decodeQR({ width, height, data });
}

it('CLI-17: prints the link, and at a terminal a QR code for it', async () => {
  stub.signInLink = { url, expiresAt: '2030-01-02T03:14:05.000Z', loopback: false };
  const { code, out, err } = await run(['link'], { isInteractive: true });
  expect([code, out]).toEqual([0, `${url}\n`]);
  expect(scan(err)).toBe(url);
  expect(err).toMatch(/signs in one browser, once, until \d\d:\d\d\./);
  expect(err).not.toContain('--public-origin');
});

it('CLI-17: says that a loopback address works on this machine only', async () => {
  stub.signInLink = { url: 'http://127.0.0.1:4127/#code=x', expiresAt: '2030-01-02T03:14:05.000Z', loopback: true };
  const { out, err } = await run(['link']);
  expect(out).toBe('http://127.0.0.1:4127/#code=x\n');
  expect(err).toMatch(/works only on this machine[\s\S]*--public-origin/);
  expect(err).not.toContain('█');
  expect(JSON.parse((await run(['link', '--json'])).out)).toEqual(stub.signInLink);
});
