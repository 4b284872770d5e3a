// Lists the packages whose code is inside what we publish, with their licences, in dist/THIRD-PARTY-NOTICES.txt. Which
// ones these are is told by the bundlers, so the list cannot be forgotten.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';

/** A bundler's plugin that notes which modules end up in its output. */
export function collectModules() {
  const modules = new Set();
  const plugin = {
    name: 'collect-modules',
    generateBundle(_options, bundle) {
      for (const part of Object.values(bundle)) for (const id of part.moduleIds ?? []) modules.add(id);
    },
  };
  return { modules, plugin };
}

/** The folders of the packages that these modules belong to. */
function packagesOf(modules) {
  const inPackage = `${sep}node_modules${sep}`;
  const folders = [...modules].flatMap((id) => {
    const path = id.replace(/^\0/, '').replace(/\?.*$/, '');
    const at = path.lastIndexOf(inPackage);
    if (at < 0) return [];
    const [scope, name] = path.slice(at + inPackage.length).split(sep);
    return [join(path.slice(0, at), 'node_modules', scope, ...(scope.startsWith('@') ? [name] : []))];
  });
  return [...new Set(folders)].filter((folder) => existsSync(join(folder, 'package.json')));
}

function noticeOf(folder) {
  const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  // Some packages name their licence and leave out its text.
  const text =
    file === undefined ? `By ${author?.name ?? author ?? 'its authors'}.` : readFileSync(join(folder, file), 'utf8');
  return { name, version, text: `${name} ${version} (${license})\n\n${text.trim()}\n` };
}

const line = `\n${'-'.repeat(80)}\n\n`;

export function writeNotices(modules, path) {
  const notices = packagesOf(modules)
    .map(noticeOf)
    .sort((one, other) => `${one.name} ${one.version}`.localeCompare(`${other.name} ${other.version}`));
  const head = `This package contains code of ${notices.length} other packages.\n`;
  writeFileSync(path, [head, ...notices.map(({ text }) => text)].join(line));
}

/** The packages in such a file, as `name@version`. */
export function namesIn(text) {
  const [, ...notices] = text.split(line);
  return notices.map((notice) => notice.slice(0, notice.indexOf(' (')).replace(/ (?=[^ ]+$)/, '@'));
}
