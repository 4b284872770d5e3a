// Compares our schemas with those that the real program offers to a model.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { openSession, runTurn } from '../../../test/contract/agent-backend.ts';
import { openSdkHarness, type SdkHarness } from '../../../test/support/sdk-harness.ts';
import { toolInputs } from './tool-inputs.ts';

interface ObjectSchema {
  properties?: Record<string, { type?: string; enum?: unknown[] }>;
  required?: string[];
}

let harness: SdkHarness;
const offered = new Map<string, ObjectSchema>();
beforeAll(async () => {
  // Otherwise most tools are offered by name only.
  harness = await openSdkHarness({ env: { ENABLE_TOOL_SEARCH: 'false' } });
  const session = await openSession(harness);
  await runTurn(session, 'stream 1 tokens');
  for (const { body } of harness.model.requests) {
    const { tools = [] } = (body ?? {}) as { tools?: { name: string; input_schema: ObjectSchema }[] };
    for (const tool of tools) offered.set(tool.name, tool.input_schema);
  }
});
afterAll(() => harness.close());

/** A field may be narrower here than in the program, but never wider. */
const shapeOf = (schema: ObjectSchema | undefined): object => ({
  fields: Object.fromEntries(
    Object.entries(schema?.properties ?? {}).map(([name, { type, enum: values }]) => [name, values ?? type]),
  ),
  required: schema?.required?.toSorted() ?? [],
});

test.each(Object.keys(toolInputs))('DECIDE-9: %s has the fields that the program knows', (name) => {
  const ours = z.toJSONSchema(toolInputs[name]!) as ObjectSchema;
  expect(shapeOf(ours)).toEqual(shapeOf(offered.get(name)));
});
