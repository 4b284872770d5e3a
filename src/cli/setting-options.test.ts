import { expect, it } from 'vitest';
import { settingFlags } from './setting-options.ts';

it('passes on the settings among the options, and nothing else', () => {
  expect(settingFlags({ port: '1', dataDir: '/d', idleSeconds: '5', json: true, url: 'x' })).toEqual({
    port: '1',
    'data-dir': '/d',
    'idle-seconds': '5',
  });
});
