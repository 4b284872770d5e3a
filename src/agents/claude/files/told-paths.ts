/**
 * Where the program was told that its own files are. In a transcript from another host, or from another working directory,
 * these paths lead nowhere: the model would look there for a long output, and be refused its plan. So when the program's
 * copy of a transcript is written from the store, they lead to where the same files are here. What is stored stays as it
 * is, and so do the model's own words, some of which are signed.
 */
import type { SessionStoreEntry } from '@anthropic-ai/claude-agent-sdk';
import { basename, join } from 'node:path';
import { asList, asRecord, asText } from '../mapping/loose-json.ts';

const uuid = '[\\da-f]{8}(?:-[\\da-f]{4}){3}-[\\da-f]{12}';
const output = new RegExp(`^(/.+)/projects/[^/]+/${uuid}/tool-results/`, 'i');
const plan = /^(\/.+)\/plans\/[^/]+\.md$/;
const memory = /`(\/[^`\n]+)\/projects\/[^/`\n]+\/memory\/`/;

export class ToldPaths {
  readonly #configDir: string;
  readonly #folder: string;
  /** Config directories that the transcript names. */
  readonly #named = new Set<string>();
  #pattern: RegExp | undefined;

  /** `directory`: the folder with the session's transcripts, in `configDir`. */
  constructor(configDir: string, directory: string) {
    this.#configDir = configDir;
    this.#folder = join('/', 'projects', basename(directory), '/');
  }

  /** Call it with every entry before the first `here`. */
  add(entry: SessionStoreEntry): void {
    const { type, planFilePath } = asRecord(entry['attachment']);
    const found = [
      output.exec(asText(asRecord(entry['toolUseResult'])['persistedOutputPath']) ?? ''),
      plan.exec(asText(planFilePath) ?? ''),
      type === 'prompt_snapshot' ? memory.exec(textsIn(entry['attachment']).join('\n')) : null,
    ];
    for (const match of found) if (match?.[1] !== undefined) this.#named.add(match[1]);
    this.#pattern = undefined;
  }

  /** The entry as the program is to read it on this host. */
  here(entry: SessionStoreEntry): SessionStoreEntry {
    // Without a uuid it is recognized by its content.
    if (this.#named.size === 0 || entry.uuid === undefined || !isOfProgram(entry)) return entry;
    return mapTexts(entry, (text) => this.#replaced(text)) as SessionStoreEntry;
  }

  #replaced(text: string): string {
    this.#pattern ??= patternOf([...this.#named]);
    return text.replaceAll(this.#pattern, (path, configDir: string, folder: string | undefined) => {
      if (folder !== undefined) return this.#configDir + this.#folder;
      return configDir === this.#configDir ? path : `${this.#configDir}/`;
    });
  }
}

/** A config directory, with the folder of a working directory if a session's own follows. */
function patternOf(configDirs: readonly string[]): RegExp {
  const longestFirst = configDirs.toSorted((one, other) => other.length - one.length);
  const escaped = longestFirst.map((path) => path.replaceAll(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
  return new RegExp(`(?<![\\w/.-])(${escaped.join('|')})(?:(/projects/[^/\\s]+/)(?=${uuid}/)|/)`, 'g');
}

/** Not said by a person or the model: a tool's result, or what the program itself told the model. */
function isOfProgram(entry: SessionStoreEntry): boolean {
  if (entry.type === 'attachment') return true;
  return (
    entry.type === 'user' &&
    asList(asRecord(entry['message'])['content']).some((block) => asRecord(block)['type'] === 'tool_result')
  );
}

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mapTexts(each, map)]));
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}
