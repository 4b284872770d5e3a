// A host that opens one agent session and runs one prompt: node agent-host.mjs MODULE CWD PROMPT, with the agents'
// environment as JSON on standard input. It allows whatever is asked, prints a line when the session is open, and
// stays.
import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
const [module, cwd, prompt] = process.argv.slice(2);
const { ClaudeSdkBackend } = await import(module);
const quiet = () => {};
const backend = new ClaudeSdkBackend({
  env: JSON.parse(await text(process.stdin)),
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
});
const session = await backend.openSession({
  chatId: randomUUID(),
  sessionId: randomUUID(),
  cwd,
  model: null,
  permissionMode: 'default',
  trusted: false,
  sessionStore: { append: () => Promise.resolve(), load: () => Promise.resolve(null) },
  onUnprompted: quiet,
  onEvent: quiet,
  onLost: quiet,
});
process.stdout.write('open\n');
if (prompt) {
  for await (const event of session.prompt({
    turnId: randomUUID(),
    content: [{ type: 'text', text: prompt }],
  })) {
    if (event.type === 'decision_requested') session.resolve(event.decisionId, { outcome: 'allow' });
  }
}
setInterval(quiet, 60_000);
