/**
 * The run itself: every round samples each contestant, one after the other, in an order that rotates from round to
 * round.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openBooCode } from './contestants/boocode.mjs';
import { openClaudePrint } from './contestants/claude-print.mjs';
import { openTwoHosts } from './contestants/two-hosts.mjs';
import { openRawSdk } from './contestants/raw-sdk.mjs';
import { canSeeProcesses, memoryOf } from './processes.mjs';

const shortPrompt = 'stream 20 tokens';
const longPrompt = 'stream 2000 tokens';
const expected = (count) => Array.from({ length: count }, (_, index) => `t${index + 1} `).join('');
const texts = { [shortPrompt]: expected(20), [longPrompt]: expected(2000) };

/** Not measured: the first turns of every process are slower than all that follow. */
const warmUpRounds = 3;
/** A turn's leftover work should not fall into the next sample. */
const pauseMs = 250;
const warmChats = 10;

export async function runRounds(place, { rounds, progress }) {
  progress('Starting the contestants.');
  const raw = await openRawSdk(place, 'raw-a');
  const rawLong = await openRawSdk(place, 'raw-b');
  const server = await openBooCode(place, 'warm', { idleSeconds: 3600 });
  const chat = await server.openChat();
  const chatLong = await server.openChat();
  const terminalChat = await server.openChat('claude_pty');
  const sleepy = await openBooCode(place, 'cold', { idleSeconds: 1 });
  const coldChat = await sleepy.openChat();
  const hosts = await openTwoHosts(place, shortPrompt);
  const print = await openClaudePrint(place, 'print');

  const warm = [
    { name: 'rawFollow', run: () => raw.turn(shortPrompt), prompt: shortPrompt },
    { name: 'booFollow', run: () => chat.turn(shortPrompt), prompt: shortPrompt },
    { name: 'terminalFollow', run: () => terminalChat.turn(shortPrompt), prompt: shortPrompt },
    { name: 'directHost', run: () => hosts.direct.turn(shortPrompt), prompt: shortPrompt },
    { name: 'otherHost', run: () => hosts.through.turn(shortPrompt), prompt: shortPrompt },
    { name: 'rawLong', run: () => rawLong.turn(longPrompt), prompt: longPrompt },
    { name: 'booLong', run: () => chatLong.turn(longPrompt), prompt: longPrompt },
  ];
  const cold = [
    { name: 'printFollow', run: () => print.turn(shortPrompt), prompt: shortPrompt },
    {
      name: 'booWake',
      run: () => coldChat.turn(shortPrompt),
      prompt: shortPrompt,
      settle: () => untilCold(sleepy, coldChat),
    },
  ];
  // A warm turn is short, and a moment of another program can double it: three of each per round, close together.
  const tasks = [...cold, ...warm, ...warm.toReversed(), ...warm];
  const samples = Object.fromEntries([...warm, ...cold].map(({ name }) => [name, []]));
  const attach = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const turned = Math.abs(round) % tasks.length;
    for (const task of [...tasks.slice(turned), ...tasks.slice(0, turned)]) {
      const { firstMs, resultMs, text } = await task.run();
      if (text.trim() !== texts[task.prompt].trim())
        throw new Error(`${task.name}: the text came ${text.length} characters long.`);
      if (round >= 0) samples[task.name].push({ firstMs, resultMs });
      if (round >= 0 && task.name === 'terminalFollow') attach.push(await terminalChat.attach());
      await task.settle?.();
      await delay(pauseMs);
    }
    if (round >= 0) progress(`Round ${round + 1} of ${rounds}.`);
  }
  return { ...samples, attach, memory: await measureMemory(server, progress) };
}

/** The state `cold` is shown as soon as the process is told to exit: here it must have exited. */
async function untilCold(server, chat) {
  const deadline = performance.now() + 30_000;
  while ((await chat.state()) !== 'cold' || (canSeeProcesses && server.agentCount() > 0)) {
    if (performance.now() > deadline) throw new Error('The chat did not go cold within 30 seconds.');
    await delay(50);
  }
}

/** The server that ran all the turns above, with ten warm chats, idle. */
async function measureMemory(server, progress) {
  if (!canSeeProcesses) return [];
  progress('Measuring memory.');
  while ((await server.info()).warmChats < warmChats) await (await server.openChat()).turn(shortPrompt);
  const samples = [];
  for (let count = 0; count < 5; count += 1) {
    await delay(1000);
    samples.push(memoryOf(server.pid));
  }
  const { warmChats: still } = await server.info();
  if (still !== warmChats) throw new Error(`${still} chats are warm, not ${warmChats}.`);
  return samples;
}
