import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Scrubber, valuesOf } from '../../src/scrubber.ts';

const SECRET = 'p"ss\\wörd-42';

describe('the scrubber', () => {
  it('takes a known value out, in every form in which it travels', () => {
    const scrubber = new Scrubber([SECRET]);
    const base64 = Buffer.from(SECRET).toString('base64');
    const text = `it is ${SECRET}, ${base64}, ${encodeURIComponent(SECRET)}.`;
    assert.equal(scrubber.text(text), 'it is [removed], [removed], [removed].');
  });

  it('takes it out of strings before they are written as JSON, of names too', () => {
    const scrubber = new Scrubber([SECRET]);
    const value = {
      list: [SECRET, 1, null, undefined, true],
      [SECRET]: { deep: `a${SECRET}b` },
      at: new Date(0),
    };
    assert.deepEqual(scrubber.value(value), {
      list: ['[removed]', 1, null, undefined, true],
      '[removed]': { deep: 'a[removed]b' },
      at: new Date(0),
    });
  });

  it('takes the lines of one that has several, for a log has them apart', () => {
    const scrubber = new Scrubber(['first-half\nsecond-half']);
    assert.equal(scrubber.text('a first-half\nb second-half'), 'a [removed]\nb [removed]');
  });

  it('takes the longer of two out whole', () => {
    assert.equal(
      new Scrubber(['secret', 'secret-and-more']).text('secret-and-more secret'),
      '[removed] [removed]',
    );
  });

  it('leaves names, addresses and what is too short to be found', () => {
    const kept = 'tp-shop-1 at tcp://10.96.0.1:443 and 10.96.0.1 is dev';
    const values = ['tp-shop-1', 'tcp://10.96.0.1:443', '10.96.0.1', 'dev', ''];
    assert.equal(new Scrubber(values, ['tp-shop-1']).text(kept), kept);
  });

  it('knows what looks like a secret, whoever wrote it', () => {
    const scrubber = new Scrubber([]);
    const pem = '-----BEGIN RSA PRIVATE KEY-----\nMIIE\nxx==\n-----END RSA PRIVATE KEY-----';
    for (const text of [
      pem,
      '-----BEGIN CERTIFICATE-----\nMIIE-and-no-end',
      'eyJhbGciOiJSUzI1NiIs.eyJpc3MiOiJrdWJlcm5l.c2lnbmF0dXJl',
    ]) {
      assert.equal(scrubber.text(`before ${text}`), 'before [removed]');
    }
    assert.equal(scrubber.text('Authorization: Bearer abc.def-123'), 'Authorization: Bearer [removed]');
    assert.equal(scrubber.text('http://me:hunter2@proxy:3128 down'), 'http://[removed]@proxy:3128 down');
    assert.equal(scrubber.text('DB_PASSWORD=hunter2 x'), 'DB_PASSWORD=[removed] x');
    assert.equal(scrubber.text('{"client-key-data": "aGk="}'), '{"client-key-data": "[removed]"}');
    const plain = 'linked to the proxy: the token has expired, https://127.0.0.1:6443/api';
    assert.equal(scrubber.text(plain), plain);
  });
});

describe('the values of variables', () => {
  it('are what stands behind the first "=", but for those of every image', () => {
    assert.deepEqual(valuesOf(['A=1', 'B=x=y', 'EMPTY=', 'PATH=/bin', 'NODE_VERSION=24', 'NONE']), [
      '1',
      'x=y',
      '',
    ]);
  });
});
