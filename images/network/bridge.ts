/** Joins stdin and stdout to the agent's socket: a link through `docker exec`, where no directory is shared. */
import { connect, Socket } from 'node:net';
import { LINK_DIRECTORY, LINK_SOCKET } from './messages.ts';

const input = new Socket({ fd: 0, readable: true, writable: false });
const output = new Socket({ fd: 1, readable: false, writable: true });
const agent = connect(`${LINK_DIRECTORY}/${LINK_SOCKET}`);
for (const side of [input, output, agent]) {
  side.on('error', (error) => {
    console.error(`tp bridge: ${error.message}`);
    process.exit(1);
  });
}
input.pipe(agent).pipe(output);
agent.on('close', () => process.exit(0));
