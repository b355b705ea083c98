import { isIPv6 } from 'node:net';
import { type Answer, decode, encode, type Packet } from 'dns-packet';

/** Answers to DNS queries: Docker siblings and names of the laptop's from a table, all else from the pod's nameserver, kept for its TTL. */

/** Distinct queries kept; the oldest go first. A query and its answer are under 5 KiB. */
const MAX_CACHED = 2_000;

/** Queries on their way to the nameserver; further ones are dropped, and the client asks again. */
const MAX_PENDING = 1_000;

/** A nameserver that is silent for this long (ms) is not waited for: the client has asked again by then. */
const PENDING_MS = 10_000;

/** What we answer for siblings is as short-lived (s) as Docker's own answers are stable. */
const LOCAL_TTL_SECONDS = 5;

export interface DnsOptions {
  /** Sends a query to the pod's nameserver; its answer comes back through `answered`. */
  ask(query: Buffer, server: string): void;
  now?: () => number;
}

type Respond = (response: Buffer) => void;

interface Pending {
  key: string;
  waiting: { id: number; respond: Respond }[];
  since: number;
}

interface Kept {
  response: Buffer;
  /** Where it holds its TTLs. */
  ttls: number[];
  at: number;
  until: number;
}

export class Dns {
  readonly #options: DnsOptions;
  readonly #now: () => number;
  readonly #cache = new Map<string, Kept>();
  readonly #pending = new Map<number, Pending>();
  readonly #byKey = new Map<string, number>();
  #names: ReadonlyMap<string, readonly string[]> = new Map();
  #search: readonly string[] = [];
  #nextId = 0;

