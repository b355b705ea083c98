import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatAddress, isLoopback, parseAddress, plainAddress } from '../../images/address.ts';
import { nameserversOf, searchOf } from '../../images/resolv-conf.ts';

describe('an address', () => {
  it('is bytes and text, both ways', () => {
    assert.deepEqual(parseAddress('10.1.2.3'), Buffer.from([10, 1, 2, 3]));
    assert.equal(formatAddress(Buffer.from([10, 1, 2, 3])), '10.1.2.3');
    assert.equal(formatAddress(parseAddress('2001:DB8:0::1')), '2001:db8::1');
    fc.assert(fc.property(fc.ipV4(), (text) => assert.equal(formatAddress(parseAddress(text)), text)));
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        assert.deepEqual(parseAddress(formatAddress(Buffer.from(bytes))), Buffer.from(bytes));
      }),
    );
  });

  it('is none of what is not', () => {
    for (const text of ['', 'localhost', '10.0.0.256', '1::2::3'])
      assert.throws(() => parseAddress(text), text);
    assert.throws(() => formatAddress(Buffer.alloc(5)));
  });

  it('of a caller on a dual-stack socket is the plain one', () => {
    assert.equal(plainAddress('::ffff:10.0.0.7'), '10.0.0.7');
    assert.equal(plainAddress('10.0.0.7'), '10.0.0.7');
    assert.equal(plainAddress('2001:db8::1'), '2001:db8::1');
    assert.equal(plainAddress(''), '');
  });

  it('is of loopback, or is not', () => {
    for (const text of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      assert.ok(isLoopback(text), text);
    for (const text of ['10.0.0.7', '::', '2001:db8::1', '', 'localhost']) assert.ok(!isLoopback(text), text);
  });
});

describe('resolv.conf', () => {
  const POD = `search shop.svc.cluster.local svc.cluster.local cluster.local example.com
nameserver 10.43.0.10
options ndots:5
`;

  it('names the servers in their order', () => {
    assert.deepEqual(nameserversOf(POD), ['10.43.0.10']);
    assert.deepEqual(nameserversOf('nameserver\t1.1.1.1\n#nameserver 2.2.2.2\nnameserver  3.3.3.3 \n'), [
      '1.1.1.1',
      '3.3.3.3',
    ]);
    assert.deepEqual(nameserversOf(''), []);
  });

  it('gives the search domains of its last line of that kind', () => {
    assert.deepEqual(searchOf(POD), [
      'shop.svc.cluster.local',
      'svc.cluster.local',
      'cluster.local',
      'example.com',
    ]);
    assert.deepEqual(searchOf('search a b\nsearch  c\td \n'), ['c', 'd']);
    assert.deepEqual(searchOf('domain example.com\n'), ['example.com']);
    assert.deepEqual(searchOf('nameserver 1.1.1.1\n'), []);
  });
});
