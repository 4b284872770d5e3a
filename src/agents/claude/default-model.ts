/**
 * Which model a session is started with. Null leaves the choice to the program; but one that resumes a session takes the
 * model that answered last there, and one that is told to change back takes its built-in default, whatever the settings
 * say. So its choice is made here as it would make it for a new session.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { readDirectoryContent } from './files/directory-content.ts';
import { configDirOf } from './files/transcript-file.ts';
import { asRecord, asText } from './mapping/loose-json.ts';

type Env = Readonly<Record<string, string | undefined>>;
type Spec = Pick<AgentSessionSpec, 'trusted' | 'cwd' | 'directory'>;

/** Of a directory, those that come first win. */
const directorySettings = ['.claude/settings.local.json', '.claude/settings.json'];

/** Null where the program chooses by itself. */
export async function modelToStart(
  session: Spec & { model: string | null; isKnown: boolean },
  env: Env,
): Promise<string | null> {
  return session.model === null && session.isKnown ? defaultModel(session, env) : session.model;
}

/** What the program takes where nobody asks for a model; `default` is its own word for its built-in one. */
export async function defaultModel({ trusted, cwd, directory }: Spec, env: Env): Promise<string> {
  const configDir = configDirOf(env);
  const { files } = trusted ? (directory ?? (await readDirectoryContent(cwd, configDir))) : { files: [] };
  const texts = [
    ...directorySettings.map((path) => files.find((file) => file.path === path)?.text ?? ''),
    await readFile(join(configDir, 'settings.json'), 'utf8').catch(() => ''),
  ];
  return env['ANTHROPIC_MODEL'] || texts.map(modelOf).find((model) => model !== undefined) || 'default';
}

function modelOf(settings: string): string | undefined {
  try {
    return asText(asRecord(JSON.parse(settings))['model']) || undefined;
  } catch {
    // A file that the program cannot read either.
    return undefined;
  }
}
