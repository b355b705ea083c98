import type { SynVerdict } from './held-syns.ts';
import {
  AF_NETLINK,
  checked,
  close,
  MSG_DONTWAIT,
  openSocket,
  recv,
  SOCK_RAW,
  send,
  setOption,
} from './libc.ts';
import { bindRequests, errnoOf, parsePackets, Verdict, verdictMessage } from './nfqueue.ts';
import { parseTcpEnds, type TcpEnds } from './packet.ts';
import { poll } from './polled.ts';
import { SYN_MARKS, SYN_QUEUE } from './rules.ts';

const NETLINK_NETFILTER = 12;
const SOL_NETLINK = 270;
const NETLINK_NO_ENOBUFS = 5;

/** IP and TCP headers at their longest. */
const COPY_BYTES = 128;
/** One read brings one message: the packet's beginning and what the kernel knows of it. */
const READ_BYTES = 4 * 1024;

export interface SynQueue {
  decide(id: number, verdict: SynVerdict): void;
  close(): void;
}

/** Opens the queue to which the rules send SYNs. Throws Error where the kernel has none, or another process reads it. */
export function openSynQueue(onSyn: (id: number, ends: TcpEnds) => void): SynQueue {
  const descriptor = checked(openSocket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), 'netlink');
  const tell = (message: Buffer) =>
    void checked(send(descriptor, message, message.length, MSG_DONTWAIT), 'NFQUEUE');
  try {
    for (const request of bindRequests(SYN_QUEUE, COPY_BYTES)) {
      tell(request);
      const answer = Buffer.alloc(READ_BYTES);
      const bytes = checked(recv(descriptor, answer, answer.length, MSG_DONTWAIT), 'NFQUEUE');
      const errno = errnoOf(answer.subarray(0, bytes));
      if (errno !== 0) throw new Error(`NFQUEUE: errno ${errno}`);
    }
    // A SYN that did not fit is sent again: no reason to stop reading.
    setOption(descriptor, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1, 'NETLINK_NO_ENOBUFS');
  } catch (error) {
    close(descriptor);
    throw error;
  }
  const decide = (id: number, verdict: SynVerdict) => {
    if (verdict === 'drop' || verdict === 'accept') tell(verdictMessage(SYN_QUEUE, id, Verdict[verdict]));
    else tell(verdictMessage(SYN_QUEUE, id, Verdict.accept, SYN_MARKS[verdict]));
  };
  const socket = poll(descriptor, READ_BYTES, (read) => {
    for (const { id, bytes } of parsePackets(read)) {
      const ends = parseTcpEnds(bytes);
      if (ends) onSyn(id, ends);
      else decide(id, 'drop');
    }
  });
  return { decide, close: () => void socket.destroy() };
}