  constructor(options: DnsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Names that are answered here, those without addresses as no such name; and the search domains under which they are found too. */
  setNames(names: Readonly<Record<string, readonly string[]>>, search: readonly string[]): void {
    this.#names = new Map(Object.entries(names).map(([name, addresses]) => [name.toLowerCase(), addresses]));
    this.#search = search.map((domain) => domain.toLowerCase().replace(/\.$/, ''));
  }

  /** Answers `query`, sent to `server`: at once, later, or never when the nameserver does not. */
  query(query: Buffer, server: string, respond: Respond): void {
    if (query.length < 12) return;
    const id = query.readUInt16BE(0);
    const local = this.#localAnswer(query);
    if (local) return respond(local);
    // The whole query but its id: what differs in flags, case or EDNS options is another question.
    const key = `${server}/${query.toString('latin1', 2)}`;
    const cached = this.#cached(key);
    if (cached) return respond(withId(cached, id));
    const pendingId = this.#byKey.get(key);
    const pending = pendingId === undefined ? undefined : this.#pending.get(pendingId);
    if (pending && this.#now() - pending.since < PENDING_MS) {
      // A client that repeats itself asks the nameserver again: the first datagram may be lost.
      const same = pending.waiting.some((waiting) => waiting.id === id);
      if (!same && pending.waiting.length < MAX_PENDING) pending.waiting.push({ id, respond });
      if (same && pendingId !== undefined) this.#options.ask(withId(query, pendingId), server);
      return;
    }
    const upstream = this.#freeId();
    if (upstream === undefined) return;
    this.#pending.set(upstream, { key, waiting: [{ id, respond }], since: this.#now() });
    this.#byKey.set(key, upstream);
    this.#options.ask(withId(query, upstream), server);
  }

  /** Takes a response of the nameserver. Unknown and malformed ones are dropped. */
  answered(response: Buffer): void {
    if (response.length < 12) return;
    const upstream = response.readUInt16BE(0);
    const pending = this.#pending.get(upstream);
    if (!pending) return;
    this.#forget(upstream, pending);
    this.#keep(pending.key, response);
    for (const { id, respond } of pending.waiting) respond(withId(response, id));
  }

  #freeId(): number | undefined {
    const now = this.#now();
    for (const [id, pending] of this.#pending) {
      if (now - pending.since < PENDING_MS) break; // in the order of asking: the rest are younger
      this.#forget(id, pending);
    }
    if (this.#pending.size >= MAX_PENDING) return undefined;
    do this.#nextId = (this.#nextId + 1) & 0xffff;
    while (this.#pending.has(this.#nextId));
    return this.#nextId;
  }

  #forget(id: number, pending: Pending): void {
    this.#pending.delete(id);
    if (this.#byKey.get(pending.key) === id) this.#byKey.delete(pending.key);
  }

  #cached(key: string): Buffer | undefined {
    const entry = this.#cache.get(key);
    if (!entry) return undefined;
    const now = this.#now();
    if (now >= entry.until) {
      this.#cache.delete(key);
      return undefined;
    }
    return aged(entry, Math.floor((now - entry.at) / 1000));
  }

  #keep(key: string, response: Buffer): void {
    const seconds = lifetime(response);
    const ttls = seconds > 0 ? ttlOffsets(response) : undefined;
    if (!ttls) return;
    const [oldest] = this.#cache.keys();
    if (this.#cache.size >= MAX_CACHED && oldest !== undefined) this.#cache.delete(oldest);
    const now = this.#now();
    this.#cache.delete(key);
    this.#cache.set(key, { response, ttls, at: now, until: now + seconds * 1000 });
  }

  #localAnswer(query: Buffer): Buffer | undefined {
    if (this.#names.size === 0) return undefined;
    const packet = parsed(query);
    const question = packet?.questions?.[0];
    if (!packet || !question || packet.questions?.length !== 1) return undefined;
    const addresses = this.#sibling(question.name.toLowerCase());
    if (!addresses) return undefined;
    // A name that is there has "no data" of every other type, rather than being "no such name".
    const answers: Answer[] = addresses.flatMap((data) => {
      const type = isIPv6(data) ? 'AAAA' : 'A';
      return type === question.type ? { type, name: question.name, ttl: LOCAL_TTL_SECONDS, data } : [];
    });
    const rcode = addresses.length === 0 ? RCODE_NXDOMAIN : RCODE_NOERROR;
    const flags = ((packet.flags ?? 0) & 0x0100) | 0x0480 | rcode; // recursion desired as asked; authoritative, available
    return encode({ id: packet.id ?? 0, type: 'response', flags, questions: [question], answers });
  }

  #sibling(name: string): readonly string[] | undefined {
    const known = this.#names.get(name);
    if (known) return known;
    return this.#search
      .filter((domain) => name.endsWith(`.${domain}`))
      .map((domain) => this.#names.get(name.slice(0, -domain.length - 1)))
      .find((addresses) => addresses !== undefined);
  }
}

const withId = (packet: Buffer, id: number): Buffer => {
  const copy = Buffer.from(packet);
  copy.writeUInt16BE(id, 0);
  return copy;
};

function parsed(packet: Buffer): Packet | undefined {
  try {
    return decode(packet);
  } catch {
    return undefined; // malformed: for the nameserver to judge
  }
}

const RCODE_NOERROR = 0;
const RCODE_NXDOMAIN = 3;
const FLAG_TRUNCATED = 0x0200;

/** How long a response may be kept, in seconds: its shortest TTL, or for a negative one that of RFC 2308. */
function lifetime(response: Buffer): number {
  const flags = response.readUInt16BE(2);
  const rcode = flags & 0x0f;
  if ((flags & FLAG_TRUNCATED) !== 0 || (rcode !== RCODE_NOERROR && rcode !== RCODE_NXDOMAIN)) return 0;
  const packet = parsed(response);
  if (!packet) return 0;
  const { answers = [], authorities = [] } = packet;
  if (answers.length > 0)
    return Math.min(...answers.map((answer) => ('ttl' in answer ? (answer.ttl ?? 0) : 0)));
  const soa = authorities.find((record) => record.type === 'SOA');
  return soa ? Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0) : 0;
}

/**
 * The response with its TTLs less `seconds`, as a cache has to give it. Nothing else of it changes: written anew it would
 * lose what the decoder does not know, and its compression, and so outgrow the room that the client has.
 */
function aged({ response, ttls }: Kept, seconds: number): Buffer {
  if (seconds === 0) return response;
  const copy = Buffer.from(response);
  for (const at of ttls) copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(at) - seconds), at);
  return copy;
}

const HEADER_BYTES = 12;
const POINTER = 0xc0;
const TYPE_OPT = 41;

/** Where the records of a message hold their TTLs (RFC 1035, 4.1); OPT has flags there. Undefined if it is malformed. */
function ttlOffsets(message: Buffer): number[] | undefined {
  const offsets: number[] = [];
  let at = HEADER_BYTES;
  const skipName = () => {
    for (;;) {
      const length = message.readUInt8(at);
      at += length >= POINTER ? 2 : 1 + length;
      if (length === 0 || length >= POINTER) return;
    }
  };
  try {
    for (let left = message.readUInt16BE(4); left > 0; left--) {
      skipName();
      at += 4;
    }
    const records = [6, 8, 10].map((count) => message.readUInt16BE(count));
    for (let left = records.reduce((sum, count) => sum + count); left > 0; left--) {
      skipName();
      if (message.readUInt16BE(at) !== TYPE_OPT) offsets.push(at + 4);
      at += 10 + message.readUInt16BE(at + 8);
    }
    return offsets;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
