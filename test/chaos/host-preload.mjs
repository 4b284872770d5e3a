// Preloaded into `boocode serve` (`node --import`), so that a run has what production has not: a scripted agent, clocks
// that step, an event loop that blocks. The rest is the built program as it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { shiftClock } from '../support/shift-clock.mjs';
import { scriptedAgent } from './scripted-agent.mjs';

const { CHAOS_BUILD: build = '', CHAOS_MODEL: model = '', CHAOS_ORDERS: orders = '' } = process.env;
const load = (module) => import(pathToFileURL(join(build, module)).href);

const { declaredAgents } = await load('agents/agents.js');
declaredAgents.push(await scriptedAgent({ load, model }));

let aheadMs = 0;
shiftClock(() => aheadMs);

// An order is a file, because a signal carries nothing.
process.on('SIGUSR2', () => {
  const order = JSON.parse(readFileSync(orders, 'utf8'));
  if (order.clockMs !== undefined) aheadMs = order.clockMs;
  if (order.blockMs !== undefined)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.min(order.blockMs, 60_000));
});
