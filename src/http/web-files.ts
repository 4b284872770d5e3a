import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

export interface WebFile {
  contentType: string;
  body: Uint8Array<ArrayBuffer>;
  compressed: Uint8Array<ArrayBuffer>;
}

/** The files of the web app by name: `index.html`, and those of `assets/`. */
export interface WebFiles {
  /** Undefined if there is no such file. */
  find(name: string): Promise<WebFile | undefined>;
}

const contentTypes: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
};

// The same number of levels up from src/http and from dist/http.
const builtDir = new URL('../../dist/web/', import.meta.url);

/** The built files, read once. Names are looked up among them and never used as paths. */
export function createWebFiles(directory: URL = builtDir): WebFiles {
  let files: Promise<Map<string, WebFile>> | undefined;
  return {
    async find(name) {
      files ??= readAll(directory);
      try {
        return (await files).get(name);
      } catch (error) {
        files = undefined;
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}

async function readAll(directory: URL): Promise<Map<string, WebFile>> {
  const assets = await readdir(new URL('assets/', directory));
  const names = ['index.html', ...assets.map((name) => `assets/${name}`)];
  const compress = promisify(gzip);
  const entries = names.map(async (name): Promise<[string, WebFile]> => {
    const body = new Uint8Array(await readFile(new URL(name, directory)));
    const contentType = contentTypes[name.slice(name.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    return [name, { contentType, body, compressed: new Uint8Array(await compress(body)) }];
  });
  return new Map(await Promise.all(entries));
}
