/** In the pod of the bench: sends what it is asked for, or sums what it is sent. Nothing else is between it and the wire. */
import { createServer, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { pseudoRandom } from '../client/bytes.ts';
import { writeAll } from './bytes-on-stream.ts';
import { RAW_PORT, type RawTask } from './protocol.ts';

async function serve(socket: Socket): Promise<void> {
  let head = Buffer.alloc(0);
  let task: RawTask | undefined;
  let crc = 0;
  let left = 0;
  // Left open: what is written last has to leave, too.
  const parts: AsyncIterable<Buffer> = socket.iterator({ destroyOnReturn: false });
  for await (const part of parts) {
    let bytes = part;
    if (!task) {
      head = Buffer.concat([head, part]);
      const end = head.indexOf('\n');
      if (end < 0) continue;
      task = JSON.parse(head.subarray(0, end).toString('utf8')) as RawTask;
      left = task.bytes;
      bytes = head.subarray(end + 1);
      if (task.sender === 'pod') {
        await writeAll(socket, pseudoRandom(task.bytes, task.seed));
        return;
      }
    }
    crc = crc32(bytes, crc);
    left -= bytes.length;
    if (left > 0) continue;
    socket.write(`${crc}\n`);
    return;
  }
}

const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {}); // a client that leaves is no fault
  serve(socket).then(
    () => socket.end(),
    (error: Error) => socket.destroy(error),
  );
});
server.listen(RAW_PORT, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
