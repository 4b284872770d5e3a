import { expect, test } from 'vitest';
import { type DatabaseOptions, openDatabase } from './database.ts';
import { padding } from './database-socket.ts';

/** What the driver was told. It connects only when something is asked. */
interface Options {
  pass: () => string;
  backoff: () => number;
  onnotice: (notice: object) => void;
  types: Record<string, { serialize: (it: unknown) => string; parse: (it: string) => unknown }>;
  socket?: unknown;
}
const optionsFor = (url: string, options?: DatabaseOptions): Options =>
  openDatabase(url, options).options as unknown as Options;

const limits = { idle_in_transaction_session_timeout: 1500, statement_timeout: 30_000 };

test('DATA-11: everything the driver would take from the environment is said to it', () => {
  const options = optionsFor('postgres://me:p%40@db:6000/work?application_name=mine&connect_timeout=3');
  expect(options).toMatchObject({
    host: ['db'],
    port: [6000],
    path: false,
    database: 'work',
    user: 'me',
    ssl: false,
    sslnegotiation: null,
    target_session_attrs: undefined,
    max: 10,
    max_pipeline: 100,
    connect_timeout: 4,
    idle_timeout: 0,
    max_lifetime: null,
    keep_alive: 60,
    prepare: true,
    debug: false,
    publications: '',
    fetch_types: false,
    connection: { application_name: 'mine', ...padding, ...limits },
    socket: expect.any(Function) as unknown,
  });
  expect(options.pass()).toBe('p@');
  expect(options.backoff()).toBe(0.05);
  expect(process.env).not.toHaveProperty('PGTARGETSESSIONATTRS');
});

test('several hosts share one limit for connecting, and each has its own port', () => {
  const options = optionsFor('postgres://me@one:1,two:2/x?connect_timeout=3', { max: 2, oneAtATime: true });
  expect(options).toMatchObject({
    host: ['one', 'two'],
    port: [1, 2],
    connect_timeout: 7,
    target_session_attrs: 'read-write',
    max: 2,
    max_pipeline: 0,
  });
  expect(optionsFor('postgres://me@one/x', { oneAtATime: false })).toMatchObject({ max_pipeline: 100 });
});

test('a directory leads to the socket in it, for which the driver needs no help', () => {
  const options = optionsFor('postgres:///x?host=/run/pg&port=5433&user=me');
  expect(options).toMatchObject({ path: '/run/pg/.s.PGSQL.5433', database: 'x', user: 'me', socket: undefined });
  expect((options as unknown as { connection: object }).connection).toEqual({ application_name: 'boocode', ...limits });
});

test('DATA-13: a pooler gets no settings that it would refuse, and no named statements', () => {
  const connection = { application_name: 'boocode', ...padding };
  expect(optionsFor('postgres://me@db/x?pgbouncer=true')).toMatchObject({ prepare: false, connection });
  expect(optionsFor('postgres://me@db/x', { isPooled: true })).toEqual(
    expect.objectContaining({ prepare: false, connection }) as unknown,
  );
  expect(optionsFor('postgres://me@db/x?pgbouncer=true', { isPooled: false })).toMatchObject({
    prepare: true,
    connection: limits,
  });
});

test('values keep their meaning: JSON stays text, and counters are numbers', () => {
  const { bigint, json } = optionsFor('postgres://me@db/x').types;
  expect([bigint?.serialize(7), bigint?.parse('9007199254740991')]).toEqual(['7', 2 ** 53 - 1]);
  expect([json?.serialize('{"a": 1}'), json?.parse('{"a": 1}')]).toEqual(['{"a": 1}', '{"a": 1}']);
  expect(bigint).toMatchObject({ to: 20, from: [20] });
  expect(json).toMatchObject({ to: 114, from: [114, 3802] });
});

test('the server’s notices are passed on as text, if anybody wants them', () => {
  const said: string[] = [];
  const { onnotice } = optionsFor('postgres://me@db/x', { onNotice: (text) => said.push(text) });
  onnotice({ message: 'hello' });
  onnotice({});
  expect(said).toEqual(['hello', '']);
  expect(() => optionsFor('postgres://me@db/x').onnotice({ message: 'hello' })).not.toThrow();
});
