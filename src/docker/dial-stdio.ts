import { spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';

/** The end of what the client says is kept (bytes), to explain a connection that failed. */
const STDERR_BYTES = 4 * 1024;

/**
 * Connections to a daemon that only Docker's own client knows how to reach (ssh): each is a `docker system dial-stdio`,
 * whose stdin and stdout are the daemon's API. So the user's ssh, its agent, configuration and known hosts are used.
 */
export class DialStdioAgent extends Agent {
  readonly #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    super({ keepAlive: true });
    this.#env = env;
  }

  override createConnection(_options: unknown, done?: (error: Error | null, stream: Duplex) => void): Duplex {
    const client = spawn('docker', ['system', 'dial-stdio'], {
      env: this.#env,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stream = Duplex.from({ readable: client.stdout, writable: client.stdin }) as Duplex & SocketMethods;
    let said = '';
    client.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-STDERR_BYTES);
    });
    client.on('error', (error) => stream.destroy(error));
    client.on('exit', (code) => {
      if (code !== 0 && code !== null)
        stream.destroy(new Error(said.trim() || `docker system dial-stdio: exit ${code}`));
    });
    stream.on('close', () => client.kill());
    // What Node's HTTP client calls on a socket.
    Object.assign(stream, { setKeepAlive: () => stream, setNoDelay: () => stream, setTimeout: () => stream });
    Object.assign(stream, { ref: () => stream, unref: () => stream });
    done?.(null, stream);
    return stream;
  }
}

interface SocketMethods {
  setKeepAlive(): Duplex;
}
