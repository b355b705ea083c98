import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { environmentNames } from '../../src/docker/run-arguments.ts';
import { mergeEnvironment } from '../../src/docker/user-container.ts';
import { draft } from './inspect.ts';

const IMAGE = ['PATH=/usr/bin', 'HOME=/root', 'MODE=production'];

/** The container's environment for these of the image and the pod, and the user's entries as Docker's client sees them. */
function merged(
  pod: Record<string, string>,
  user: readonly string[],
  image: readonly string[] = IMAGE,
): string[] {
  const names = user.map((entry) => entry.split('=', 1)[0] ?? '');
  // As the daemon merges them (`merge` in daemon/config): the user's, then those of the image that they do not name.
  const Env = [...user, ...image.filter((entry) => !names.includes(entry.split('=', 1)[0] ?? ''))];
  const of = { ...draft({ Config: { Env } }), imageEnvironment: [...image] };
  return mergeEnvironment(of, pod, environmentNames(user.flatMap((entry) => ['-e', entry])));
}

/** What a process sees of such a list: the image's variables that no entry names, then the entries with a value. */
function seen(entries: readonly string[], image: readonly string[] = IMAGE): Map<string, string> {
  const parts = (entry: string) => /^([^=]*)(?:=(.*))?$/s.exec(entry)?.slice(1) ?? [];
  const named = new Set(entries.map((entry) => parts(entry)[0]));
  const all = [...image.filter((entry) => !named.has(parts(entry)[0])), ...entries];
  return new Map(
    all.map(parts).flatMap(([name = '', value]) => (value === undefined ? [] : [[name, value]])),
  );
}

describe('the environment of the user’s container', () => {
  it('is the image’s where nothing else is said', () => {
    assert.deepEqual(seen(merged({}, [])), seen(IMAGE));
  });

  it('has the pod’s over the image’s, and the user’s over both', () => {
    const result = seen(merged({ MODE: 'staging', A: 'pod', B: 'pod' }, ['B=user', 'C=user']));
    assert.equal(result.get('MODE'), 'staging');
    assert.equal(result.get('A'), 'pod');
    assert.equal(result.get('B'), 'user');
    assert.equal(result.get('C'), 'user');
    assert.equal(result.get('PATH'), '/usr/bin');
  });

  it('keeps values with newlines, quotes, dollars and equals signs', () => {
    const pod = {
      CERT: '-----BEGIN-----\nabc=\n-----END-----\n',
      P: '$(X) $$ ${Y} "\'',
      EMPTY: '',
      Q: 'a=b=c',
    };
    const result = seen(merged(pod, []));
    for (const [name, value] of Object.entries(pod)) assert.equal(result.get(name), value);
  });

  it('has the user’s value over the pod’s even where it is the image’s', () => {
    assert.equal(seen(merged({ MODE: 'staging' }, ['MODE=production'])).get('MODE'), 'production');
  });

  it('has not what the user took away by naming it without a value', () => {
    // Docker's daemon puts a variable of the image back unless its name stands in the list.
    assert.equal(seen(merged({}, ['MODE'])).has('MODE'), false);
    assert.equal(seen(merged({ MODE: 'staging' }, ['MODE'])).has('MODE'), false);
    assert.equal(seen(merged({ A: 'pod' }, ['A'])).has('A'), false);
  });

  it('names each variable once', () => {
    const entries = merged({ MODE: 'x', A: '1' }, ['A=2', 'PATH=/bin']);
    const names = entries.map((entry) => entry.split('=', 1)[0]);
    assert.equal(new Set(names).size, names.length);
  });

  it('is for every name the user’s, else the pod’s, else the image’s', () => {
    const name = fc.constantFrom('A', 'B', 'C', 'PATH', 'HOME', 'a.b-c');
    const value = fc.string({ maxLength: 5 });
    const variables = fc.dictionary(name, value);
    const user = fc.dictionary(name, fc.option(value, { nil: undefined }));
    fc.assert(
      fc.property(variables, variables, user, (image, pod, set) => {
        const imageEntries = Object.entries(image).map(([key, text]) => `${key}=${text}`);
        const userEntries = Object.entries(set).map(([key, text]) =>
          text === undefined ? key : `${key}=${text}`,
        );
        const expected = { ...image, ...pod, ...set };
        const result = Object.fromEntries(seen(merged(pod, userEntries, imageEntries), imageEntries));
        assert.deepEqual(result, JSON.parse(JSON.stringify(expected)));
      }),
    );
  });
});
