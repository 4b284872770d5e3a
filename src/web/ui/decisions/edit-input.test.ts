import { expect, it } from 'vitest';
import { BooError } from '../../../protocol/error.ts';
import { fieldsOf, inputOf, wrongField } from './edit-input.tsx';

it('DECIDE-3: what was not edited comes back as it was', () => {
  const input = JSON.parse(
    '{"command": "echo a\\rrm b\\r\\nx", "n": 5, "__proto__": {"a": 1}, "text": "a\\nb"}',
  ) as Record<string, unknown>;
  const fields = fieldsOf(input);
  // A text field would turn them into line feeds.
  expect(Object.values(fields).some((text) => text.includes('\r'))).toBe(false);
  const result = inputOf(input, fields);
  expect('input' in result && JSON.stringify(result.input)).toBe(JSON.stringify(input));
});

it('names the field that is no JSON', () => {
  expect(inputOf({ n: 5 }, { n: 'five' })).toEqual({ wrong: 'n' });
});

it.each([
  ['input.command', 'command'],
  ['input.list[1].name', 'list'],
  ['input.a.b', 'a.b'],
  ['input.commands', undefined],
  ['input', undefined],
])('DECIDE-9: what the server refused stands at its field: %s', (field, name) => {
  const refused = new BooError('invalid_request', `${field}: is wrong`, { details: { field } });
  const input = { command: '', list: [], 'a.b': '' };
  expect(wrongField(input, refused)).toEqual({ name, message: `${field}: is wrong` });
});
