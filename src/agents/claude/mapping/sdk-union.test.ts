/** A member that a new SDK adds to its union must fail the build until someone decides how to map it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const sdk = '@anthropic-ai/claude-agent-sdk';
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'boocode-union-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

/** The compiler's errors in the mapper with `union` as the SDK's union. */
async function compile(union: string): Promise<string> {
  // The compiler finds `sdk.d.ts` by this name.
  const real = join(root, 'node_modules', sdk, 'sdk');
  const imports = `import type { SDKMessage as Real } from '${real}.js';`;
  await writeFile(
    join(directory, 'sdk.d.mts'),
    `${imports}\nexport * from '${real}.js';\nexport type SDKMessage = ${union};\n`,
  );
  const project = join(directory, 'tsconfig.json');
  const compilerOptions = {
    typeRoots: [join(root, 'node_modules', '@types')],
    paths: { [sdk]: [join(directory, 'sdk.d.mts')] },
  };
  const files = [join(root, 'src/agents/claude/mapping/map-sdk-message.ts')];
  await writeFile(
    project,
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] }),
  );
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, '-p', project], (error, stdout, stderr) => {
      resolve(error ? `${stdout}${stderr}` : 'no error');
    });
  });
}

it('builds with the unchanged union', async () => {
  expect(await compile('Real')).toBe('no error');
});

it.each([
  `{ type: 'system'; subtype: 'brand_new'; uuid: string; session_id: string }`,
  `{ type: 'brand_new'; uuid: string; session_id: string }`,
])('does not build with an additional member %s', async (member) => {
  const said = await compile(`Real | ${member}`);
  expect(said).toContain('map-sdk-message.ts');
  expect(said).toContain('brand_new');
});
