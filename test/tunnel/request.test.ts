import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CloseCode, TunnelError } from '../../src/tunnel/errors.ts';
import { FRAME_RULES, FrameType } from '../../src/tunnel/frame.ts';
import { decodeRequest, encodeRequest, type StreamRequest } from '../../src/tunnel/request.ts';

const anyPort = fc.integer({ min: 1, max: 65535 });
const plain = { noNullPrototype: true };
const anyRequest: fc.Arbitrary<StreamRequest> = fc.oneof(
  fc.record(
    { kind: fc.constant('tcp' as const), host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), port: anyPort },
    plain,
  ),
  fc.record(
    { kind: fc.constantFrom('udp' as const, 'listeners' as const, 'call' as const, 'events' as const) },
    plain,
  ),
  fc.record({ kind: fc.constant('copy' as const), path: fc.string(), maxBytes: fc.maxSafeNat() }, plain),
  fc.record(
    {
      kind: fc.constant('inbound' as const),
      port: anyPort,
      peer: fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), port: anyPort }, plain),
    },
    plain,
  ),
);

const refused = (text: string) =>
  assert.throws(
    () => decodeRequest(Buffer.from(text)),
    (error) => error instanceof TunnelError && error.code === CloseCode.protocolError,
    text,
  );

describe('a request', () => {
  it('comes out as it went in, and fits its frame', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const payload = encodeRequest(request);
        assert.deepEqual(decodeRequest(payload), request);
        assert.ok(payload.length <= (FRAME_RULES.get(FrameType.open)?.max ?? 0));
      }),
    );
  });

  it('is refused where it is no JSON, no object, or of no known kind', () => {
    const texts = [
      '',
      '{',
      'null',
      '5',
      '"tcp"',
      '[]',
      '{}',
      '{"kind":null}',
      '{"kind":"TCP"}',
      '{"kind":["udp"]}',
    ];
    for (const text of [...texts, '{"kind":{"toString":1,"valueOf":1}}', `{"kind":"${'x'.repeat(2000)}"}`]) {
      refused(text);
    }
  });

  it('is refused without what its kind needs', () => {
    const requests = {
      tcp: { kind: 'tcp', host: '10.0.0.1', port: 80 },
      inbound: { kind: 'inbound', port: 80, peer: { address: '10.0.0.1', port: 4000 } },
    };
    for (const request of Object.values(requests)) {
      for (const port of [undefined, null, 0, -1, 65536, 80.5, '80', [80]]) {
        refused(JSON.stringify({ ...request, port }));
        refused(JSON.stringify({ ...requests.inbound, peer: { address: '10.0.0.1', port } }));
      }
    }
    for (const other of [undefined, null, 5, ['10.0.0.1'], {}]) {
      refused(JSON.stringify({ ...requests.tcp, host: other }));
      refused(JSON.stringify({ ...requests.inbound, peer: other }));
      refused(JSON.stringify({ ...requests.inbound, peer: { address: other, port: 4000 } }));
    }
  });

  it('is a request or a TunnelError, whatever comes', () => {
    const tries = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((json) => Buffer.from(json)),
      fc
        .tuple(anyRequest, fc.dictionary(fc.constantFrom('kind', 'host', 'port', 'peer'), fc.jsonValue()))
        .map(([request, other]) => Buffer.from(JSON.stringify({ ...request, ...other }))),
    );
    fc.assert(
      fc.property(tries, (payload) => {
        try {
          decodeRequest(payload);
        } catch (error) {
          assert.ok(error instanceof TunnelError, String(error));
        }
      }),
      { numRuns: 300 },
    );
  });
});
