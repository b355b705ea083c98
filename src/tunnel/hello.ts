import { CloseCode, TunnelError } from './errors.ts';
import { PROTOCOL_VERSION } from './frame.ts';

/** Who speaks: the agent in the network container, the CLI's control session, or the proxy in the pod. */
export type Role = 'agent' | 'control' | 'proxy';
const ROLES: readonly string[] = ['agent', 'control', 'proxy'];

/** What each end says first. */
export interface Hello {
  role: Role;
  /** The session that the link belongs to: chosen by the end that dialled, repeated by the other. */
  session: string;
  /** Bytes that the peer may send on each new stream before the first credit. */
  window: number;
  /** Streams that may be open at once, whoever opened them. */
  streams: number;
  /** The sequence number that is expected next; 0 on the first link of a session. */
  expected: number;
}

const MAGIC = Buffer.from('tp');

/** The payload of `hello`: `tp`, the version as 16 bits, then JSON. */
export function encodeHello(hello: Hello): Buffer {
  const head = Buffer.allocUnsafe(4);
  MAGIC.copy(head);
  head.writeUInt16BE(PROTOCOL_VERSION, 2);
  return Buffer.concat([head, Buffer.from(JSON.stringify(hello))]);
}

/** Reads a peer's `hello`. Throws TunnelError: versionMismatch for another version, protocolError for anything malformed. */
export function decodeHello(payload: Buffer): Hello {
  if (!payload.subarray(0, 2).equals(MAGIC)) throw malformed('no magic');
  const version = payload.readUInt16BE(2);
  if (version !== PROTOCOL_VERSION) {
    throw new TunnelError(
      CloseCode.versionMismatch,
      `the peer speaks version ${version} of the tunnel, this is version ${PROTOCOL_VERSION}`,
    );
  }
  let value: Partial<Hello> | null;
  try {
    value = JSON.parse(payload.toString('utf8', 4)) as Partial<Hello> | null;
  } catch {
    throw malformed('not JSON');
  }
  const { role, session, window, streams, expected } = value ?? {};
  if (!role || !ROLES.includes(role)) throw malformed('role');
  if (typeof session !== 'string' || !/^[a-z0-9-]{1,63}$/.test(session)) throw malformed('session');
  if (!isCount(window) || !isCount(streams) || !isCount(expected)) throw malformed('a number');
  return { role, session, window, streams, expected };
}

const malformed = (what: string) => new TunnelError(CloseCode.protocolError, `a malformed hello: ${what}`);

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
