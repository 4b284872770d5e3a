// A host that only opens the embedded Postgres: node postgres-host.mjs MODULE DATA_DIR. It prints {url, pid} as JSON
// when open, and closes when its input ends. On failure it prints {code, message}.
const [module, dataDir] = process.argv.slice(2);
const { openEmbeddedPostgres } = await import(module);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
try {
  const server = await openEmbeddedPostgres({ dataDir });
  say({ url: server.url, pid: server.pid });
  process.stdin.resume().once('end', () => void server.close().then(() => process.exit(0)));
} catch (error) {
  say({ code: error.code, message: error.message });
  process.exitCode = 1;
}
