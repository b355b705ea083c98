import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The end of what the client says is kept (bytes), to explain its failure. */
const STDERR_BYTES = 1_000;

/** Runs Docker's client, which has the user's logins. Returns why it failed; undefined where it did not. */
export async function failureOf(args: readonly string[]): Promise<string | undefined> {
  const client = spawn('docker', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  client.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-STDERR_BYTES);
  });
  const [code] = (await once(client, 'close')) as [number | null];
  return code === 0 ? undefined : said.trim() || `docker ${args[0]}: exit ${code}`;
}
