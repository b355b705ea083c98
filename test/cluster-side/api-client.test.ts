import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type RequestOptions, type Server } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { CoreV1Api } from '@kubernetes/client-node';
import { WebSocket, WebSocketServer } from 'ws';
import { ApiClient } from '../../src/cluster/api-client.ts';
import type { Access } from '../../src/cluster/context.ts';
import { type Login, setToken, TokenFile } from '../../src/cluster/login.ts';
import { TpError } from '../../src/errors.ts';
import { closeAll, listen } from '../images/sockets.ts';
import { CERTIFICATE, KEY } from './certificate.ts';
import { Folder } from './folder.ts';
import { connectProxy, socksProxy, type TestProxy } from './proxies.ts';

/** What the server saw of a request. */
interface Seen {
  line: string;
  authorization: string | undefined;
  certificate: string | undefined;
  request: IncomingMessage;
  body: string;
}

let server: Server;
let port: number;
let seen: Seen[];
let connections: number;
let answer: (response: ServerResponse, seen: Seen) => void;
let proxies: TestProxy[];

beforeEach(async () => {
  seen = [];
  proxies = [];
  connections = 0;
  answer = (response) => response.end('{}');
  const tls = { cert: CERTIFICATE, key: KEY, requestCert: true, rejectUnauthorized: false };
  server = createServer(tls, async (request, response) => {
    seen.push({ ...noted(request), body: await text(request) });
    answer(response, seen.at(-1) as Seen);
  });
  server.on('secureConnection', () => connections++);
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    seen.push({ ...noted(request), body: '' });
    sockets.handleUpgrade(request, socket, head, (far) => far.close());
  });
  port = await listen(server);
});
afterEach(() => {
  for (const proxy of proxies) proxy.close();
  closeAll();
});

const noted = (request: IncomingMessage) => ({
  line: `${request.method} ${request.url}`,
  authorization: request.headers.authorization,
  certificate: (request.socket as TLSSocket).getPeerCertificate().subject?.CN?.toString(),
  request,
});

/** A way to the server, which only knows itself as api.test. */
function access(more: Partial<Access> = {}, path = ''): Access {
  return {
    context: 'test',
    namespace: 'shop',
    server: `https://127.0.0.1:${port}${path}`,
    cluster: {
      'certificate-authority-data': Buffer.from(CERTIFICATE).toString('base64'),
      'tls-server-name': 'api.test',
    },
    user: { token: 'secret' },
    ...more,
  };
}

async function body(client: ApiClient, path = '/version'): Promise<string> {
  return await text(await client.send(`${client.server}${path}`));
}

/** Opens a WebSocket as the streams to pods do. */
async function openSocket(client: ApiClient): Promise<void> {
  const { options } = await client.authorize();
  const url = `${client.server.replace('https', 'wss')}/stream`;
  const socket = new WebSocket(url, options as WebSocket.ClientOptions);
  await once(socket, 'open');
  socket.terminate();
}

/** A login that is another one each time that it is refused. */
class Renewed implements Login {
  count = 1;
  readonly renewable: boolean;
  constructor(renewable = true) {
    this.renewable = renewable;
  }
  async apply(options: RequestOptions): Promise<void> {
    setToken(options, `${this.count}`);
  }
  renew(): boolean {
    this.count++;
    return this.renewable;
  }
}

