import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { KEY_IDENTITY, STRAIGHT_PROTOCOL, STRAIGHT_TLS } from '../tunnel/straight.ts';
import type { Cluster } from './client.ts';
import { HANDSHAKE_TIMEOUT_MS } from './port-forward.ts';
import { askToUpgrade } from './upgrade.ts';

export interface StraightTarget {
  pod: string;
  /** On the pod's address. */
  port: number;
  /** What the proxy has, too. */
  key: Buffer;
}

/**
 * Opens a stream to the pod's own address, past the node's kubelet and containerd: the API server connects there itself
 * (`pods/proxy`). Within it is TLS, since that way is not encrypted, and others reach that address as well. Rejects where the
 * API server may not, cannot or will not, and with the signal's reason where that aborts: a port-forward leads there as well.
 */
export async function openStraightStream(
  { api, namespace }: Cluster,
  { pod, port, key }: StraightTarget,
  signal: AbortSignal,
): Promise<Duplex> {
  const url = `${api.server}/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy/`;
  const { options } = await api.authorize();
  const answer = await askToUpgrade(url, { method: 'GET', protocol: STRAIGHT_PROTOCOL }, options, signal);
  if ('status' in answer) throw new Error(`HTTP ${answer.status}: ${answer.text}`);
  const { socket, begun } = answer;
  const stream = connect({
    ...STRAIGHT_TLS,
    socket,
    pskCallback: () => ({ identity: KEY_IDENTITY, psk: key }),
  });
  stream.on('error', () => {}); // told below, and later by the stream's user
  const limit = AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS);
  try {
    if (begun.length > 0) throw new Error('the other end spoke first');
    await once(stream, 'secureConnect', { signal: AbortSignal.any([signal, limit]) });
    // A key counts as a session that goes on. What is new began with a certificate, and whether those are looked at is up to
    // the environment.
    if (!stream.isSessionReused()) throw new Error('the other end has not the key of this session');
  } catch (error) {
    stream.destroy();
    signal.throwIfAborted();
    throw error;
  }
  stream.once('end', () => stream.destroy()); // a link has no half
  return stream;
}
