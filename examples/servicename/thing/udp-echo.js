// Sends every datagram back to its sender.
import { createSocket } from 'node:dgram';

const socket = createSocket('udp4');
socket.on('message', (message, sender) => socket.send(message, sender.port, sender.address));
socket.bind(7777);

for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => socket.close());