describe('a request', () => {
  it('carries the login, and knows the server by its tls-server-name', async () => {
    assert.equal(await body(new ApiClient(access())), '{}');
    assert.equal(seen[0]?.line, 'GET /version');
    assert.equal(seen[0]?.authorization, 'Bearer secret');
    assert.equal(seen[0]?.request.headers['user-agent'], 'tp');
  });

  it('is not sent to a server of another name', async () => {
    const { cluster } = access();
    const wrong = access({ cluster: { ...cluster, 'tls-server-name': 'other.test' } });
    await assert.rejects(body(new ApiClient(wrong)), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await assert.rejects(openSocket(new ApiClient(wrong)), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    assert.equal(seen.length, 0);
  });

  it('is sent to any server where the kubeconfig wants no verification', async () => {
    const careless = access({ cluster: { 'insecure-skip-tls-verify': true } });
    assert.equal(await body(new ApiClient(careless)), '{}');
    await openSocket(new ApiClient(careless));
  });

  it('keeps the path that the server has', async () => {
    const client = new ApiClient(access({}, '/k8s/clusters/c1'));
    const core = new CoreV1Api(client.configuration);
    answer = (response) => response.setHeader('content-type', 'application/json').end('{"items":[]}');
    await core.listNamespacedPod({ namespace: 'shop', labelSelector: 'a=b' });
    await openSocket(client);
    assert.deepEqual(
      seen.map(({ line }) => line),
      ['GET /k8s/clusters/c1/api/v1/namespaces/shop/pods?labelSelector=a%3Db', 'GET /k8s/clusters/c1/stream'],
    );
  });

  it('of an API class brings its body, and understands what comes compressed', async () => {
    const core = new CoreV1Api(new ApiClient(access()).configuration);
    answer = (response, { request }) => {
      assert.equal(request.headers['accept-encoding'], 'gzip');
      response.writeHead(201, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(gzipSync('{"metadata":{"name":"made"}}'));
    };
    const made = await core.createNamespacedConfigMap({ namespace: 'shop', body: { data: { a: 'ü' } } });
    assert.equal(made.metadata?.name, 'made');
    assert.deepEqual(JSON.parse(seen[0]?.body ?? ''), { data: { a: 'ü' } });
    assert.equal(seen[0]?.request.headers['content-type'], 'application/json');
  });

  it('of an API class that is refused says with which status', async () => {
    const core = new CoreV1Api(new ApiClient(access()).configuration);
    answer = (response) =>
      response.writeHead(409, { 'content-type': 'application/json' }).end('{"message":"m"}');
    await assert.rejects(core.listNamespacedPod({ namespace: 'shop' }), { code: 409 });
  });

  it('goes to a server without TLS too', async () => {
    const plain = createHttpServer((_request, response) => response.end('plain'));
    const client = new ApiClient(access({ server: `http://127.0.0.1:${await listen(plain)}`, user: {} }));
    assert.equal(await body(client), 'plain');
  });
});

describe('a user', () => {
  it('with a password sends it', async () => {
    const client = new ApiClient(access({ user: { username: 'me', password: 'pw' } }));
    await body(client);
    await openSocket(client);
    const basic = `Basic ${Buffer.from('me:pw').toString('base64')}`;
    assert.deepEqual(
      seen.map(({ authorization }) => authorization),
      [basic, basic],
    );
  });

  it('with a certificate shows it', async () => {
    const data = (text: string) => Buffer.from(text).toString('base64');
    const user = { 'client-certificate-data': data(CERTIFICATE), 'client-key-data': data(KEY) };
    const client = new ApiClient(access({ user }));
    await body(client);
    await openSocket(client);
    assert.deepEqual(
      seen.map(({ certificate }) => certificate),
      ['api.test', 'api.test'],
    );
  });

  it('with a certificate in files shows what they hold now', async () => {
    using folder = new Folder();
    const user = {
      'client-certificate': folder.write('crt', CERTIFICATE),
      'client-key': folder.write('key', KEY),
    };
    await body(new ApiClient(access({ user })));
    assert.equal(seen[0]?.certificate, 'api.test');
  });

  it('with a token in a file sends what it holds now', async () => {
    using folder = new Folder();
    const path = folder.write('token', 'first\n');
    const client = new ApiClient(access({ user: { tokenFile: path, token: 'old' } }), new TokenFile(path));
    await body(client);
    folder.write('token', 'second\n');
    await openSocket(client);
    folder.write('token', '');
    await body(client);
    const tokens = seen.map(({ authorization }) => authorization);
    assert.deepEqual(tokens, ['Bearer first', 'Bearer second', 'Bearer second']);
  });

  it('with a token in a file that was never there has none', async () => {
    const client = new ApiClient(access({ user: { tokenFile: '/nowhere' } }), new TokenFile('/nowhere'));
    await assert.rejects(
      body(client),
      (error) =>
        error instanceof TpError && error.code === 'TP_KUBECONFIG' && /\/nowhere/.test(error.message),
    );
  });

  it('who acts as another one says so, with each group', async () => {
    const user = {
      token: 'secret',
      as: 'jane',
      'as-uid': '7',
      'as-groups': ['a', 'b'],
      'as-user-extra': { 'example.com/scope': ['x', 'y'] },
    };
    const client = new ApiClient(access({ user }));
    await body(client);
    await openSocket(client);
    for (const { request } of seen) {
      const { headersDistinct: headers } = request;
      assert.deepEqual(headers['impersonate-user'], ['jane']);
      assert.deepEqual(headers['impersonate-uid'], ['7']);
      assert.deepEqual(headers['impersonate-group'], ['a', 'b']);
      assert.deepEqual(headers['impersonate-extra-example.com%2fscope'], ['x', 'y']);
      assert.deepEqual(headers.authorization, ['Bearer secret']);
    }
  });
});

describe('a login that is refused', () => {
  beforeEach(() => {
    answer = (response, { authorization }) =>
      response.writeHead(authorization === 'Bearer 2' ? 200 : 401).end();
  });

  it('is replaced, and the request sent once more', async () => {
    const client = new ApiClient(access(), new Renewed());
    const { statusCode } = await client.send(`${client.server}/version`, { method: 'POST', body: 'twice' });
    assert.equal(statusCode, 200);
    assert.deepEqual(
      seen.map((each) => [each.authorization, each.body]),
      [
        ['Bearer 1', 'twice'],
        ['Bearer 2', 'twice'],
      ],
    );
  });

  it('twice, is refused', async () => {
    const login = new Renewed();
    login.count = 5;
    const client = new ApiClient(access(), login);
    assert.equal((await client.send(`${client.server}/version`)).statusCode, 401);
    assert.equal(seen.length, 2);
  });

  it('and cannot be replaced, is refused at once', async () => {
    for (const login of [undefined, new Renewed(false)]) {
      seen = [];
      const client = new ApiClient(access(), login);
      assert.equal((await client.send(`${client.server}/version`)).statusCode, 401);
      assert.equal(seen.length, 1);
    }
  });
});

describe('connections', () => {
  it('are used again', async () => {
    const client = new ApiClient(access());
    for (let i = 0; i < 3; i++) await body(client);
    assert.equal(connections, 1);
  });

  it('that the server has closed just then are made anew', async () => {
    let count = 0;
    const closing = createTcpServer((socket: Socket) => {
      const number = ++count;
      let requests = 0;
      socket
        .on('error', () => {})
        .on('data', () => {
          // The first connection answers once.
          if (number === 1 && ++requests === 2) socket.resetAndDestroy();
          else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
        });
    });
    const client = new ApiClient(access({ server: `http://127.0.0.1:${await listen(closing)}` }));
    assert.equal(await body(client), '{}');
    assert.equal(await body(client), '{}');
    assert.equal(count, 2);
  });

  it('that the server closes at once are an error', async () => {
    const closing = createTcpServer((socket: Socket) => {
      socket.on('error', () => {}).once('data', () => socket.resetAndDestroy());
    });
    const client = new ApiClient(access({ server: `http://127.0.0.1:${await listen(closing)}` }));
    await assert.rejects(body(client), { code: 'ECONNRESET' });
  });

  it('that do not come about in ten seconds are given up', async () => {
    const mute = createTcpServer(() => {});
    const client = new ApiClient(access({ server: `https://127.0.0.1:${await listen(mute)}` }));
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const sent = body(client);
      sent.catch(() => {});
      await once(mute, 'connection');
      let settled = false;
      sent.finally(() => (settled = true)).catch(() => {});
      mock.timers.tick(9_999);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(settled, false);
      mock.timers.tick(1);
      await assert.rejects(sent, { code: 'ETIMEDOUT' });
    } finally {
      mock.timers.reset();
    }
  });

  it('show the certificate of the login that there is now, through a proxy too', async () => {
    const proxy = await connectProxy();
    proxies.push(proxy);
    const through = { url: `http://127.0.0.1:${proxy.port}`, namedBy: 'proxy-url' };
    for (const more of [{}, { proxy: through }]) {
      seen = [];
      let certified = false;
      const login: Login = {
        apply: async (options) => void (certified && Object.assign(options, { cert: CERTIFICATE, key: KEY })),
        renew: () => false,
      };
      const client = new ApiClient(access({ ...more, user: {} }), login);
      await body(client);
      await openSocket(client);
      certified = true;
      await body(client);
      await openSocket(client);
      const shown = seen.map(({ certificate }) => certificate);
      assert.deepEqual(shown, [undefined, undefined, 'api.test', 'api.test']);
    }
  });

  it('show the certificate that is in the files now, through a proxy too', async () => {
    using folder = new Folder();
    const proxy = await connectProxy();
    proxies.push(proxy);
    const user = { 'client-certificate': folder.write('crt', ''), 'client-key': folder.write('key', '') };
    const url = `http://127.0.0.1:${proxy.port}`;
    const client = new ApiClient(access({ user, proxy: { url, namedBy: 'proxy-url' } }));
    const broken = (error: unknown) => error instanceof TpError && error.code === 'TP_KUBECONFIG';
    await assert.rejects(body(client), broken, 'nothing is in them yet');
    await assert.rejects(openSocket(client), broken);
    folder.write('crt', CERTIFICATE);
    folder.write('key', KEY);
    await body(client);
    await openSocket(client);
    assert.deepEqual(
      seen.map(({ certificate }) => certificate),
      ['api.test', 'api.test'],
    );
  });

  it('to a cluster without an authority trust those of the machine', async () => {
    using folder = new Folder();
    const script = `
      import { ApiClient } from ${JSON.stringify(`${import.meta.dirname}/../../src/cluster/api-client.ts`)};
      const client = new ApiClient(JSON.parse(process.argv[1]));
      const response = await client.send(client.server + '/version');
      process.stdout.write(String(response.statusCode));
      process.exit();`;
    const trusting = access({ cluster: { 'tls-server-name': 'api.test' } });
    const env = { ...process.env, SSL_CERT_FILE: folder.write('ca.crt', CERTIFICATE) };
    const args = ['--input-type=module', '-e', script, JSON.stringify(trusting)];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    assert.equal(await text(child.stdout), '200');
    await assert.rejects(body(new ApiClient(trusting)), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });
});

/** Proxies, as the kubeconfig names them, and what they see of the login in it. */
const PROXIES: [
  what: string,
  start: () => Promise<TestProxy>,
  scheme: string,
  login: string,
  seen: string[],
][] = [
  ['an HTTP proxy', connectProxy, 'http', '', []],
  ['an HTTP proxy with a password', connectProxy, 'http', 'me:p%40ss@', ['me:p@ss']],
  ['a SOCKS proxy', socksProxy, 'socks5', '', []],
  ['a SOCKS proxy with a password', () => socksProxy(true), 'socks5', 'me:p%40ss@', ['me:p@ss']],
];

describe('through', () => {
  for (const [what, start, scheme, login, logins] of PROXIES) {
    it(`${what} go requests and streams; names are left to it`, async () => {
      const proxy = await start();
      proxies.push(proxy);
      const server = `https://api.test:${port}/prefix`;
      const url = `${scheme}://${login}127.0.0.1:${proxy.port}`;
      const client = new ApiClient(access({ server, proxy: { url, namedBy: 'proxy-url' } }));
      assert.equal(await body(client), '{}');
      await openSocket(client);
      assert.deepEqual(proxy.seen, [`api.test:${port}`, `api.test:${port}`]);
      assert.deepEqual(proxy.logins, [...logins, ...logins]);
      assert.deepEqual(
        seen.map(({ line }) => line),
        ['GET /prefix/version', 'GET /prefix/stream'],
      );
    });
  }

  it('a proxy that is not there: it is named, without its password', async () => {
    const proxy = await connectProxy();
    proxy.close();
    const url = `http://me:secret@127.0.0.1:${proxy.port}`;
    const client = new ApiClient(access({ proxy: { url, namedBy: 'HTTPS_PROXY' } }));
    await assert.rejects(body(client), {
      message: `ECONNREFUSED, through the proxy http://127.0.0.1:${proxy.port} (HTTPS_PROXY)`,
    });
  });

  it('a proxy that refuses: it is named, with what it answers', async () => {
    const proxy = await connectProxy('407 Proxy Authentication Required');
    proxies.push(proxy);
    const url = `http://127.0.0.1:${proxy.port}`;
    const client = new ApiClient(access({ proxy: { url, namedBy: 'proxy-url' } }));
    await assert.rejects(body(client), {
      message: `Bad response: 407, through the proxy ${url} (proxy-url)`,
    });
  });
});
