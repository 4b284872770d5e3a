import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, it } from 'vitest';
import type { Info } from '../../../protocol/info.ts';
import type { Session } from '../../state/session.ts';
import { createStore } from '../../state/store.ts';
import { SessionContext } from './session-context.ts';
import { InterruptedField } from './setting-fields.tsx';
import type { SettingsDraft } from './use-settings-draft.ts';

function drawn(values: object, continuesTurns: boolean): string {
  const engine = { name: 'engine', label: 'engine of the test', capabilities: { continuesTurns } };
  const info = createStore<Info | undefined>({ defaultBackend: 'engine', backends: [engine] } as unknown as Info);
  const draft = { values, set: () => {} } as unknown as SettingsDraft;
  const field = createElement(InterruptedField, { draft });
  return renderToStaticMarkup(createElement(SessionContext, { value: { info } as unknown as Session }, field));
}

it('WEB-69: says where an engine cannot continue an interrupted turn, if that was chosen', () => {
  const note = 'Turns on the engine of the test do not continue by themselves: they stop.';
  expect(drawn({ onInterrupted: 'continue' }, false)).toContain(note);
  expect(drawn({ onInterrupted: 'continue', backend: 'engine' }, false)).toContain(note);
  expect(drawn({ onInterrupted: 'continue' }, true)).not.toContain('<p');
  expect(drawn({ onInterrupted: 'stop' }, false)).not.toContain('<p');
  expect(drawn({ onInterrupted: 'continue', backend: 'another' }, false)).not.toContain('<p');
});
