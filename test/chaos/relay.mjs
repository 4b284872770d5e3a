// node relay.mjs PORT SOCKET: carries connections from a port on loopback to a Unix socket.
import { connect, createServer } from 'node:net';

const [port, socket] = process.argv.slice(2);
createServer((client) => {
  const server = connect(socket);
  const cut = () => {
    client.destroy();
    server.destroy();
  };
  client.on('error', cut).on('close', cut);
  server.on('error', cut).on('close', cut);
  client.pipe(server).pipe(client);
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
