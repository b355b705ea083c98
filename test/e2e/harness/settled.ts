import { inCluster } from './cluster.ts';

/**
 * Answers in a row, each on a new connection, from which a Service leads to one place only: the node's rules follow the
 * endpoints up to a second later, and until then lead to all pods that were ready together.
 */
const IN_A_ROW = 20;

const PAUSE_MS = 50;

/** Resolves when the Service's answers have this version, again and again. Throws when they do not within `limitMs`. */
export async function settled(url: string, version: string, limitMs = 10_000): Promise<void> {
  const script = `
    import { get } from 'node:http';
    import { setTimeout as delay } from 'node:timers/promises';
    const [url, wanted] = process.argv.slice(2);
    const ask = () => new Promise((resolve, reject) => {
      get(url, { agent: false, timeout: ${limitMs} }, async (response) => {
        try {
          resolve(JSON.parse(await response.setEncoding('utf8').reduce((text, part) => text + part, '')).version);
        } catch (error) {
          reject(error);
        }
      }).on('error', reject);
    });
    const end = performance.now() + ${limitMs};
    for (let row = 0, found; row < ${IN_A_ROW}; await delay(${PAUSE_MS})) {
      found = await ask();
      row = found === wanted ? row + 1 : 0;
      if (performance.now() > end) throw new Error('still ' + found);
    }
    process.exit(0);`;
  await inCluster(script, url, version);
}
