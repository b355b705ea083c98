import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostAliasesOf, hostsLikePod } from '../../images/hosts-file.ts';

const KUBELET = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
10.42.0.9\tshop-abc

# Entries added by HostAliases.
10.99.2.1\tone\ttwo
10.99.2.2\tthree
`;

describe("the pod's hosts file", () => {
  it('says its aliases', () => {
    assert.deepEqual(hostAliasesOf(KUBELET), ['10.99.2.1\tone\ttwo', '10.99.2.2\tthree']);
    assert.deepEqual(hostAliasesOf('127.0.0.1\tlocalhost\n'), []);
  });
});

describe("the container's hosts file", () => {
  const DOCKER = '127.0.0.1\tlocalhost\n172.17.0.1\thost.docker.internal\n172.17.0.2\tshop-abc\n';
  const aliases = hostAliasesOf(KUBELET);

  it("has the pod's address and aliases, and keeps Docker's and the user's lines before them", () => {
    assert.equal(
      hostsLikePod(DOCKER, ['10.42.0.9'], 'shop-abc', aliases),
      '127.0.0.1\tlocalhost\n172.17.0.1\thost.docker.internal\n10.42.0.9\tshop-abc\n10.99.2.1\tone\ttwo\n10.99.2.2\tthree\n',
    );
  });

  it('is the same when it is written again, and follows another pod', () => {
    const once = hostsLikePod(DOCKER, ['10.42.0.9'], 'shop-abc', aliases);
    assert.equal(hostsLikePod(once, ['10.42.0.9'], 'shop-abc', aliases), once);
    assert.match(hostsLikePod(once, ['10.42.0.10'], 'shop-abc', aliases), /^10\.42\.0\.10\tshop-abc$/m);
    assert.doesNotMatch(hostsLikePod(once, ['10.42.0.10'], 'shop-abc', aliases), /10\.42\.0\.9/);
  });
});
