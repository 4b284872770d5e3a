import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';

/** How many processes wanted a core in the last minute, on average. */
export function currentLoad() {
  return loadavg()[0];
}

/** What a run is made with, on how many cores, and how busy they were before it. */
export function describeMachine(rounds) {
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    sdk: sdkVersion(),
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    loadBefore: currentLoad(),
    rounds,
  };
}

const require = createRequire(import.meta.url);

function sdkDirectory() {
  return dirname(require.resolve('@anthropic-ai/claude-agent-sdk'));
}

function sdkVersion() {
  return JSON.parse(readFileSync(join(sdkDirectory(), 'package.json'), 'utf8')).version;
}

/** The `claude` program bundled with the SDK. */
export function findProgram() {
  const own = createRequire(join(sdkDirectory(), 'package.json'));
  const libc = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime ? '-musl' : '';
  const ending = process.platform === 'win32' ? '.exe' : '';
  return own.resolve(`@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}${libc}/claude${ending}`);
}
