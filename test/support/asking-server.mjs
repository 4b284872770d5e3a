// An MCP server over standard input and output that asks a person for something. It is started with a file and a record of
// requests; its tool `ask` sends the one that is named as an elicitation, and writes what comes back as a line of the file.
import { appendFileSync } from 'node:fs';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const [file, requests] = process.argv.slice(2);
const note = (entry) => appendFileSync(file, `${JSON.stringify(entry)}\n`);

const server = new Server({ name: 'asking-server', version: '1.0.0' }, { capabilities: { tools: {} } });

server.setRequestHandler(ListToolsRequestSchema, () => {
  note({ listed: true });
  const properties = { request: { type: 'string' }, timeoutMs: { type: 'number' }, completes: { type: 'boolean' } };
  return {
    tools: [
      {
        name: 'ask',
        description: 'Asks the person for something',
        // Read-only, so that the program runs several calls at once.
        annotations: { readOnlyHint: true },
        inputSchema: { type: 'object', properties, required: ['request'] },
      },
    ],
  };
});

server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
  const { request: name, timeoutMs = 600_000, completes = false } = params.arguments;
  const request = JSON.parse(requests)[name];
  note({ asked: request.message, client: server.getClientCapabilities()?.elicitation });
  try {
    const result = await server.elicitInput(request, { timeout: timeoutMs });
    note({ result });
    if (completes) await server.createElicitationCompletionNotifier(request.elicitationId)();
    return { content: [{ type: 'text', text: JSON.stringify(result) }] };
  } catch (error) {
    note({ error: error.message });
    return { isError: true, content: [{ type: 'text', text: error.message }] };
  }
});

await server.connect(new StdioServerTransport());
