import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { answerText, HANDSHAKE_TIMEOUT_MS } from './port-forward.ts';

export interface UpgradeRequest {
  method: 'GET' | 'POST';
  /** What the connection is to become. */
  protocol: string;
  headers?: Readonly<Record<string, string>>;
}

/** A connection that has become what was asked for, and what came together with that answer. */
export interface Upgraded {
  socket: Socket;
  begun: Buffer;
}

/** The answer of who does not upgrade. */
export interface Refusal {
  status: number;
  text: string;
}

/**
 * Asks the API server to upgrade a connection (RFC 9110, section 7.8). Rejects as node:https does, and with the signal's reason where
 * that aborts before the answer.
 */
export async function askToUpgrade(
  url: string,
  { method, protocol, headers }: UpgradeRequest,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<Upgraded | Refusal> {
  const all = {
    ...options.headers,
    ...headers,
    Connection: 'Upgrade',
    Upgrade: protocol,
    ...(method === 'POST' && { 'Content-Length': '0' }),
  };
  signal.throwIfAborted();
  const start = url.startsWith('https:') ? httpsRequest : httpRequest;
  const outgoing = start(url, { agent: false, ...options, method, headers: all });
  // Not the request's own signal and timeout: those would hold for the stream, too.
  const limit = setTimeout(
    () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    HANDSHAKE_TIMEOUT_MS,
  );
  const aborted = () => outgoing.destroy(signal.reason as Error);
  signal.addEventListener('abort', aborted, { once: true });
  try {
    return await new Promise<Upgraded | Refusal>((resolve, reject) => {
      outgoing.on('error', reject);
      outgoing.on('upgrade', (_response, socket, begun) => {
        (socket as Socket).setNoDelay(true);
        resolve({ socket: socket as Socket, begun });
      });
      outgoing.on('response', (response) => {
        void answerText(response).then((text) => resolve({ status: response.statusCode ?? 0, text }));
      });
      outgoing.end();
    });
  } finally {
    clearTimeout(limit);
    signal.removeEventListener('abort', aborted);
  }
}
