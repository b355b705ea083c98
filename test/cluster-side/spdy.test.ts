import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dataHead, finFrame, pingFrame, SpdyDecoder, synStreams } from '../../src/cluster/spdy.ts';

/** What a decoder hears of these chunks, a line each; data in a row of one stream as one line. */
function heard(chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const decoder = new SpdyDecoder({
    onData: (stream, bytes) => {
      const begin = `data ${stream} `;
      const text = bytes.toString('hex');
      const last = lines.at(-1);
      if (last?.startsWith(begin)) lines[lines.length - 1] = last + text;
      else lines.push(begin + text);
    },
    onFin: (stream) => void lines.push(`fin ${stream}`),
    onReset: (stream) => void lines.push(`reset ${stream}`),
    onPing: (id) => void lines.push(`ping ${id}`),
    onGoAway: () => void lines.push('go away'),
  });
  for (const chunk of chunks) decoder.push(chunk);
  return lines;
}

const control = (type: number, body: number[]) =>
  Buffer.from([0x80, 3, 0, type, 0, 0, 0, body.length, ...body]);
const data = (stream: number, bytes: Buffer) => Buffer.concat([dataHead(stream, bytes.length), bytes]);

describe('frames of SPDY', () => {
  it('are read however they are cut', () => {
    const streams = synStreams([{ id: 1, headers: { streamtype: 'error' } }]);
    const frames = Buffer.concat([
      streams,
      control(4, [0, 0, 0, 0]),
      data(3, Buffer.from('first')),
      finFrame(1),
      pingFrame(2),
      data(3, Buffer.alloc(70_000, 7)),
      control(3, [0, 0, 0, 3, 0, 0, 0, 1]),
      control(7, [0, 0, 0, 3, 0, 0, 0, 0]),
    ]);
    const whole = heard([frames]);
    assert.deepEqual(
      whole.map((line) => line.slice(0, 20)),
      ['data 3 6669727374', 'fin 1', 'ping 2', 'data 3 0707070707070', 'reset 3', 'go away'],
    );
    fc.assert(
      fc.property(fc.array(fc.nat(frames.length), { maxLength: 30 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), frames.length];
        const chunks = at.slice(1).map((end, index) => frames.subarray(at[index], end));
        assert.deepEqual(heard(chunks), whole);
      }),
    );
  });

  it('hand data on without a copy', () => {
    const bytes = data(3, Buffer.from('abcdef'));
    const parts: Buffer[] = [];
    const nothing = () => {};
    const decoder = new SpdyDecoder({
      onData: (_stream, part) => void parts.push(part),
      onFin: nothing,
      onReset: nothing,
      onPing: nothing,
      onGoAway: nothing,
    });
    decoder.push(bytes);
    assert.equal(parts[0]?.buffer, bytes.buffer);
  });

  it('of another version, or longer than any that is needed, are refused', () => {
    assert.throws(() => heard([Buffer.from([0x80, 2, 0, 4, 0, 0, 0, 0])]), /not SPDY/);
    assert.throws(() => heard([Buffer.from([0x80, 3, 0, 4, 0, 1, 0, 1])]), /not SPDY/);
    assert.throws(() => heard([Buffer.from('HTTP/1.1 400 Bad Request').fill(0xff, 0, 1)]), /not SPDY/);
  });
});
