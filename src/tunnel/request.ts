import { CloseCode, TunnelError } from './errors.ts';

/** What a stream is opened for: the JSON payload of its `open` frame. The table is in docs/protocol.md. */
export type StreamRequest =
  /** Agent to proxy: dial this address from the pod; accepted when the peer accepted. */
  | { kind: 'tcp'; host: string; port: number }
  /** Agent to proxy: one UDP socket in the pod, connected to `peer` if there is one; both ways carry datagrams (datagram.ts). */
  | { kind: 'udp'; peer?: { address: string; port: number } }
  /** Agent to proxy: messages (message.ts) that say which ports of the pod the user's process listens on. */
  | { kind: 'listeners' }
  /** Proxy to agent: a connection that reached the pod; accepted when the user's process accepted. */
  | { kind: 'inbound'; port: number; peer: { address: string; port: number } }
  /** Proxy to agent: datagrams of one caller, for a UDP port of the pod; both ways carry datagrams, whose address is the caller's. */
  | { kind: 'inbound-udp'; port: number; peer: { address: string; port: number } }
  /** Agent to proxy: what is mounted at this path of the pod, as soon as it is not the version `after` any more; see files.ts. */
  | { kind: 'files'; path: string; after?: string }
  /** Agent to proxy: all that is mounted at this path of the pod, up to so many bytes; see files.ts. */
  | { kind: 'copy'; path: string; maxBytes: number }
  /** CLI to proxy: one question, one answer, as messages; see control.ts. */
  | { kind: 'call' }
  /** CLI to proxy: messages about what happens in the pod, until either side ends. */
  | { kind: 'events' };

export const encodeRequest = (request: StreamRequest): Buffer => Buffer.from(JSON.stringify(request));

const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65536;

function isEnd(value: unknown): value is { address: string; port: number } {
  const { address, port } = (value ?? {}) as { address?: unknown; port?: unknown };
  return typeof address === 'string' && isPort(port);
}

/** Reads a peer's request. Throws TunnelError (protocolError) when it is none. */
export function decodeRequest(payload: Buffer): StreamRequest {
  let value: Partial<Record<string, unknown>>;
  try {
    value = JSON.parse(payload.toString('utf8')) ?? {};
  } catch {
    throw new TunnelError(CloseCode.protocolError, 'a request that is not JSON');
  }
  const { kind, host, port } = value;
  const { path, after } = value;
  const peer: unknown = value.peer;
  if (kind === 'udp' && !peer) return { kind };
  if (kind === 'udp' && isEnd(peer)) return { kind, peer: { address: peer.address, port: peer.port } };
  if (kind === 'listeners' || kind === 'call' || kind === 'events') return { kind };
  if (kind === 'tcp' && typeof host === 'string' && isPort(port)) return { kind, host, port };
  if (kind === 'files' && typeof path === 'string' && (after === undefined || typeof after === 'string')) {
    return { kind, path, ...(after !== undefined && { after }) };
  }
  const { maxBytes } = value;
  if (kind === 'copy' && typeof path === 'string' && Number.isSafeInteger(maxBytes)) {
    return { kind, path, maxBytes: maxBytes as number };
  }
  if ((kind === 'inbound' || kind === 'inbound-udp') && isPort(port) && isEnd(peer)) {
    return { kind, port, peer: { address: peer.address, port: peer.port } };
  }
  throw new TunnelError(CloseCode.protocolError, `an unknown request: ${JSON.stringify(kind)?.slice(0, 40)}`);
}
