import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import type Dockerode from 'dockerode';
import { agentLog } from '../../src/docker/network-log.ts';
import { collect } from '../collect.ts';

const stamp = (second: number) => `2026-01-01T00:00:0${second}.000000000Z`;

/** As Docker frames the output of a process without a terminal. */
function frame(text: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(1, 0);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

interface Fake {
  names: string[];
  labels?: Record<string, string>;
  /** What each reading gives. */
  readings: Buffer[][];
  asked?: object[];
}

const NEVER = new AbortController().signal;

/** A Docker with a session's two containers; the network container is gone when all readings are used up. */
async function read({ names, labels = {}, readings, asked = [] }: Fake, follow: boolean, signal = NEVER) {
  const container = {
    async logs(options: { follow: boolean }) {
      asked.push(options);
      const chunks = readings.shift() ?? [];
      return options.follow ? Readable.from(chunks) : Buffer.concat(chunks);
    },
    async inspect() {
      if (readings.length === 0) throw Object.assign(new Error('gone'), { statusCode: 404 });
      return { State: { Running: true } };
    },
  };
  const docker = {
    listContainers: async () => [
      { Id: 'user', Names: ['/shop'], Labels: labels },
      { Id: 'network', Names: names, Labels: labels },
    ],
    getContainer: (id: string) => {
      assert.equal(id, 'network');
      return container;
    },
  } as unknown as Dockerode;
  return (await collect(agentLog(docker, 'abc', { follow, signal }))).map(({ text }) => text);
}

describe("the agent's log", () => {
  it("is the network container's, by its own name or by that of a held session", async () => {
    const readings = () => [[frame(`${stamp(1)} one\n`), frame(`${stamp(2)} two\n`)]];
    assert.deepEqual(await read({ names: ['/tp-abc'], readings: readings() }, false), ['one', 'two']);
    const held = { names: ['/tp-shop'], labels: { 'tp/held': 'tp-shop' }, readings: readings() };
    assert.deepEqual(await read(held, false), ['one', 'two']);
    assert.deepEqual(await read({ names: ['/other'], readings: readings() }, false), []);
  });

  it('goes on over a Docker that restarts without saying a line twice, until the container is gone', async () => {
    const asked: object[] = [];
    const readings = [
      [frame(`${stamp(1)} one\n`), frame(`${stamp(2)} two\n`)],
      [frame(`${stamp(2)} two\n${stamp(3)} three\n`)],
    ];
    assert.deepEqual(await read({ names: ['/tp-abc'], readings, asked }, true), ['one', 'two', 'three']);
    assert.equal(asked.length, 2);
    assert.deepEqual((asked[1] as { since: number }).since, Date.parse(stamp(2)) / 1000);
  });
});
