/** Takes samples one after the other, in rounds, in an order that rotates from round to round. */
import { setTimeout as delay } from 'node:timers/promises';
import { median } from './statistics.mjs';

/**
 * A task is `{name, run, settle}`: `run` resolves to one sample, and `settle`, if there is one, to when the next may be
 * taken. Several tasks may have one name. Resolves to the samples by name.
 */
export async function interleave(tasks, { rounds, warmUpRounds, pauseMs = 250, progress }) {
  const samples = Object.fromEntries(tasks.map(({ name }) => [name, []]));
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const turned = (round + warmUpRounds) % tasks.length;
    for (const task of [...tasks.slice(turned), ...tasks.slice(0, turned)]) {
      const sample = await onceMore(task, progress);
      // Not measured: what runs for the first time is slower than all that follows.
      if (round >= 0) samples[task.name].push(sample);
      await task.settle?.();
      // A sample's leftover work should not fall into the next one.
      await delay(pauseMs);
    }
    if (round >= 0) progress(`Round ${round + 1} of ${rounds}.`);
  }
  return samples;
}

/** On a machine that is too busy even a lease can be lost. What fails twice is not that. */
async function onceMore({ name, run }, progress) {
  try {
    return await run();
  } catch (error) {
    progress(`${name}, one more time: ${error.message}`);
    return run();
  }
}

/** The ratio of two medians. */
export function ratioOf(over, under) {
  return median(over) / median(under);
}
