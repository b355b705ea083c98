import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { KEY_IDENTITY, STRAIGHT_PROTOCOL, STRAIGHT_TLS } from '../tunnel/straight.ts';
import type { Cluster } from './client.ts';
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
  if (begun.length > 0) socket.unshift(begun);
  const stream = connect({
    ...STRAIGHT_TLS,
    socket,
    pskCallback: () => ({ identity: KEY_IDENTITY, psk: key }),
    // Asked only where the other end shows a certificate instead of having the key.
    checkServerIdentity: () => new Error('the other end has not the key of this session'),
  });
  stream.on('error', () => {}); // told below, and later by the stream's user
  try {
    await once(stream, 'secureConnect', { signal });
  } catch (error) {
    stream.destroy();
    signal.throwIfAborted();
    throw error;
  }
  stream.once('end', () => stream.destroy()); // a link has no half
  return stream;
}
