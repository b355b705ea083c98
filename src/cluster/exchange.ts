import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

/** A connection may take this long (ms): through a proxy, with TLS, to another continent. */
const CONNECT_LIMIT_MS = 10_000;

/** Silence of this length (ms) ends a request: the API server itself gives up after a minute. */
const SILENCE_LIMIT_MS = 70_000;

export interface ApiRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** One request on one connection. Rejects as node:https does; ETIMEDOUT when nothing comes in time. */
export function exchange(
  url: string,
  request: ApiRequest,
  options: RequestOptions,
): Promise<IncomingMessage> {
  const { method = 'GET', headers, body, signal } = request;
  return new Promise((resolve, reject) => {
    const start = url.startsWith('https:') ? httpsRequest : httpRequest;
    const all = { ...options, method, headers: { ...options.headers, ...headers } };
    const outgoing = start(url, { ...all, ...(signal ? { signal } : {}) });
    const giveUp = () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }));
    const connecting = setTimeout(giveUp, CONNECT_LIMIT_MS);
    // Only when it is connected it can have been sent.
    for (const event of ['finish', 'close']) outgoing.once(event, () => clearTimeout(connecting));
    outgoing.setTimeout(SILENCE_LIMIT_MS, giveUp);
    let answered = false;
    outgoing.once('response', (response) => {
      answered = true;
      resolve(response);
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // The server closed a connection that nobody used, just as it was used again.
      const wasIdle = outgoing.reusedSocket && error.code === 'ECONNRESET' && !answered;
      if (wasIdle) resolve(exchange(url, request, options));
      else reject(error);
    });
    outgoing.end(body);
  });
}
