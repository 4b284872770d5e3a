import { Agent, request } from 'node:http';
import { once } from 'node:events';

/** A client with kept-alive connections: no connection is opened within a measured turn. */
export function openHttp(url, token) {
  const agent = new Agent({ keepAlive: true });
  const authorization = `Bearer ${token}`;
  /** A kept connection can be closed by the server at the moment in which it is used again: then the request takes another. */
  async function send(path, { headers, body, ...options }) {
    for (;;) {
      const sent = request(new URL(path, url), { ...options, agent, headers });
      sent.end(body);
      try {
        const [response] = await once(sent, 'response');
        return { sent, response };
      } catch (error) {
        if (!sent.reusedSocket || error.code !== 'ECONNRESET') throw error;
      }
    }
  }
  return {
    async json(method, path, body) {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = { authorization, ...(text === undefined ? {} : { 'content-type': 'application/json' }) };
      const { response } = await send(path, { method, headers, body: text });
      let answer = '';
      for await (const chunk of response.setEncoding('utf8')) answer += chunk;
      if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${answer}`);
      return answer === '' ? undefined : JSON.parse(answer);
    },
    /** The response of an SSE request, still streaming. */
    async stream(path) {
      const { sent, response } = await send(path, { headers: { authorization, accept: 'text/event-stream' } });
      // A stream that its reader has closed may still be reset by the server.
      sent.on('error', (error) => response.destroy(error));
      if (response.statusCode !== 200) throw new Error(`GET ${path}: ${response.statusCode}`);
      return response.setEncoding('utf8');
    },
    /** A file's size as sent to a browser. */
    async compressedBytes(path) {
      const { response } = await send(path, { headers: { 'accept-encoding': 'gzip' } });
      if (response.statusCode !== 200 || response.headers['content-encoding'] !== 'gzip') {
        throw new Error(
          `GET ${path}: ${response.statusCode}, ${response.headers['content-encoding'] ?? 'not compressed'}`,
        );
      }
      let bytes = 0;
      for await (const chunk of response) bytes += chunk.length;
      return bytes;
    },
    close: () => agent.destroy(),
  };
}
