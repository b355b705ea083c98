// The service of the story: it answers with what thing1, thing2 and the cloud database say.
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import express from 'express';
import pg from 'pg';
import { probes } from './probes.js';
import { serveUntilSignal } from './serve.js';

// The line to edit while it runs.
const GREETING = 'Hello from servicename';

const database = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  connectionTimeoutMillis: 3000,
  max: 4,
});
database.on('error', (error) => console.error(`database: ${error.message}`));

let requests = 0;

const app = express();
app.use((_request, _response, next) => {
  requests++;
  next();
});
app.use(probes);
app.get('/', async (_request, response) => {
  const [thing1, thing2, orders] = await Promise.allSettled([
    ask('http://thing1/'),
    ask('http://thing2/'),
    database.query('select id, item, quantity from orders order by id'),
  ]);
  const failed = [thing1, thing2, orders].some((part) => part.status === 'rejected');
  response.status(failed ? 502 : 200).json({
    greeting: GREETING,
    hostname: hostname(),
    thing1: thing1.value ?? failure(thing1),
    thing2: thing2.value ?? failure(thing2),
    orders: orders.value?.rows ?? failure(orders),
  });
});

const metrics = createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain; version=0.0.4');
  response.end(`# TYPE servicename_requests_total counter\nservicename_requests_total ${requests}\n`);
});

await serveUntilSignal([
  [createServer(app), 8080],
  [metrics, 9090],
]);
await database.end();

async function ask(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(3000) });
  return response.json();
}

/** What went wrong, down to the cause: `fetch failed` alone says nothing. */
function failure({ reason }) {
  return { error: [reason, reason.cause].filter(Boolean).map(String).join(': ') };
}
