import type { TerminalSocketConstructor } from '../client/client.ts';

/** The server pings every 15 seconds. */
const silenceMs = 45_000;

/** A WebSocket for Node versions without one. Loaded on demand. A silent server is given up. */
export async function loadSocket(): Promise<TerminalSocketConstructor> {
  const { WebSocket } = await import('ws');
  class NodeSocket extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { perMessageDeflate: false, handshakeTimeout: 30_000 });
      let timer = setTimeout(() => this.terminate(), silenceMs);
      const hear = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => this.terminate(), silenceMs);
      };
      this.on('ping', hear);
      this.on('message', hear);
      this.on('close', () => clearTimeout(timer));
    }

    /** Leaving does not wait for the server to agree. */
    override close(code?: number): void {
      super.close(code);
      setTimeout(() => this.terminate(), 500).unref();
    }
  }
  return NodeSocket as unknown as TerminalSocketConstructor;
}
