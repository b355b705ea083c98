import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolvConfFor } from '../../src/docker/resolver.ts';

const POD = `nameserver 10.96.0.10
search default.svc.cluster.local svc.cluster.local
options ndots:5
`;

describe('the shared resolv.conf', () => {
  it('is the pod’s, byte for byte, unless the user asked for something', () => {
    assert.equal(resolvConfFor(POD, {}), POD);
    assert.equal(resolvConfFor(POD, { Dns: [], DnsSearch: [], DnsOptions: [] }), POD);
  });

  it('has the user’s search domains after the pod’s, each once', () => {
    const DnsSearch = ['corp.example', 'svc.cluster.local'];
    assert.match(
      resolvConfFor(POD, { DnsSearch }),
      /^search default\.svc\.cluster\.local svc\.cluster\.local corp\.example$/m,
    );
    assert.match(resolvConfFor(POD, { DnsSearch }), /^nameserver 10\.96\.0\.10$/m);
  });

  it('has no search domain at all for Docker’s "."', () => {
    assert.doesNotMatch(resolvConfFor(POD, { DnsSearch: ['.'] }), /^search/m);
  });

  it('has the user’s options in place of the pod’s of the same name', () => {
    assert.match(resolvConfFor(POD, { DnsOptions: ['ndots:1', 'rotate'] }), /^options ndots:1 rotate$/m);
  });

  it('has the user’s name servers in place of the pod’s', () => {
    const text = resolvConfFor(POD, { Dns: ['1.1.1.1', '8.8.8.8'] });
    assert.deepEqual(text.match(/^nameserver .*$/gm), ['nameserver 1.1.1.1', 'nameserver 8.8.8.8']);
  });
});
