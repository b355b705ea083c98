import { writeSync } from 'node:fs';
import { unreachableCode } from '../../src/tunnel/datagram.ts';
import { formatAddress, parseAddress } from '../address.ts';
import { Dns } from './dns.ts';
import { buildUnreachable } from './icmp.ts';
import { InboundUdp } from './inbound-udp.ts';
import { TUN } from './ip.ts';
import { buildUdp, parseUdp, type UdpPacket } from './packet.ts';
import { TUN_MTU } from './setup.ts';
import { openTun, type TunDevice } from './tun-device.ts';
import type { UdpRelay } from './udp.ts';

const DNS_PORT = 53;

/** The port in the relay under which DNS asks; no socket of the namespace has port 0. */
export const RESOLVER_PORT = 0;

export interface TunOptions {
  podAddresses: readonly string[];
  /** The pod's nameservers: what is sent there is answered by us. */
  nameservers: readonly string[];
  relay: UdpRelay;
}

/** The packets that leave the namespace: UDP goes through the tunnel, DNS by way of the resolver, the rest is dropped. */
export function serveTun(options: TunOptions): { device: TunDevice; dns: Dns; inbound: InboundUdp } {
  const { relay } = options;
  const pod = options.podAddresses.map(parseAddress);
  const nameservers = new Set(options.nameservers.map((text) => formatAddress(parseAddress(text))));

  const dns = new Dns({
    ask(query, server) {
      const datagram = { address: parseAddress(server), port: DNS_PORT, payload: query };
      // Others may send to the pod's socket too: only a nameserver's answer is one.
      relay.send(RESOLVER_PORT, datagram, ({ address, port, payload }) => {
        if (port === DNS_PORT && nameservers.has(formatAddress(address))) dns.answered(payload);
      });
    },
  });

  const reply = (to: UdpPacket, payload: Buffer, from = to.destination, port = to.destinationPort) =>
    write(
      buildUdp({
        source: from,
        sourcePort: port,
        destination: to.source,
        destinationPort: to.sourcePort,
        payload,
      }),
    );

  const write = (packet: Buffer) => {
    try {
      writeSync(device.descriptor, packet);
    } catch (error) {
      // EAGAIN: the namespace's queue is full, and a datagram is lost as on any network.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  };

  const inbound = new InboundUdp(pod, write);
  const device = openTun(TUN, TUN_MTU, (bytes) => {
    const packet = parseUdp(bytes);
    if (!packet || !pod.some((address) => packet.source.equals(address))) return;
    const destination = formatAddress(packet.destination);
    if (packet.destinationPort === DNS_PORT && nameservers.has(destination)) {
      return dns.query(packet.payload, destination, (response) => reply(packet, response));
    }
    if (inbound.take(packet)) return;
    const { destination: address, destinationPort: port, payload } = packet;
    relay.send(packet.sourcePort, { address, port, payload }, (datagram) => {
      const code = unreachableCode(datagram);
      if (code !== undefined) write(buildUnreachable(packet, code));
      else if (datagram.address.length === address.length) {
        reply(packet, datagram.payload, datagram.address, datagram.port);
      }
    });
  });
  return { device, dns, inbound };
}
