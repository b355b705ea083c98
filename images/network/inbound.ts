import { connect, type Socket } from 'node:net';
import { ResetCode, resetCodeOf } from '../../src/tunnel/errors.ts';
import type { TunnelStream } from '../../src/tunnel/stream.ts';
import { splice } from '../splice.ts';

export interface InboundDialOptions {
  /** The user's process: its port, and the addresses to try in turn. */
  port: number;
  addresses: readonly string[];
  /** The process refused everywhere: it is restarting. */
  onRefused(): void;
  /** It answered, but not at the first address. */
  onOnlyAt(address: string): void;
}

/** Brings a connection from the cluster to the user's process; the stream is accepted when the process accepted. */
export function dialProcess(stream: TunnelStream, options: InboundDialOptions): void {
  const { port, addresses } = options;
  let socket: Socket | undefined;
  const gone = () => socket?.destroy();
  stream.once('error', gone).once('close', gone);
  const attempt = (index: number) => {
    const host = addresses[index];
    if (stream.destroyed) return;
    if (!host) {
      options.onRefused();
      return stream.reset(ResetCode.connectionRefused, 'the process does not listen');
    }
    const dialled = connect({ host, port, allowHalfOpen: true, noDelay: true });
    socket = dialled;
    const failed = (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') attempt(index + 1);
      else stream.reset(resetCodeOf(error), error.message);
    };
    dialled.once('error', failed);
    dialled.once('connect', () => {
      dialled.off('error', failed);
      stream.off('error', gone).off('close', gone);
      if (index > 0) options.onOnlyAt(host);
      stream.accept();
      splice(dialled, stream);
    });
  };
  attempt(0);
}
