import { Command } from 'commander';
import { expect, it } from 'vitest';
import { addSettings, settingFlags } from './setting-options.ts';

it('passes on the settings among the options, and nothing else', () => {
  expect(settingFlags({ port: '1', dataDir: '/d', idleSeconds: '5', json: true, url: 'x' })).toEqual({
    port: '1',
    'data-dir': '/d',
    'idle-seconds': '5',
  });
});

it('ROOT-2: a root can be named several times', () => {
  const command = new Command();
  addSettings(command);
  command.parse(['--workspace-root', '/a', '--workspace-root', '/b', '--port', '1', '--port', '2'], { from: 'user' });
  expect(settingFlags(command.opts())).toEqual({ 'workspace-root': '/a:/b', port: '2' });
});
