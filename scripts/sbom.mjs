// Prints what an installation consists of, in CycloneDX format: `npm run --silent sbom > boocode.cdx.json`. What is bundled
// into the published files is among it, although npm knows it as needed for development only.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namesIn } from './notices.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const read = (file) => readFileSync(join(root, file), 'utf8');
const notices = join('dist', 'THIRD-PARTY-NOTICES.txt');

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (!existsSync(join(root, notices))) fail('Build first: npm run build');
// All of them, because with `--omit dev` npm also leaves out much of what is needed by both.
const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
const { status, stdout, stderr, error } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
if (status !== 0) fail(`npm could not list the components: ${error?.message ?? stderr}`);
const sbom = JSON.parse(stdout);

const lock = JSON.parse(read('package-lock.json')).packages;
const isBundled = new Set(namesIn(read(notices)));
const licences = new Map();
for (const [path, { version, license, dev }] of Object.entries(lock)) {
  const name = `${path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)}@${version}`;
  if (path !== '' && (!dev || isBundled.has(name))) licences.set(name, license);
}
sbom.components = sbom.components
  .filter((each) => licences.has(each['bom-ref']))
  .map((each) => ({
    ...each,
    scope: each.scope === 'optional' && !isBundled.has(each['bom-ref']) ? 'optional' : 'required',
    // npm leaves out what is not a known licence's name.
    licenses: each.licenses ?? [{ license: { name: licences.get(each['bom-ref']) ?? 'unknown' } }],
  }));
const own = sbom.metadata.component['bom-ref'];
const isKept = (ref) => ref === own || licences.has(ref);
sbom.dependencies = sbom.dependencies
  .filter(({ ref }) => isKept(ref))
  .map((each) => ({ ...each, dependsOn: each.dependsOn?.filter(isKept) ?? [] }));
// npm calls the package after the folder it is in.
sbom.metadata.component.name = JSON.parse(read('package.json')).name;
console.log(JSON.stringify(sbom, null, 2));
