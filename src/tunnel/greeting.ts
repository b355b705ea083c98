import { FrameDecoder } from './decode.ts';
import { encodeFrame, encodeReason } from './encode.ts';
import { CloseCode, TunnelError } from './errors.ts';
import { FrameType } from './frame.ts';
import { decodeHello, type Hello } from './hello.ts';
import { HELLO_TIMEOUT_MS } from './limits.ts';
import { type Clock, type Link, systemClock } from './link.ts';

/**
 * Reads the hello of the end that dialled, which says what session the link is for: one that begins, or one that goes on.
 * The caller gives the link to its tunnel at once, as nothing else may come before the answer. Throws TunnelError; the
 * peer is then told why, and the link closed.
 */
export async function receiveHello(link: Link, clock: Clock = systemClock): Promise<Hello> {
  const decoder = new FrameDecoder();
  let cancel = () => {};
  try {
    return await new Promise<Hello>((resolve, reject) => {
      const lost = (why: string) => reject(new TunnelError(CloseCode.linkLost, why));
      cancel = clock.after(HELLO_TIMEOUT_MS, () => lost('no hello from the peer'));
      link.onClosed = (cause) => lost(`the link closed${cause ? `: ${cause.message}` : ''}`);
      link.onBytes = (chunk) => {
        try {
          for (const { type, payload } of decoder.push(chunk)) {
            if (type !== FrameType.hello)
              throw new TunnelError(CloseCode.protocolError, 'a frame before hello');
            return resolve(decodeHello(payload));
          }
        } catch (error) {
          reject(error as Error);
        }
      };
    });
  } catch (error) {
    const { code, message } = error as TunnelError;
    link.send([
      encodeFrame({ type: FrameType.close, stream: 0, sequence: 0, payload: encodeReason(code, message) }),
    ]);
    link.close();
    throw error;
  } finally {
    cancel();
  }
}
