import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';

/** The end of what the client says is kept (bytes), to explain a connection that failed. */
const STDERR_BYTES = 4 * 1024;

/**
 * A connection to a daemon that only Docker's own client knows how to reach (ssh): a `docker system dial-stdio`, whose
 * stdin and stdout are the daemon's API. So the user's ssh, its agent, configuration and known hosts are used.
 */
export class DialStdio extends Duplex {
  readonly #client: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(env: NodeJS.ProcessEnv) {
    super();
    const client = spawn('docker', ['system', 'dial-stdio'], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#client = client;
    let said = '';
    client.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-STDERR_BYTES);
    });
    client.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) client.stdout.pause();
    });
    client.stdin.on('error', () => {}); // it has ended: why is known when all that it said was read
    client.on('error', (error) => this.destroy(error));
    client.on('close', (code, signal) => {
      // Read to its end it goes, or it would wait among the idle connections for a request that nobody answers.
      if (code === 0) this.once('end', () => this.destroy()).push(null);
      else this.destroy(new Error(said.trim() || `docker system dial-stdio: exit ${signal ?? code}`));
    });
  }

  override _read(): void {
    this.#client.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#client.stdin.write(chunk)) done();
    else this.#client.stdin.once('drain', done);
  }

  override _final(done: () => void): void {
    this.#client.stdin.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#client.kill();
    done(error);
  }

  // What Node's HTTP client calls on a socket.
  setKeepAlive = (): this => this;
  setNoDelay = (): this => this;
  setTimeout = (): this => this;
  ref = (): this => this;
  unref = (): this => this;
}
