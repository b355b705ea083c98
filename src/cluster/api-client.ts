import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  type Configuration,
  createConfiguration,
  type KubeConfig,
  type RequestContext,
  ResponseContext,
  SelfDecodingBody,
  ServerConfiguration,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
import type { Access } from './context.ts';
import { type ApiRequest, exchange } from './exchange.ts';
import { libraryConfig, SecureContexts, trustSystem } from './library-config.ts';
import { impersonation, type Login } from './login.ts';

/** A connection without use is closed after this long (ms). It also holds while connecting, so it has to be the longer. */
const IDLE_LIMIT_MS = 15_000;

/** A login for one request. */
interface Authorized {
  /** The login, TLS and, where there is a proxy, the agent that goes through it. */
  options: RequestOptions;
  /** Says that the server refused this login; whether it is worth asking for another one. */
  refused(): boolean;
}

/**
 * The way to one API server with one login. Requests, watches and streams all take it, so that what works for one works
 * for all: docs/adr/0019-one-way-to-the-api-server.md
 */
export class ApiClient {
  /** The API server's URL, without a slash at the end. */
  readonly server: string;
  readonly #access: Access;
  readonly #login: Login | undefined;
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #contexts = new SecureContexts();
  /** The client library's own logins keep in it what they were given. */
  readonly #config: KubeConfig;

  constructor(access: Access, login?: Login) {
    this.server = access.server;
    this.#access = access;
    this.#login = login;
    const secure = access.server.startsWith('https:');
    this.#agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, timeout: IDLE_LIMIT_MS });
    this.#config = libraryConfig(access, login);
    const { 'certificate-authority': file, 'certificate-authority-data': data } = access.cluster;
    if (secure && !file && !data) trustSystem();
  }

  /** What the API classes of the client library are made with. */
  get configuration(): Configuration {
    return createConfiguration({
      baseServer: new ServerConfiguration(this.server, {}),
      httpApi: wrapHttpLibrary({ send: (request) => this.#answer(request) }),
    });
  }

  /** Logs in before anything is asked, for a plugin that has a question to its person. Throws TpError. */
  async logIn(): Promise<void> {
    await this.#login?.apply({});
  }

  /** What a request or a WebSocket needs to be accepted. Throws TpError where there is no login. */
  async authorize(): Promise<Authorized> {
    const { user } = this.#access;
    const options: RequestOptions = { headers: { 'User-Agent': 'tp', ...impersonation(user) } };
    // A new one, else the library would go through a proxy with the certificate that it had first.
    const config = user['auth-provider'] ? this.#config : libraryConfig(this.#access, this.#login);
    await config.applyToHTTPSOptions(options);
    const secureContext = this.#contexts.of(options);
    if (!this.#access.proxy) {
      delete options.agent;
      Object.assign(options, { secureContext });
    }
    const time = performance.now();
    return { options, refused: () => this.#login?.renew(time) ?? false };
  }

  /** Sends a request; once more where its login is refused and there is a newer one. Rejects as node:https does. */
  async send(url: string, request: ApiRequest = {}): Promise<IncomingMessage> {
    const { options, refused } = await this.authorize();
    const response = await this.#exchange(url, request, options);
    if (response.statusCode !== 401 || !refused()) return response;
    response.resume();
    return await this.#exchange(url, request, (await this.authorize()).options);
  }

  /** An error of connecting, with the proxy where there is one: what does not answer may be that. */
  explained(error: Error): Error {
    const { proxy } = this.#access;
    if (!proxy) return error;
    const { code } = error as NodeJS.ErrnoException;
    const url = proxy.url.replace(/\/\/[^@/]*@/, '//');
    return new Error(`${code ?? error.message}, through the proxy ${url} (${proxy.namedBy})`);
  }

  async #exchange(url: string, request: ApiRequest, options: RequestOptions): Promise<IncomingMessage> {
    try {
      return await exchange(url, request, { agent: this.#agent, ...options });
    } catch (error) {
      throw request.signal?.aborted ? error : this.explained(error as Error);
    }
  }

  async #answer(request: RequestContext): Promise<ResponseContext> {
    const response = await this.send(request.getUrl(), {
      method: request.getHttpMethod(),
      headers: { 'Accept-Encoding': 'gzip', ...request.getHeaders() },
      body: request.getBody() as string | undefined,
      signal: request.getSignal(),
    });
    const body = await buffer(response);
    const plain = response.headers['content-encoding'] === 'gzip' ? await promisify(gunzip)(body) : body;
    const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
    return new ResponseContext(
      response.statusCode ?? 0,
      Object.fromEntries(headers),
      new SelfDecodingBody(Promise.resolve(plain)),
    );
  }
}
