import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { Progress, STEP_CHANNEL } from '../../src/progress.ts';

/** Somewhere to write to, and what was written. */
function output(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  const stream = { isTTY, columns, write: (text: string) => (written.push(text), true) };
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => written.join('') };
}

/** What a person sees of it in the end: lines, with what was erased gone. Throws on any other escape than erasing. */
function screen(text: string): string[] {
  let lines: string[] = [''];
  for (const [token] of text.matchAll(/\x1b\[(\d+)A\x1b\[0J|\r\n|\n|[^\x1b\r\n]+|\x1b\[\d+m/g)) {
    const up = /^\x1b\[(\d+)A/.exec(token)?.[1];
    if (up !== undefined) {
      assert.equal(lines.at(-1), '', 'erases from the beginning of a line');
      assert.ok(Number(up) < lines.length, 'erases more lines than there are');
      lines = [...lines.slice(0, lines.length - 1 - Number(up)), ''];
    } else if (token === '\n' || token === '\r\n') lines.push('');
    else if (!token.startsWith('\x1b')) lines[lines.length - 1] += token;
  }
  assert.equal(lines.pop(), '');
  return lines;
}

/** A step that ends when the test says so. */
function step(progress: Progress, name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let waitingFor: (what: string) => void = () => {};
  const done = progress.step(name, (told) => {
    waitingFor = told.waitingFor;
    return promise;
  });
  return {
    waitingFor: (what: string) => waitingFor(what),
    end: () => {
      resolve();
      return done;
    },
    fail: (error: Error) => {
      reject(error);
      return done;
    },
  };
}

const ESCAPE = /\x1b/;
const COLOUR = /\x1b\[\d+m/;
let now = 0;

function pass(ms: number): void {
  now += ms;
  mock.timers.tick(ms);
}

describe('progress', () => {
  beforeEach(() => {
    now = 1_000;
    mock.timers.enable({ apis: ['setInterval'] });
    mock.method(performance, 'now', () => now);
  });
  afterEach(() => mock.reset());

  describe('in a pipe', () => {
    it('is plain lines', async () => {
      const { stream, text } = output(false);
      const progress = new Progress(stream, {});
      progress.say('hello');
      progress.warn('careful');
      const pod = step(progress, 'proxy pod');
      pod.waitingFor('the pod to be made');
      pod.waitingFor('the pod to be made');
      pod.waitingFor('init container migrate');
      pass(2_500);
      await pod.end();
      assert.deepEqual(text().split('\n'), [
        'tp hello',
        'tp warning: careful',
        'tp proxy pod: the pod to be made',
        'tp proxy pod: init container migrate',
        'tp ✓ proxy pod (2.5 s)',
        '',
      ]);
    });

    it('says nothing of a step that took no time worth a line', async () => {
      const { stream, text } = output(false);
      const quick = step(new Progress(stream, {}), 'link');
      pass(900);
      await quick.end();
      assert.equal(text(), '');
    });

    it('tells each finished step to whoever measures', async () => {
      const told: unknown[] = [];
      const hear = (message: unknown) => told.push(message);
      subscribe(STEP_CHANNEL, hear);
      const quick = step(new Progress(output(false).stream, {}), 'link');
      pass(25);
      await quick.end();
      unsubscribe(STEP_CHANNEL, hear);
      assert.deepEqual(told, [{ name: 'link', begin: 1_000, end: 1_025 }]);
    });

    it('has no escapes whatever a step waits for', async () => {
      const { stream, text } = output(false);
      const build = step(new Progress(stream, {}), 'image');
      build.waitingFor('Step 1/3\n\x1b[31mred\x1b[0m\rprogress');
      await build.end();
      assert.equal(text(), 'tp image: Step 1/3 [31mred [0m progress\n');
    });

    it('ends lines as usual while the container has a terminal elsewhere', () => {
      const { stream, text } = output(false);
      const progress = new Progress(stream, {});
      progress.yieldTerminal({ raw: true, input: true });
      progress.say('switched');
      assert.equal(text(), 'tp switched\n');
    });

    it('is quiet about what steps wait for while the container runs', () => {
      const { stream, text } = output(false);
      const progress = new Progress(stream, {});
      progress.yieldTerminal({ raw: false, input: true });
      void step(progress, 'x').waitingFor('y');
      assert.equal(text(), '');
    });
  });

  describe('on a terminal', () => {
    it('shows what is waited for, and for how long', () => {
      const { stream, text } = output(true);
      const pod = step(new Progress(stream, {}), 'proxy pod');
      pod.waitingFor('image');
      pass(100);
      assert.deepEqual(screen(text()), ['… proxy pod: image (0.1 s)']);
      pass(2_000);
      assert.deepEqual(screen(text()), ['… proxy pod: image (2.1 s)']);
    });

    it('keeps each step as one line once it is done', async () => {
      const { stream, text } = output(true);
      const progress = new Progress(stream, {});
      const [pod, network] = [step(progress, 'proxy pod'), step(progress, 'network')];
      pass(100);
      assert.deepEqual(screen(text()), ['… proxy pod (0.1 s)', '… network (0.1 s)']);
      await network.end();
      assert.deepEqual(screen(text()), ['tp ✓ network (0.1 s)', '… proxy pod (0.1 s)']);
      pass(1_400);
      await pod.end();
      assert.deepEqual(screen(text()), ['tp ✓ network (0.1 s)', 'tp ✓ proxy pod (1.5 s)']);
    });

    it('writes lines that stay above those that change', () => {
      const { stream, text } = output(true);
      const progress = new Progress(stream, {});
      const pod = step(progress, 'pod');
      pass(100);
      progress.say('note');
      assert.deepEqual(screen(text()), ['tp note', '… pod (0.1 s)']);
      pass(100);
      assert.deepEqual(screen(text()), ['tp note', '… pod (0.2 s)']);
      void pod;
    });

    it('leaves nothing of a step that failed, and gives its error on', async () => {
      const { stream, text } = output(true);
      const pod = step(new Progress(stream, {}), 'pod');
      pass(100);
      await assert.rejects(pod.fail(new Error('no')), /no/);
      assert.deepEqual(screen(text()), []);
      pass(1_000);
      assert.deepEqual(screen(text()), [], 'it is not drawn again');
    });

    it('cuts a line that would wrap, and makes one of several', () => {
      const { stream, text } = output(true, 20);
      const pod = step(new Progress(stream, {}), 'pod');
      pod.waitingFor(`one\ntwo\r\n${'x'.repeat(50)}`);
      pass(100);
      const lines = screen(text());
      assert.equal(lines.length, 1);
      assert.equal(lines[0], '… pod: one two xxxx');
    });

    it('is in colour, but not where that is not wanted', () => {
      const say = (env: NodeJS.ProcessEnv, isTTY = true) => {
        const { stream, text } = output(isTTY);
        new Progress(stream, env).warn('x');
        return text();
      };
      assert.match(say({}), COLOUR);
      assert.match(say({ NO_COLOR: '' }), COLOUR, 'an empty one does not count (no-color.org)');
      assert.doesNotMatch(say({ NO_COLOR: '1' }), ESCAPE);
      assert.doesNotMatch(say({}, false), ESCAPE);
      assert.doesNotMatch(say({ TERM: 'dumb' }), ESCAPE);
    });

    it('has no colour in what it draws with NO_COLOR, and no escapes at all on a dumb terminal', async () => {
      const texts = await Promise.all(
        [{ NO_COLOR: '1' }, { TERM: 'dumb' }].map(async (env) => {
          const { stream, text } = output(true);
          const pod = step(new Progress(stream, env), 'pod');
          pass(100);
          await pod.end();
          return text();
        }),
      );
      assert.doesNotMatch(texts[0] ?? '', COLOUR);
      assert.doesNotMatch(texts[1] ?? '', ESCAPE);
    });

    it('draws nothing while the container owns it, and writes whole lines with a carriage return in raw mode', () => {
      const { stream, text } = output(true);
      const progress = new Progress(stream, { NO_COLOR: '1' });
      const open = step(progress, 'pod');
      pass(100);
      progress.yieldTerminal({ raw: true, input: true });
      assert.deepEqual(screen(text()), []);
      const before = text().length;
      pass(1_000);
      progress.say('Service switched');
      pass(1_000);
      assert.equal(text().slice(before), 'tp Service switched\r\n');
      progress.takeTerminal();
      progress.say('over');
      assert.ok(text().includes('tp over\n'));
      assert.ok(!text().includes('tp over\r\n'));
      void open;
    });

    it('draws nothing while it is lent, to a plugin that asks something, and goes on then', async () => {
      const { stream, text } = output(true);
      const progress = new Progress(stream, { NO_COLOR: '1' });
      const open = step(progress, 'looking');
      pass(100);
      const question = Promise.withResolvers<string>();
      const answered = progress.lend(() => question.promise);
      assert.deepEqual(screen(text()), []);
      const before = text().length;
      pass(1_000);
      progress.say('meanwhile');
      assert.equal(text().slice(before), 'tp meanwhile\n');
      question.resolve('answer');
      assert.equal(await answered, 'answer');
      pass(100);
      assert.deepEqual(screen(text()), ['tp meanwhile', '… looking (1.2 s)']);
      void open;
    });

    it('is drawn on again when what it was lent to fails', async () => {
      const { stream, text } = output(true);
      const progress = new Progress(stream, { NO_COLOR: '1' });
      const open = step(progress, 'looking');
      await assert.rejects(
        progress.lend(() => Promise.reject(new Error('no'))),
        /no/,
      );
      pass(100);
      assert.deepEqual(screen(text()), ['… looking (0.1 s)']);
      void open;
    });

    it('has its input free unless the container reads from it', () => {
      const { stream } = output(true);
      assert.equal(new Progress(stream, {}, false).inputIsFree, false, 'without a terminal');
      const progress = new Progress(stream, {}, true);
      assert.equal(progress.inputIsFree, true);
      progress.yieldTerminal({ raw: false, input: false });
      assert.equal(progress.inputIsFree, true);
      progress.yieldTerminal({ raw: true, input: true });
      assert.equal(progress.inputIsFree, false);
      progress.takeTerminal();
      assert.equal(progress.inputIsFree, true);
    });

    it('needs no carriage return where the container left the terminal as it is', () => {
      const { stream, text } = output(true);
      const progress = new Progress(stream, { NO_COLOR: '1' });
      progress.yieldTerminal({ raw: false, input: true });
      progress.say('line');
      assert.equal(text(), 'tp line\n');
    });
  });

  it('writes how far a step is every few seconds into a pipe, however often it is told', async () => {
    const { stream, text } = output(false);
    const progress = new Progress(stream, {});
    await progress.step('files', async ({ passing }) => {
      for (let at = 1; at <= 12; at++) {
        pass(1_000);
        passing(`${at} MiB`);
      }
    });
    assert.deepEqual(screen(text()).slice(0, 2), ['tp files: 5 MiB', 'tp files: 10 MiB']);
    assert.equal(screen(text()).length, 3);
  });
});
