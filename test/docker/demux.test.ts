import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Demultiplexer } from '../../src/docker/demux.ts';

type Kind = 'stdout' | 'stderr';
interface Written {
  kind: Kind;
  bytes: Buffer;
}

/** The stream that Docker sends for these writes of the process. */
const encode = (writes: readonly Written[]) =>
  Buffer.concat(
    writes.flatMap(({ kind, bytes }) => {
      const header = Buffer.from([kind === 'stderr' ? 2 : 1, 0, 0, 0, 0, 0, 0, 0]);
      header.writeUInt32BE(bytes.length, 4);
      return [header, bytes];
    }),
  );

/** All that comes out, with neighbours of one kind put together. */
function decode(chunks: readonly Buffer[]): Written[] {
  const demultiplexer = new Demultiplexer();
  const result: Written[] = [];
  for (const chunk of chunks) {
    for (const { stderr, bytes } of demultiplexer.push(chunk)) {
      assert.ok(bytes.length > 0, 'an empty part means nothing');
      result.push({ kind: stderr ? 'stderr' : 'stdout', bytes: Buffer.from(bytes) });
    }
  }
  return together(result);
}

function together(writes: readonly Written[]): Written[] {
  const result: Written[] = [];
  for (const { kind, bytes } of writes) {
    const last = result.at(-1);
    if (last?.kind === kind) last.bytes = Buffer.concat([last.bytes, bytes]);
    else if (bytes.length > 0) result.push({ kind, bytes });
  }
  return result;
}

const writes = fc.array(
  fc.record({
    kind: fc.constantFrom<Kind>('stdout', 'stderr'),
    bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 12 },
);

describe('the stream of an attached process', () => {
  it('comes apart into stdout and stderr, in order, however it is cut', () => {
    fc.assert(
      fc.property(writes, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (written, sizes) => {
        const bytes = encode(written);
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(decode(chunks), together(written));
      }),
    );
  });

  it('comes apart byte for byte', () => {
    const written: Written[] = [
      { kind: 'stdout', bytes: Buffer.from('one') },
      { kind: 'stderr', bytes: Buffer.from('two') },
      { kind: 'stdout', bytes: Buffer.alloc(0) },
      { kind: 'stdout', bytes: Buffer.from('three') },
    ];
    const bytes = encode(written);
    assert.deepEqual(decode([...bytes].map((byte) => Buffer.from([byte]))), together(written));
  });

  it('gives what has arrived of a frame without waiting for its end', () => {
    const bytes = encode([{ kind: 'stdout', bytes: Buffer.alloc(1_000_000) }]);
    const parts = [...new Demultiplexer().push(bytes.subarray(0, 8 + 10))];
    assert.deepEqual(
      parts.map(({ bytes: part }) => part.length),
      [10],
    );
  });

  it('takes lengths of 32 bits', () => {
    const header = Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    const parts = [...new Demultiplexer().push(Buffer.concat([header, Buffer.alloc(100_000)]))];
    assert.equal(parts[0]?.bytes.length, 100_000);
  });
});
