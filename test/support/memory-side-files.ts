import type { SideFile, SideFileKey, SideFileStore } from '../../src/protocol/side-files.ts';

/** A SideFileStore in memory, for one chat. */
export class MemorySideFiles implements SideFileStore {
  readonly files = new Map<string, SideFile & { content: Uint8Array | null; at: number }>();
  /** Every write, in order. */
  readonly writes: string[] = [];
  /** Called before each write: throw to refuse it. */
  onWrite = (): void | Promise<void> => {};

  list() {
    const now = Date.now();
    const rows = [...this.files.values()].map(({ content, at, ...file }) => ({
      ...file,
      ageMs: file.ageMs + now - at,
      hasContent: content !== null,
    }));
    return Promise.resolve(rows);
  }

  read(file: SideFileKey) {
    return Promise.resolve(this.files.get(idOf(file))?.content ?? null);
  }

  async put(file: SideFile, content: Uint8Array | null) {
    await this.onWrite();
    const { sessionId, name, size, ageMs } = file;
    this.writes.push(`put ${name}`);
    this.files.set(idOf(file), { sessionId, name, size, ageMs, content, at: Date.now() });
  }

  async remove(files: readonly SideFileKey[]) {
    for (const file of files) {
      await this.onWrite();
      this.writes.push(`remove ${file.name}`);
      this.files.delete(idOf(file));
    }
  }

  trim() {
    return Promise.resolve();
  }

  /** What is stored of a file, as text. */
  text(name: string): string | null | undefined {
    return [...this.files.values()].find((file) => file.name === name)?.content?.toString() ?? null;
  }
}

const idOf = ({ sessionId, name }: SideFileKey): string => `${sessionId}/${name}`;
