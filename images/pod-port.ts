/** A port of the pod's loopback, where its containers meet. */
export interface PodPort {
  port: number;
  protocol: 'tcp' | 'udp';
}

/** As flags have it: 9901, 8125/udp. */
export const podPortText = ({ port, protocol }: PodPort): string =>
  protocol === 'udp' ? `${port}/udp` : `${port}`;
