import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAfter, type LogLine, merged, timedLines } from '../../src/log-lines.ts';
import { collect } from '../collect.ts';

async function linesOf(...chunks: (string | Buffer)[]): Promise<LogLine[]> {
  async function* source() {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  return await collect(timedLines(source()));
}

describe('lines of a log', () => {
  it('are put together from whatever chunks they come in', async () => {
    const text = Buffer.from('2026-01-01T00:00:00.5Z grüß dich\n2026-01-01T00:00:01Z two words');
    const one = [...text].map((byte) => Buffer.from([byte]));
    const expected = [
      { time: '2026-01-01T00:00:00.5Z', text: 'grüß dich' },
      { time: '2026-01-01T00:00:01Z', text: 'two words' },
    ];
    assert.deepEqual(await linesOf(text), expected);
    assert.deepEqual(await linesOf(...one), expected);
    assert.deepEqual(await linesOf('2026-01-01T00:00:01Z \n'), [{ time: '2026-01-01T00:00:01Z', text: '' }]);
    assert.deepEqual(await linesOf(), []);
  });

  it('do not grow without end where a sender ends none', async () => {
    const [line] = await linesOf(
      '2026-01-01T00:00:01Z ',
      ...Array.from({ length: 100 }, () => 'x'.repeat(1_000)),
    );
    assert.ok((line?.text.length ?? 0) < 20_000);
  });

  it('are compared by their times to the last digit, in whatever zone', () => {
    const line = (time: string): LogLine => ({ time, text: '' });
    assert.ok(isAfter(line('2026-01-01T00:00:00.000000002Z'), '2026-01-01T00:00:00.000000001Z'));
    assert.ok(!isAfter(line('2026-01-01T00:00:00.000000001Z'), '2026-01-01T00:00:00.000000001Z'));
    assert.ok(!isAfter(line('2026-01-01T01:00:00.1+01:00'), '2026-01-01T00:00:00.100000000Z'));
    assert.ok(isAfter(line('2026-01-01T00:00:00.15Z'), '2026-01-01T00:00:00.1Z'));
    assert.ok(isAfter(line('2026-01-01T00:00:00Z'), undefined));
  });

  it('of several logs are one by their times', () => {
    const of = (part: string, ...seconds: number[]) =>
      seconds.map((second) => ({ time: `2026-01-01T00:00:0${second}Z`, text: part }));
    const texts = merged([of('a', 1, 3), of('b', 1, 2, 4)]).map(({ text }) => text);
    assert.deepEqual(texts, ['a', 'b', 'b', 'a', 'b']);
  });
});
