/** The network of a run: namespaces where this process may create them, otherwise proxies on loopback. */
import type { ChaosNetwork, NetworkParts } from './host-network.ts';
import { canCreateNamespaces, namespaceNetwork } from './namespace-network.ts';
import { proxyNetwork } from './proxy-network.ts';

export type NetworkChoice = 'namespaces' | 'proxies';

export function chooseNetwork(): NetworkChoice {
  return canCreateNamespaces() ? 'namespaces' : 'proxies';
}

export function openNetwork(choice: NetworkChoice, parts: NetworkParts): Promise<ChaosNetwork> {
  return choice === 'namespaces' ? namespaceNetwork(parts) : proxyNetwork(parts);
}
