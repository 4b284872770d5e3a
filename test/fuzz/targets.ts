/** Every parser of input from outside, with what is fed to it. A new route is among them by itself. */
import fc from 'fast-check';
import { readConfig } from '../../src/config.ts';
import { requestCosts } from '../../src/agents/claude-pty/cost-receiver.ts';
import { mapTranscriptLines } from '../../src/agents/claude/mapping/map-history.ts';
import { mapSdkMessage } from '../../src/agents/claude/mapping/map-sdk-message.ts';
import { createMappingState } from '../../src/agents/claude/mapping/mapping-state.ts';
import { readLine } from '../../src/agents/claude/mapping/transcript-line.ts';
import { splitPaths } from '../../src/chats/changes/paths.ts';
import { cleanRemote } from '../../src/chats/workspaces/remote.ts';
import { declaredFor } from '../../src/http/app.ts';
import { parseMessage } from '../../src/http/socket-messages.ts';
import { createTrustedProxies } from '../../src/http/trusted-proxies.ts';
import { readImage } from '../../src/lib/images/read-image.ts';
import { keyIdOf, openSigned, sign } from '../../src/peers/signature.ts';
import { liveClientMessage } from '../../src/protocol/live.ts';
import { terminalClientMessage } from '../../src/protocol/terminal.ts';
import { settings } from '../../src/settings.ts';
import { readDatabaseUrl } from '../../src/store/database-address.ts';
import { parseDiff } from '../../src/web/text/unified-diff.ts';
import { createTestApp, testToken } from '../support/test-app.ts';
import { agentTargets } from './agent-targets.ts';
import { clientTargets } from './client-targets.ts';
import { anything, bodiesOf } from './json-schema.ts';
import { serverTargets } from './server-targets.ts';
import { refusable, type Target, target, text } from './target.ts';

const chatId = '11111111-1111-4111-8111-111111111111';
function routeTargets(): Target[] {
  const limits = { failuresPerSource: Infinity, failuresInAll: Infinity };
  const quotas = { chatsPerHour: 0, chatsPerDay: 0, prompts: 0 };
  let test = createTestApp({ limits, quotas });
  let count = 0;
  const ask = async (method: string, path: string, headers: Record<string, string>, body?: string): Promise<void> => {
    // The chats of a memory grow.
    if ((count += 1) % 2_000 === 0) test = createTestApp({ limits, quotas });
    const init = { method, headers: { host: 'localhost', authorization: `Bearer ${testToken}`, ...headers } };
    const abort = new AbortController();
    const answer = await test.app.request(path, { ...init, signal: abort.signal, ...(body !== undefined && { body }) });
    const { status } = answer;
    if (status >= 400) {
      const { code, detail } = (await answer.json()) as { code?: string; detail?: string };
      if (status >= 500 || !code || !detail) throw new Error(`${method} ${path}: ${status} ${code}: ${detail}`);
    } else {
      await answer.body?.cancel();
      abort.abort();
    }
    if (test.errors.length > 0)
      throw new Error(`${method} ${path} has logged an error`, { cause: test.errors[0]?.facts });
  };
  const routes = test.app.routes.flatMap(({ handler }) => {
    const declared = declaredFor(handler);
    return declared === undefined || declared === 'guard' ? [] : [declared];
  });
  const headers = target(
    'headers of requests',
    fc.dictionary(fc.constantFrom(...headerNames), fc.oneof(text.map(onWire), fc.constantFrom(...headerValues)), {
      maxKeys: 4,
    }),
    async (given) => {
      for (const path of ['/v1/info', '/v1/single-sign-on/end?state=s&code=c', `/v1/chats/${chatId}/events`])
        await ask('GET', path, given);
    },
  );
  const found = routes.flatMap((route) => {
    const path = route.path.replaceAll(/\{\w+\}/g, chatId);
    const names = Object.keys((route.schemas.query as { shape?: object } | undefined)?.shape ?? {});
    const found = [
      target(
        `the query of ${route.method} ${route.path}`,
        fc.array(fc.tuple(fc.oneof(fc.constantFrom('after', '__proto__', ...names), text), text), { maxLength: 4 }),
        (pairs) => {
          const query = pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
          return ask(route.method, `${path}?${query}`, {});
        },
      ),
    ];
    const { body } = route.schemas;
    if (route.method !== 'GET' && body) {
      const json = { 'content-type': 'application/json' };
      found.push(
        target(`the body of ${route.method} ${route.path}`, bodiesOf(body), (value) =>
          ask(route.method, path, json, JSON.stringify(value)),
        ),
      );
    }
    return found;
  });
  return [headers, ...found];
}

/** What a header can hold: a server in front of it has refused the rest. */
const onWire = (value: string): string => value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '').trim();
const headerNames = [
  'host origin authorization cookie accept boocode-client last-event-id user-agent content-type',
  'sec-websocket-protocol x-forwarded-for forwarded',
].flatMap((names) => names.split(' '));
const headerValues = [
  'localhost [::1 localhost. a@b null http://localhost:1 Bearer -1 999999999999999999999999999999'.split(' '),
  [
    'Bearer a b',
    'boocode-single-sign-on=e30',
    'a=%ff; =; ;;',
    '__proto__=1',
    'text/event-stream',
    'for="[::1]:x";proto=,,',
  ],
].flat();

const encode = (part: string): string => encodeURIComponent(Buffer.from(part).toString());

