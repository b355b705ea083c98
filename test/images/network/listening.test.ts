import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { usersPorts } from '../../../images/network/listening.ts';
import { REDIRECT_PORT } from '../../../images/network/messages.ts';
import {
  AF_INET,
  AF_INET6,
  acceptanceOf,
  connectedUdpRequest,
  connectionRequest,
  listenersRequest,
  parseSockets,
} from '../../../images/network/sock-diag.ts';

/** One struct nlmsghdr with an inet_diag_msg of 72 bytes, as the kernel answers. */
function answer(family: number, address: string, port: number): Buffer {
  const message = Buffer.alloc(16 + 72);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(20, 4);
  message.writeUInt8(family, 16);
  message.writeUInt8(10, 17);
  message.writeUInt16BE(port, 16 + 4);
  Buffer.from(address, 'hex').copy(message, 16 + 8);
  return message;
}

const DONE = Buffer.from('14000000030000000000000000000000', 'hex');

describe('sock_diag', () => {
  it('asks for the listening TCP sockets of one family', () => {
    const request = listenersRequest(AF_INET6);
    assert.equal(request.length, 72);
    assert.equal(request.readUInt32LE(0), 72);
    assert.deepEqual([...request.subarray(16, 24)], [AF_INET6, 6, 0, 0, 0, 4, 0, 0]);
  });

  it('asks for the one socket of a connection', () => {
    const request = connectionRequest(
      { address: '10.1.2.3', port: 8080 },
      { address: '127.0.0.1', port: 40_000 },
    );
    assert.equal(request.readUInt16LE(6), 1, 'a single one, not a dump');
    assert.equal(request.toString('hex', 24, 28), '1f909c40');
    assert.equal(request.toString('hex', 28, 32), '0a010203');
    assert.equal(request.toString('hex', 44, 48), '7f000001');
    assert.equal(request.toString('hex', 64, 72), 'f'.repeat(16));
  });

  it('tells a connection that no process has accepted', () => {
    const found = (state: number, inode: number) => {
      const message = answer(AF_INET, '0a010203', 8080);
      message.writeUInt8(state, 17);
      message.writeUInt32LE(inode, 16 + 68);
      return message;
    };
    const [ESTABLISHED, SYN_RECV, CLOSE_WAIT, LISTEN] = [1, 3, 8, 10];
    assert.equal(acceptanceOf(found(ESTABLISHED, 0)), 'queued');
    assert.equal(acceptanceOf(found(ESTABLISHED, 4711)), 'accepted');
    assert.equal(acceptanceOf(found(CLOSE_WAIT, 0)), 'accepted');
    assert.equal(acceptanceOf(found(SYN_RECV, 0)), 'accepted', 'it is only wanted with data');
    assert.equal(acceptanceOf(found(LISTEN, 12)), 'gone', 'only its listener is there');
    const error = (errno: number) => {
      const message = Buffer.alloc(36);
      message.writeUInt16LE(2, 4);
      message.writeInt32LE(-errno, 16);
      return message;
    };
    assert.equal(acceptanceOf(error(2)), 'gone');
    assert.throws(() => acceptanceOf(error(1)), /errno 1/);
  });

  it('is read message after message until it is done', () => {
    const first = parseSockets(
      Buffer.concat([answer(AF_INET, '00000000', 8080), answer(AF_INET, '7f000001', 9229)]),
    );
    assert.deepEqual(
      first.sockets.map(({ own }) => own),
      [
        { address: '00000000', port: 8080 },
        { address: '7f000001', port: 9229 },
      ],
    );
    assert.equal(first.done, false);
    const last = parseSockets(Buffer.concat([answer(AF_INET6, '0'.repeat(32), 80), DONE]));
    const none = { address: '0'.repeat(32), port: 0 };
    assert.deepEqual(last, { sockets: [{ own: { ...none, port: 80 }, peer: none }], done: true });
  });

  it('says to whom a socket is connected', () => {
    const message = answer(AF_INET, '0a2a0009', 40_000);
    message.writeUInt16BE(53, 16 + 6);
    message.write('0a2b000a', 16 + 24, 'hex');
    assert.deepEqual(parseSockets(message).sockets, [
      { own: { address: '0a2a0009', port: 40_000 }, peer: { address: '0a2b000a', port: 53 } },
    ]);
    const request = connectedUdpRequest(AF_INET);
    assert.deepEqual([request.readUInt8(16), request.readUInt8(17)], [AF_INET, 17]);
    assert.equal(request.readUInt32LE(20), 1 << 1, 'those that are connected');
  });

  it('says what the kernel refuses, and what is malformed', () => {
    const error = Buffer.alloc(36);
    error.writeUInt32LE(36, 0);
    error.writeUInt16LE(2, 4);
    error.writeInt32LE(-2, 16);
    assert.throws(() => parseSockets(error), /errno 2/);
    assert.throws(() => parseSockets(answer(AF_INET, '00000000', 80).subarray(0, 60)), /malformed/);
  });
});

describe('the ports of the user', () => {
  it('are all but those of Docker’s resolver and our own', () => {
    const listeners = [
      { address: '7f00000b', port: 36_621 },
      { address: '7f000001', port: REDIRECT_PORT },
      { address: '00000000', port: 80 },
      { address: '0'.repeat(32), port: 8080 },
    ];
    assert.deepEqual(usersPorts(listeners), [80, 8080]);
  });
});
