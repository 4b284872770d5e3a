/**
 * Whether a model name exists, checked before it is set: the program accepts any name, and then fails with the next
 * request. The program's short names are known here; for other names the Messages API that agents use is asked. Cloud
 * providers and gateways have names of their own: if they cannot tell, the name counts as known.
 */
import { asList, asRecord } from './mapping/loose-json.ts';
import { chooseProvider } from './provider.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Names that the program resolves itself, with or without the suffix `[1m]`. */
const aliases = new Set(['default', 'best', 'opus', 'sonnet', 'haiku', 'fable', 'opusplan']);
const fullName = /^claude-[\w.@:-]+$/;
const window = /\[\d+[km]\]$/i;
/** Variables that name a model. */
const naming = /^ANTHROPIC_(\w+_)?MODEL(_OPTION)?$/;
const officialUrl = 'https://api.anthropic.com';
const answerMs = 3_000;

export async function knowsModel(model: string, env: Env): Promise<boolean> {
  const name = model.replace(window, '');
  if (aliases.has(name.toLowerCase()) || isNamedBy(env, [model, name])) return true;
  if (chooseProvider(env).name !== 'anthropic') return true;
  const isOfficial = !env['ANTHROPIC_BASE_URL'];
  return (await askApi(name, env)) ?? (!isOfficial || fullName.test(name));
}

function isNamedBy(env: Env, names: readonly string[]): boolean {
  return Object.entries(env).some(([variable, value]) => naming.test(variable) && names.includes(value ?? ''));
}

/** Undefined if the API cannot be asked or does not say. */
async function askApi(name: string, env: Env): Promise<boolean | undefined> {
  const { ANTHROPIC_API_KEY: key, ANTHROPIC_AUTH_TOKEN: token, ANTHROPIC_BASE_URL: url } = env;
  if (!key && !token) return undefined;
  const headers = {
    'anthropic-version': '2023-06-01',
    ...(key ? { 'x-api-key': key } : { authorization: `Bearer ${token}` }),
  };
  const ask = (path: string): Promise<Response> =>
    // A redirect would forward the key.
    fetch(`${(url || officialUrl).replace(/\/+$/, '')}/v1/models${path}`, {
      headers,
      redirect: 'error',
      signal: AbortSignal.timeout(answerMs),
    });
  try {
    const one = await ask(`/${encodeURIComponent(name)}`);
    if (one.ok) return asRecord(await one.json())['id'] === undefined ? undefined : true;
    if (one.status !== 404) return undefined;
    // If the server lists no models, its 404 says nothing about the name.
    const list = await ask('?limit=1');
    return list.ok && asList(asRecord(await list.json())['data']).length > 0 ? false : undefined;
  } catch {
    // Unreachable, too slow, or not such an API: the next prompt will report it.
    return undefined;
  }
}
