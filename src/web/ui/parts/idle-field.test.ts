import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { IdleField } from './idle-field.tsx';

const drawn = (value: number | null): string =>
  renderToStaticMarkup(createElement(IdleField, { value, onChange: () => {} }));

test('WEB-81: an idle limit can be chosen or left to the server, and one set elsewhere is shown', () => {
  expect(drawn(null)).toContain('<option value="" selected="">As long as the server does</option>');
  expect(drawn(900)).toContain('<option value="900" selected="">15 min</option>');
  expect(drawn(90)).toContain('<option value="60">1 min</option><option value="90" selected="">1 min 30 s</option>');
});
