/** A port as people write it: that of UDP with `/udp` behind it. */
export const portText = (port: number | string, protocol?: 'UDP'): string =>
  protocol ? `${port}/udp` : `${port}`;
