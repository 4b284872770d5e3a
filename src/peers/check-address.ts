import type { Log } from '../lib/log.ts';
import type { Sql } from '../store/database.ts';
import { findHostsAt, silentAfterMs } from '../store/hosts.ts';
import { callPeer } from './peer-connection.ts';
import { hostItself, type Peers } from './peers.ts';
import { forwardedHeader, hostHeader } from './signature.ts';

const limitMs = 10_000;

export interface CheckedAddress {
  sql: Sql;
  peers: Pick<Peers, 'sign'>;
  hostId: string;
  address: string;
  logger: Log;
}

/** Warns if other hosts would not reach this one under the address that it tells them. Never throws. */
export async function checkAddress({ sql, peers, hostId, address, logger }: CheckedAddress): Promise<void> {
  const warn = (problem: string, err?: unknown): void => logger.warn({ err, address }, `The advertise URL ${problem}.`);
  try {
    const others = await findHostsAt(sql, address, hostId, silentAfterMs);
    if (others.length > 0) return warn(`is that of another host too: ${others.join(', ')}. Each needs one of its own`);
    const request = { to: hostId, method: 'GET', target: '/v1/info', body: new Uint8Array() };
    const headers = { [forwardedHeader]: peers.sign({ ...request, principal: hostItself }) };
    const answer = await callPeer({ ...request, address, headers, signal: AbortSignal.timeout(limitMs) });
    const found = answer.headers[hostHeader];
    answer.destroy();
    if (found === undefined) warn('leads to something else than this host');
    else if (found !== hostId) warn(`leads to another host: ${String(found)}`);
  } catch (err) {
    warn('cannot be reached from this host; others may reach it nevertheless', err);
  }
}
