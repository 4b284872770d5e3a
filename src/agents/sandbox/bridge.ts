/**
 * Inside a sandbox without a network: passes on connections to ports of its own loopback to sockets of ours. It starts before the
 * program, and belongs to neither its session nor its terminal. If it cannot start, nothing does.
 */

/** Where the sockets are inside, each named after its port. */
export const bridgeDirectory = '/run/boocode';

/** Says `ready` and lets go of its output, for which the shell below waits. */
const bridge = `
const [net, fs] = [require('node:net'), require('node:fs')];
for (const name of ['SIGINT', 'SIGHUP', 'SIGTSTP']) process.on(name, () => undefined);
process.on('uncaughtException', () => undefined);
const [directory, ...ports] = process.argv.slice(1);
const listen = (host, port) => new Promise((resolve, reject) => {
  const server = net.createServer({ allowHalfOpen: true }, (inner) => {
    const outer = net.connect({ path: directory + '/' + port, allowHalfOpen: true });
    for (const [one, other] of [[inner, outer], [outer, inner]]) {
      one.pipe(other);
      one.on('error', () => other.destroy());
    }
  });
  server.once('error', reject);
  server.listen(Number(port), host, resolve);
});
Promise.all(ports.flatMap((port) => [listen('127.0.0.1', port), listen('::1', port).catch(() => undefined)])).then(
  () => {
    fs.writeSync(1, 'ready');
    for (const number of [1, 2]) {
      fs.closeSync(number);
      fs.openSync('/dev/null', 'w');
    }
  },
  (error) => {
    fs.writeSync(1, error.message);
    process.exit(1);
  },
);`;

/** The command that starts the bridge and becomes the other one. */
export function behindBridge(
  ports: readonly number[],
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  // The descriptors from 3 on may have the model's keys, see `apart-keys.ts`.
  const start = `own=$(command -v setsid); said=$(env -i $own "$1" -e "$2" ${bridgeDirectory} ${ports.join(' ')} </dev/null 2>&1 3<&- 4<&- &)`;
  const check = `if [ "$said" != ready ]; then echo "The network of the sandbox could not be set up: $said" >&2; exit 1; fi`;
  return {
    command: '/bin/sh',
    args: ['-c', `${start}\n${check}\nshift 2\nexec "$@"`, 'sh', process.execPath, bridge, command, ...args],
  };
}
