import { expect, it } from 'vitest';
import { defaultDataDir, settings as configured } from '../config.ts';
import { settingFlags, settings, usualDataDir } from './settings.ts';

it('names the same settings as the configuration reads', () => {
  expect(settings).toEqual(configured);
});

it.each([{ XDG_DATA_HOME: '/data', HOME: '/home/a' }, { HOME: '/home/a' }, { XDG_DATA_HOME: '', HOME: '/home/a' }, {}])(
  'looks for a server where one keeps its data (%o)',
  (env) => {
    for (const name of ['boocode', 'boocode-demo'] as const) {
      expect(usualDataDir(env, name)).toBe(defaultDataDir(env, name));
    }
  },
);

it('passes on the settings among the options, and nothing else', () => {
  expect(settingFlags({ port: '1', dataDir: '/d', idleSeconds: '5', json: true, url: 'x' })).toEqual({
    port: '1',
    'data-dir': '/d',
    'idle-seconds': '5',
  });
});
