/**
 * Which model a session starts with. Null leaves the choice to the program. But when it resumes a session it uses the
 * model that answered last there, and to change back it uses its built-in default, whatever the settings say.
 * So the choice that it would make for a new session is made here.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentSessionSpec } from '../agent-backend.ts';
import { readDirectoryContent } from './files/directory-content.ts';
import { configDirOf } from './files/transcript-file.ts';
import { asRecord, asText } from './mapping/loose-json.ts';

type Env = Readonly<Record<string, string | undefined>>;
type Spec = Pick<AgentSessionSpec, 'trusted' | 'cwd' | 'directory'>;

/** A directory's settings files, by precedence. */
const directorySettings = ['.claude/settings.local.json', '.claude/settings.json'];

/** Null if the program chooses by itself. */
export async function modelToStart(
  session: Spec & { model: string | null; isKnown: boolean },
  env: Env,
): Promise<string | null> {
  return session.model === null && session.isKnown ? defaultModel(session, env) : session.model;
}

/** The program's model if nobody asks for one; `default` is its own name for its built-in one. */
export async function defaultModel({ trusted, cwd, directory }: Spec, env: Env): Promise<string> {
  const configDir = configDirOf(env);
  const { files } = trusted ? (directory ?? (await readDirectoryContent(cwd, configDir))) : { files: [] };
  const texts = [
    ...directorySettings.map((path) => files.find((file) => file.path === path)?.text ?? ''),
    await readFile(join(configDir, 'settings.json'), 'utf8').catch(() => ''),
  ];
  return env['ANTHROPIC_MODEL'] || texts.map(modelOf).find((model) => model !== undefined) || 'default';
}

export function modelOf(settings: string): string | undefined {
  try {
    return asText(asRecord(JSON.parse(settings))['model']) || undefined;
  } catch {
    // The program cannot read it either.
    return undefined;
  }
}
