// thing1, thing2 and their like: says who it is and who asks.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const server = createServer(({ socket }, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({
      name: process.env.THING,
      hostname: hostname(),
      caller: socket.remoteAddress.replace(/^::ffff:/, ''),
    }),
  );
});
server.listen(8080);

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    server.close();
    setInterval(() => server.closeIdleConnections(), 20).unref();
  });
}
