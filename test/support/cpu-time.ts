/**
 * The CPU time of this process for a task, in ms. Unlike the time on the clock it does not grow when the machine is busy
 * with something else.
 */
export function cpuTimeOf(task: () => unknown): number {
  const began = process.cpuUsage();
  task();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}
