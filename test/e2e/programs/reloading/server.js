// A service that says which version of its code answers, and when that code began to run.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const VERSION = 'first';

let listeningAt = 0;
const server = createServer((_request, response) => {
  const { timeOrigin: startedAt } = performance;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ hostname: hostname(), version: VERSION, startedAt, listeningAt }));
});
server.listen(8080, () => {
  listeningAt = Date.now();
  console.log('listening');
});
process.once('SIGTERM', () => {
  server.close(() => process.exit());
  setInterval(() => server.closeIdleConnections(), 20);
});
