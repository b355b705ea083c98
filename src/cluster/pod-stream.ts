import type { RequestOptions } from 'node:https';
import { Duplex } from 'node:stream';
import { TpError } from '../errors.ts';
import type { ApiClient } from './api-client.ts';
import type { Cluster } from './client.ts';
import { refusal } from './port-forward.ts';
import { askForSpdy } from './spdy-stream.ts';
import { openWebSocketStream } from './websocket-stream.ts';

/** Answers by which it may not be the pod or the login that is refused, but the method or the upgrade. */
const NOT_THE_WAY = new Set([400, 405, 426, 501, 502, 503]);

/** API servers that refused SPDY and took a WebSocket, as behind a proxy that knows no more; they are not asked again. */
const withoutSpdy = new WeakSet<ApiClient>();

/**
 * Opens a stream to `port` on the pod's loopback, through the API server: by SPDY, which costs the node the least, else by a
 * WebSocket (docs/adr/0029-spdy-for-the-tunnel.md). Throws TpError when the API server refuses.
 */
export async function openPodStream(
  cluster: Cluster,
  pod: string,
  port: number,
  signal: AbortSignal,
): Promise<Duplex> {
  const { api, namespace } = cluster;
  const url = `${api.server}/api/v1/namespaces/${namespace}/pods/${pod}/portforward`;
  const { options, refused } = await api.authorize();
  try {
    return await open(api, url, port, options, signal);
  } catch (error) {
    if (!(error instanceof TpError) || error.code !== 'TP_LOGIN_EXPIRED' || !refused()) throw error;
    return await open(api, url, port, (await api.authorize()).options, signal);
  }
}

async function open(
  api: ApiClient,
  url: string,
  port: number,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<Duplex> {
  const answer = withoutSpdy.has(api)
    ? undefined
    : await orCut(askForSpdy(url, port, options, signal), signal);
  if (answer instanceof Duplex) {
    answer.on('error', () => {}); // told later by the stream's user
    return answer;
  }
  if (answer && !NOT_THE_WAY.has(answer.status)) throw refusal(answer.status, answer.text);
  const stream = await openWebSocketStream(api, url, port, options, signal);
  if (answer) withoutSpdy.add(api);
  return stream;
}

/** Undefined where the connection failed: what is tried next meets the same and tells it, unless it was for the upgrade. */
async function orCut<T>(asked: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return await asked.catch(() => {
    signal.throwIfAborted();
    return undefined;
  });
}
