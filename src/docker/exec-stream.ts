import { Duplex } from 'node:stream';
import type Dockerode from 'dockerode';
import { Demultiplexer } from './demux.ts';

/** Bytes buffered each way before the other side is slowed down. */
const BUFFER_BYTES = 64 * 1024;

/** The last of stderr is kept (bytes), to show it when the process fails. */
const STDERR_BYTES = 8 * 1024;

/** A process in a container, run as root by `docker exec`: its stdin and stdout as a stream. */
export class ExecStream extends Duplex {
  readonly #socket: Duplex;
  readonly #exec: Dockerode.Exec;
  #stderr = '';

  /** Starts `command` in `container`. Throws what the Docker API throws. */
  static async start(container: Dockerode.Container, command: string[]): Promise<ExecStream> {
    const exec = await container.exec({
      Cmd: command,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      User: 'root',
    });
    return new ExecStream(exec, await exec.start({ hijack: true, stdin: true }));
  }

  private constructor(exec: Dockerode.Exec, socket: Duplex) {
    super({ highWaterMark: BUFFER_BYTES });
    this.#exec = exec;
    this.#socket = socket;
    const demultiplexer = new Demultiplexer();
    socket.on('data', (chunk: Buffer) => {
      let room = true;
      for (const { stderr, bytes } of demultiplexer.push(chunk)) {
        if (stderr) this.#keep(bytes);
        else room = this.push(bytes);
      }
      if (!room) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => {
      // What arrived before its end is still there to be read.
      if (socket.readableEnded && !this.readableEnded) this.once('end', () => this.destroy());
      else this.destroy();
    });
  }

  /** The last that the process wrote to stderr. */
  get stderr(): string {
    return this.#stderr.trim();
  }

  /** The process's exit code, once its stream has ended; null while it runs. */
  async exitCode(): Promise<number | null> {
    return (await this.#exec.inspect()).ExitCode;
  }

  #keep(bytes: Buffer): void {
    this.#stderr = (this.#stderr + bytes.toString('utf8')).slice(-STDERR_BYTES);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#socket.write(chunk)) done();
    else this.#socket.once('drain', done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
