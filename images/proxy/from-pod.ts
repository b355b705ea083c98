import type { Server } from 'node:net';
import { inboundServer } from './inbound.ts';
import { InboundUdp } from './inbound-udp.ts';
import type { Listeners } from './listeners.ts';

/**
 * Takes what the pod's other containers call on its loopback to the user's process. Nobody waits for that, and no other pod
 * answers: they see its process come and go as in a pod of its own. Not listening yet.
 */
export const fromPodServer = (port: number, listeners: Listeners): Server =>
  inboundServer({
    port,
    listeners: {
      waitMs: 0,
      wait: async () => listeners.answering,
      whileAnswering: (agent, over) => listeners.whileAnswering(agent, over),
      refused() {},
    },
    fallback: undefined,
    onAnswered() {},
    onUnanswered() {}, // the caller is told, by a reset; a sidecar may try for ever
  });

/** The same for datagrams: which are lost while nobody answers. */
export const fromPodDatagrams = (listeners: Listeners): InboundUdp =>
  new InboundUdp({
    listeners: { readyUdp: () => listeners.answering },
    fallback: undefined,
    onCaller() {},
    onAnswered() {},
    onUnanswered() {},
  });
