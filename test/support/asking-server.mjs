// An MCP server over standard input and output that asks a person for something. It is started with a file and a record
// of requests; its tool `ask` sends the named one as an elicitation, and writes the answer to the file as a line.
import { appendFileSync } from 'node:fs';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  CallToolRequestSchema,
  ListToolsRequestSchema,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/sdk/types.js';

const [file, requests] = process.argv.slice(2);
const note = (entry) => appendFileSync(file, `${JSON.stringify(entry)}\n`);

const server = new Server({ name: 'asking-server', version: '1.0.0' }, { capabilities: { tools: {} } });

server.setRequestHandler(ListToolsRequestSchema, () => {
  note({ listed: true });
  const properties = {
    request: { type: 'string' },
    timeoutMs: { type: 'number' },
    completes: { type: 'boolean', description: 'says afterwards that the page is done' },
    first: { type: 'boolean', description: 'the first call fails, for the page must be seen to first' },
    quiet: { type: 'boolean', description: 'does not tell the model what it was answered' },
    later: { type: 'boolean', description: 'asks once the call has its result' },
  };
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

let isFirst = true;

server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
  const {
    request: name,
    timeoutMs = 600_000,
    completes = false,
    first = false,
    quiet = false,
    later = false,
  } = params.arguments;
  const request = JSON.parse(requests)[name];
  if (first && isFirst) {
    isFirst = false;
    throw new UrlElicitationRequiredError([request]);
  }
  if (first) return text('Done.');
  if (later) {
    setTimeout(() => void ask(request, timeoutMs), 1_500);
    return text('Later.');
  }
  const result = await ask(request, timeoutMs);
  if (completes) await server.createElicitationCompletionNotifier(request.elicitationId)();
  return text(quiet ? 'Thank you.' : JSON.stringify(result));
});

const text = (words) => ({ content: [{ type: 'text', text: words }] });

async function ask(request, timeout) {
  note({ asked: request.message });
  try {
    const result = await server.elicitInput(request, { timeout });
    note({ result });
    return result;
  } catch (error) {
    note({ error: error.message });
    return { error: error.message };
  }
}

await server.connect(new StdioServerTransport());
