/**
 * The agent's log: lines to the output of the container's first process, so that `docker logs` shows them when nobody
 * hears the agent any more. Nothing in them is secret: they are made of what messages.ts says.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { AgentEvent } from './messages.ts';

const FIRST_PROCESS_OUTPUT = '/proc/1/fd/1';

/** A line is written whole or not at all up to this (bytes): PIPE_BUF of pipe(7). */
const MAX_LINE_BYTES = 4_096;

/** Without waiting: a Docker that reads nothing costs lines, and never holds up the agent. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK;

export class AgentLog {
  readonly #descriptor: number | undefined;

  constructor(path = FIRST_PROCESS_OUTPUT) {
    this.#descriptor = opened(path);
  }

  /** Writes a line with the time. */
  say(text: string): void {
    if (this.#descriptor === undefined) return;
    const line = Buffer.from(`${new Date().toISOString()} ${text.trim().replace(/\s*\n\s*/g, ' | ')}`);
    try {
      writeSync(this.#descriptor, Buffer.concat([line.subarray(0, MAX_LINE_BYTES - 1), Buffer.from('\n')]));
    } catch {
      // EAGAIN, or Docker has gone: the session matters more than its log
    }
  }

  /** Writes what the CLI is told. */
  event(event: AgentEvent): void {
    const words = wordsOf(event);
    if (words !== undefined) this.say(words);
  }

  /** From now on says why the agent crashes, before it does as it always would. */
  followCrashes(): void {
    process.on('uncaughtExceptionMonitor', (error) => this.say(`crashed: ${error.stack ?? error.message}`));
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}

function opened(path: string): number | undefined {
  try {
    return openSync(path, FLAGS);
  } catch {
    return undefined; // no such process, or not ours: a log is not worth a session
  }
}

function wordsOf(event: AgentEvent): string | undefined {
  switch (event.event) {
    case 'started':
      return 'the agent takes links';
    case 'configured':
      return "routes, rules and DNS are the pod's";
    case 'paused':
      return 'connections wait for the next process';
    case 'linked':
      return event.resumed ? 'linked to the proxy again: connections go on' : 'linked to the proxy';
    case 'unlinked':
      return `unlinked${event.kept ? ', connections wait for another link' : ''}: ${event.reason}`;
    case 'figures':
      return undefined; // somebody looks now and then
    case 'listening':
      return `listening on ${[...event.ports, ...event.udp.map((port) => `${port}/udp`)].join(', ') || 'no port'}`;
    case 'warning':
      return `warning: ${event.message}`;
  }
}