const frameTypes = [
  'assistant',
  'user',
  'system',
  'result',
  'stream_event',
  'attachment',
  'progress',
  'rate_limit_event',
];
const frames = fc.record(
  {
    type: fc.oneof(fc.constantFrom(...frameTypes), text),
    subtype: fc.oneof(fc.constantFrom('init', 'status', 'success', 'compact_boundary', 'api_retry'), anything),
    message: fc.oneof(
      anything,
      fc.record(
        {
          id: anything,
          role: anything,
          model: anything,
          usage: anything,
          content: fc.oneof(
            anything,
            fc.array(
              fc.record(
                {
                  type: fc.constantFrom('text', 'tool_use', 'tool_result', 'thinking', 'image'),
                  text: anything,
                  id: anything,
                  name: anything,
                  input: anything,
                  tool_use_id: anything,
                  content: anything,
                },
                { requiredKeys: [] },
              ),
              { maxLength: 3 },
            ),
          ),
        },
        { requiredKeys: [] },
      ),
    ),
    event: anything,
    uuid: anything,
    session_id: anything,
    parent_tool_use_id: anything,
    timestamp: anything,
    modelUsage: anything,
    total_cost_usd: anything,
    errors: anything,
  },
  { requiredKeys: ['type'] },
);

const diffLines = fc.constantFrom(
  'diff --git a/x b/x',
  '--- a/x',
  '+++ b/x',
  '@@ -1,2 +1,3 @@',
  '@@ -0,0 +1 @@ f',
  '@@ -9999999999 @@',
  '+a',
  '-b',
  ' c',
  '\\ No newline at end of file',
  'Binary files differ',
  '',
  '\r',
);

const key = { id: 'k', secret: 's'.repeat(32) };

export const targets: Target[] = [
  ...routeTargets(),
  ...serverTargets,
  ...agentTargets,
  ...clientTargets,
  target('messages of the live socket', bodiesOf(liveClientMessage), (value) =>
    refusable(() => parseMessage(liveClientMessage, Buffer.from(JSON.stringify(value) ?? 'x'))),
  ),
  target('messages of a terminal', bodiesOf(terminalClientMessage), (value) =>
    refusable(() => parseMessage(terminalClientMessage, Buffer.from(JSON.stringify(value) ?? 'x'))),
  ),
  target('bytes on a socket', fc.uint8Array({ maxLength: 300 }), (bytes) =>
    refusable(() => parseMessage(liveClientMessage, Buffer.from(bytes))),
  ),
  target(
    'costs that a terminal reports',
    fc.oneof(anything, fc.record({ resourceLogs: fc.array(anything) })),
    requestCosts,
  ),
  target('repository addresses', text, (value) => cleanRemote(value)),
  target(
    'maps of workspaces',
    fc.oneof(
      text,
      anything.map((value) => JSON.stringify(value) ?? ''),
    ),
    (value) => refusable(() => readConfig({ flags: { workspaces: value }, env: { HOME: '/nowhere' } })),
  ),
  target('lists of paths from git', fc.uint8Array({ maxLength: 200 }), (bytes) => splitPaths(Buffer.from(bytes))),
  target(
    'unified diffs',
    fc.oneof(
      text,
      fc.array(fc.oneof(diffLines, text), { maxLength: 12 }).map((lines) => lines.join('\n')),
    ),
    parseDiff,
  ),
  target(
    'database addresses',
    fc.oneof(
      text,
      text.map((rest) => `postgres://${rest}`),
    ),
    (value) => refusable(() => readDatabaseUrl(value)),
  ),
  target(
    'settings',
    fc.tuple(
      fc.constantFrom(...settings.map(({ flag }) => flag)),
      fc.oneof(text, fc.constantFrom('0', '1', 'on', '10.0.0.0/8', 'a=b')),
    ),
    ([flag, value]) => refusable(() => readConfig({ flags: { [flag]: value }, env: { HOME: '/nowhere' } })),
  ),
  target('names of proxies’ clients', fc.tuple(text, text), ([one, other]) => {
    for (const header of ['forwarded', 'x-forwarded-for'] as const) {
      createTrustedProxies({ proxies: ['10.0.0.0/8'], header }).clientOf('10.0.0.1', {
        [header]: one,
        'x-forwarded-proto': other,
      });
    }
  }),
  target('signed headers of hosts', fc.tuple(text, anything), ([header, value]) => {
    keyIdOf(header);
    if (openSigned(key, header) !== undefined) throw new Error('A header that nobody signed was accepted.');
    // Signed, but not what hosts sign.
    openSigned(key, sign(key, value as never));
  }),
  target(
    'images',
    fc.tuple(
      fc.constantFrom('', '\u0089PNG\r\n\u001a\n', 'GIF89a', '\u00ff\u00d8\u00ff', 'RIFF0000WEBPVP8 '),
      fc.uint8Array({ maxLength: 300 }),
    ),
    async ([magic, rest]) => {
      await readImage(Buffer.concat([Buffer.from(magic, 'latin1'), rest])).catch((error: unknown) => {
        if (error instanceof TypeError || error instanceof RangeError) throw error;
      });
    },
  ),
  target('frames of agents', fc.array(frames, { maxLength: 4 }), (some) => {
    let state = createMappingState();
    for (const frame of some) ({ state } = mapSdkMessage(frame as never, state));
  }),
  target('lines of transcripts', fc.array(frames, { maxLength: 4 }), (lines) => {
    for (const line of lines) readLine(line as never);
    mapTranscriptLines(lines as never);
  }),
];
