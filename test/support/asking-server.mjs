// An MCP server over standard input and output that asks a person for something: its tool `ask` sends what it is given as
// an elicitation, and writes what comes back, exactly, as a line of the file that it was started with.
import { appendFileSync } from 'node:fs';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const [file] = process.argv.slice(2);
const note = (entry) => appendFileSync(file, `${JSON.stringify(entry)}\n`);

const server = new Server({ name: 'asking-server', version: '1.0.0' }, { capabilities: { tools: {} } });

server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: [
    {
      name: 'ask',
      description: 'Asks the person for something',
      // Read-only, so that the program runs several calls at once.
      annotations: { readOnlyHint: true },
      inputSchema: {
        type: 'object',
        properties: { request: { type: 'object' }, timeoutMs: { type: 'number' }, completes: { type: 'boolean' } },
        required: ['request'],
      },
    },
  ],
}));

server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
  const { request, timeoutMs = 600_000, completes = false } = params.arguments;
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
