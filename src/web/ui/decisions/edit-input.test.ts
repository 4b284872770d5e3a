import { expect, it } from 'vitest';
import { BooError } from '../../../protocol/error.ts';
import { fieldsOf, inputOf, wrongField } from './edit-input.tsx';

it('DECIDE-3: input that was not edited is returned unchanged', () => {
  const input = JSON.parse(
    '{"command": "echo a\\rrm b\\r\\nx", "n": 5, "__proto__": {"a": 1}, "text": "a\\nb"}',
  ) as Record<string, unknown>;
  const fields = fieldsOf(input);
  // A text field would turn carriage returns into line feeds.
  expect(Object.values(fields).some((text) => text.includes('\r'))).toBe(false);
  const result = inputOf(input, fields);
  expect('input' in result && JSON.stringify(result.input)).toBe(JSON.stringify(input));
});

it('names the field that is not valid JSON', () => {
  expect(inputOf({ n: 5 }, { n: 'five' })).toEqual({ wrong: 'n' });
});

it.each([
  ['input.command', 'command'],
  ['input.list[1].name', 'list'],
  ['input.a.b', 'a.b'],
  ['input.commands', undefined],
  ['input', undefined],
])('DECIDE-9: assigns an error of the server to its field: %s', (field, name) => {
  const refused = new BooError('invalid_request', `${field}: is wrong`, { details: { field } });
  const input = { command: '', list: [], 'a.b': '' };
  expect(wrongField(input, refused)).toEqual({ name, message: `${field}: is wrong` });
});
