/** The guardian: scales the originals back when the session that took their place does not renew its lease any more. */
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterPowers } from './cluster-api.ts';
import { GUARDIAN_HEALTH_PORT, readGuardianConfig } from './config.ts';
import { type Finding, Guard } from './guard.ts';

/** How often it looks at the lease (ms): short against the lease's duration, and little work for an API server. */
const LOOK_MS = 2_000;

const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);

const config = readGuardianConfig(dirname(process.argv[1] ?? '.'));
const powers = clusterPowers(config);
const guard = new Guard(powers);
let able = false;
let last: Finding | undefined;

process.on('SIGTERM', () => process.exit(0));
createServer((_request, response) => response.writeHead(able ? 200 : 503).end()).listen(GUARDIAN_HEALTH_PORT);

for (;;) {
  try {
    if (!able) await powers.check();
    const found = await guard.look(performance.now());
    able = true;
    if (found !== last) log(`${config.resource}/${config.name}, ${config.replicas} replicas: ${found}`);
    last = found;
  } catch (error) {
    log((error as Error).message);
  }
  await sleep(LOOK_MS);
}
