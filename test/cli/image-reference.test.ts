import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ImageMatch, matchImages, parseImage } from '../../src/image-reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

/** An image name, and the registry and path it means (distribution/reference, normalize.go). */
const CASES: readonly [image: string, registry: string, path: string][] = [
  ['nginx', 'docker.io', 'library/nginx'],
  ['nginx:1.27', 'docker.io', 'library/nginx'],
  [`nginx@${DIGEST}`, 'docker.io', 'library/nginx'],
  [`nginx:1.27@${DIGEST}`, 'docker.io', 'library/nginx'],
  ['library/nginx', 'docker.io', 'library/nginx'],
  ['docker.io/nginx', 'docker.io', 'library/nginx'],
  ['docker.io/library/nginx:latest', 'docker.io', 'library/nginx'],
  ['index.docker.io/nginx', 'docker.io', 'library/nginx'],
  ['index.docker.io/examplecom/servicename', 'docker.io', 'examplecom/servicename'],
  ['examplecom/servicename', 'docker.io', 'examplecom/servicename'],
  ['examplecom/servicename:1.0', 'docker.io', 'examplecom/servicename'],
  ['localhost/servicename', 'localhost', 'servicename'],
  ['localhost:5000/servicename', 'localhost:5000', 'servicename'],
  ['localhost:5000/team/servicename:1', 'localhost:5000', 'team/servicename'],
  // Without a slash there is no registry: this is the image "localhost" with a tag.
  ['localhost:5000', 'docker.io', 'library/localhost'],
  ['localhosts/servicename', 'docker.io', 'localhosts/servicename'],
  ['registry.example.com/servicename', 'registry.example.com', 'servicename'],
  ['registry.example.com:5000/a/b/c:tag', 'registry.example.com:5000', 'a/b/c'],
  [`registry.example.com:5000/a/b@${DIGEST}`, 'registry.example.com:5000', 'a/b'],
  ['registry:5000/servicename', 'registry:5000', 'servicename'],
  ['images.example/owner/name:sha-1a2b3c', 'images.example', 'owner/name'],
  ['[2001:db8::1]:5000/servicename:1', '[2001:db8::1]:5000', 'servicename'],
  // Paths are in lower case, so a first component that is not can only be a host.
  ['Registry/servicename', 'Registry', 'servicename'],
];

const MATCHES: readonly [a: string, b: string, match: ImageMatch][] = [
  ['examplecom/servicename', 'examplecom/servicename:1.0', 'repository'],
  ['examplecom/servicename:dev', `docker.io/examplecom/servicename:2@${DIGEST}`, 'repository'],
  ['nginx', 'index.docker.io/library/nginx', 'repository'],
  ['examplecom/servicename', 'registry.example.com/examplecom/servicename:1', 'path'],
  ['localhost:5000/servicename', 'localhost:5001/servicename', 'path'],
  ['servicename', 'examplecom/servicename', 'name'],
  ['servicename', 'registry.example.com/servicename', 'name'],
  ['other/servicename', 'examplecom/servicename', 'name'],
  ['examplecom/servicename', 'examplecom/servicename2', 'none'],
  ['examplecom/servicename', 'servicename/examplecom', 'none'],
  ['servicename:1', 'name:1', 'none'],
];

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const component = fc
  .tuple(word, fc.constantFrom('', '-', '_', '__', '.'), word)
  .map(([a, separator, b]) => a + separator + b);
const path = fc.array(component, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const host = fc.oneof(
  fc.constant('localhost'),
  fc.tuple(word, word).map(([a, b]) => `${a}.${b}`),
  fc.tuple(word, fc.integer({ min: 1, max: 65535 })).map(([name, port]) => `${name}:${port}`),
  fc.tuple(word, word, fc.nat(65535)).map(([a, b, port]) => `${a}.${b}:${port}`),
);
const suffix = fc
  .tuple(
    fc.oneof(
      fc.constant(''),
      fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}$/).map((tag) => `:${tag}`),
    ),
    fc.constantFrom('', `@${DIGEST}`),
  )
  .map(([tag, digest]) => tag + digest);

describe('an image reference', () => {
  for (const [image, registry, repository] of CASES) {
    it(`${image} is ${repository} at ${registry}`, () => {
      assert.deepEqual(parseImage(image), { registry, path: repository });
    });
  }

  it('with a registry keeps host and path, whatever tag and digest follow', () => {
    fc.assert(
      fc.property(host, path, suffix, (registry, repository, end) => {
        assert.deepEqual(parseImage(`${registry}/${repository}${end}`), { registry, path: repository });
      }),
    );
  });

  it('without one is at docker.io, under library/ where it has one component', () => {
    const local = path.filter((text) => !/^([^/]*\.[^/]*|localhost)\//.test(text));
    fc.assert(
      fc.property(local, suffix, (repository, end) => {
        const expected = repository.includes('/') ? repository : `library/${repository}`;
        assert.deepEqual(parseImage(repository + end), { registry: 'docker.io', path: expected });
      }),
    );
  });
});

describe('two images', () => {
  for (const [a, b, match] of MATCHES) {
    it(`${a} and ${b} have in common: ${match}`, () => {
      assert.equal(matchImages(a, b), match);
      assert.equal(matchImages(b, a), match);
    });
  }

  it('are the same repository when only tag and digest differ, and never when the path differs', () => {
    fc.assert(
      fc.property(host, path, path, suffix, suffix, (registry, one, other, end, otherEnd) => {
        assert.equal(matchImages(`${registry}/${one}${end}`, `${registry}/${one}${otherEnd}`), 'repository');
        const match = matchImages(`${registry}/${one}${end}`, `${registry}/${other}${otherEnd}`);
        assert.equal(match === 'repository', one === other);
      }),
    );
  });
});
