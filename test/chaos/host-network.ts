/** How a host of a run reaches its database and the other hosts, and how it is cut off from either. */

export type Side = 'database' | 'peers';

export interface HostNetwork {
  /** Put before the host's command. */
  readonly prefix: readonly string[];
  /** The address it listens on, and tells the others. */
  readonly env: Readonly<Record<string, string>>;
  /** The database as this host reaches it. */
  databaseUrl(applicationName: string): string;
  /** The demo model as its agents reach it. */
  readonly modelUrl: string;
  /** Nothing passes any more, and neither side is told; or, with `refuse`, connections break at once where that can be done. */
  cut(side: Side, how: 'stall' | 'refuse'): Promise<void>;
  heal(): Promise<void>;
}

export interface ChaosNetwork {
  readonly kind: 'namespaces' | 'proxies';
  /** What the names of its namespaces and links begin with. */
  readonly name: string;
  readonly hosts: readonly HostNetwork[];
  close(): Promise<void>;
}

export interface NetworkParts {
  hosts: number;
  /** Of a Postgres that listens on all addresses. */
  databaseUrl: string;
  modelUrl: string;
  /** A directory for sockets. */
  folder: string;
}

/** The database's address, told from another place, and with a name for who connects. */
export function databaseAt(
  databaseUrl: string,
  place: { host: string; port?: number },
  applicationName: string,
): string {
  const url = new URL(databaseUrl);
  url.hostname = place.host;
  if (place.port !== undefined) url.port = String(place.port);
  url.searchParams.set('sslmode', 'disable');
  url.searchParams.set('application_name', applicationName);
  return url.href;
}
