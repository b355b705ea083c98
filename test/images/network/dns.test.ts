import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Answer, decode, encode, type Packet, type RecordType } from 'dns-packet';
import fc from 'fast-check';
import { Dns } from '../../../images/network/dns.ts';

const SERVER = '10.43.0.10';
const SEARCH = ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'];
const RECURSION_DESIRED = 0x0100;
const TRUNCATED = 0x0200;
/** As many as each is documented to hold. */
const MAX_CACHED = 2_000;
const MAX_PENDING = 1_000;
const SECOND = 1_000;
/** What one query may take of the agent's time (ms), however it is made. */
const QUICK_MS = 500;

let now: number;
let dns: Dns;
/** What was asked of the pod's nameserver, and not yet answered. */
let asked: { query: Buffer; server: string }[];

beforeEach(() => {
  now = 1_000_000;
  const mine: typeof asked = [];
  asked = mine;
  dns = new Dns({ ask: (query, server) => mine.push({ query, server }), now: () => now });
});

const question = (name: string, { id = 7, type = 'A' as RecordType, flags = RECURSION_DESIRED } = {}) =>
  encode({ type: 'query', id, flags, questions: [{ name, type, class: 'IN' }] });

/** Asks, and gives the answers as they come. */
function ask(query: Buffer, server = SERVER): Buffer[] {
  const answers: Buffer[] = [];
  dns.query(query, server, (response) => answers.push(response));
  return answers;
}

/** What the nameserver says to the query it was asked last, or to the `index`th. */
function answer(packet: Partial<Packet>, { rcode = 0, flags = 0, index = asked.length - 1 } = {}): void {
  const query = asked[index]?.query;
  assert.ok(query, 'the nameserver was not asked');
  const { id = 0, questions = [] }: Packet = decode(query);
  dns.answered(encode({ type: 'response', id, questions, flags: 0x8180 | flags | rcode, ...packet }));
}

const a = (name: string, ttl: number, data = '10.43.0.7'): Answer => ({ type: 'A', name, ttl, data });
const soa = (ttl: number, minimum: number): Answer => ({
  type: 'SOA',
  name: 'cluster.local',
  ttl,
  data: {
    mname: 'ns.dns.cluster.local',
    rname: 'hostmaster.cluster.local',
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum,
  },
});
const addresses = (response: Buffer | undefined) =>
  (decode(response ?? Buffer.alloc(12)).answers ?? []).map((each) =>
    'data' in each ? each.data : undefined,
  );
const ttls = (response: Buffer | undefined) =>
  (decode(response ?? Buffer.alloc(12)).answers ?? []).map((each) => ('ttl' in each ? each.ttl : undefined));
const rcodeOf = (response: Buffer | undefined) => (response?.readUInt16BE(2) ?? 0) & 0x0f;

describe('a query', () => {
  it('goes to the server that was asked, and its answer back with the asker’s id', () => {
    const answers = ask(question('thing1.shop.svc.cluster.local', { id: 4711 }));
    assert.equal(asked.length, 1);
    assert.equal(asked[0]?.server, SERVER);
    assert.equal(answers.length, 0);
    answer({ answers: [a('thing1.shop.svc.cluster.local', 30)] });
    assert.equal(answers.length, 1);
    assert.equal(answers[0]?.readUInt16BE(0), 4711);
    assert.deepEqual(addresses(answers[0]), ['10.43.0.7']);
  });

  it('is otherwise passed on byte for byte, whatever its type', () => {
    for (const type of [
      'A',
      'AAAA',
      'SRV',
      'TXT',
      'MX',
      'CAA',
      'NAPTR',
      'SOA',
      'ANY',
      'UNKNOWN_65',
    ] as RecordType[]) {
      const query = question('x', { type });
      ask(query);
      assert.deepEqual(asked.at(-1)?.query.subarray(2), query.subarray(2), type);
    }
  });

  it('has another id on the way: the asker’s may not be unique', () => {
    const one = ask(question('one', { id: 1 }));
    const two = ask(question('two', { id: 1 }));
    assert.notEqual(asked[0]?.query.readUInt16BE(0), asked[1]?.query.readUInt16BE(0));
    answer({ answers: [a('two', 30, '10.0.0.2')] }, { index: 1 });
    answer({ answers: [a('one', 30, '10.0.0.1')] }, { index: 0 });
    assert.deepEqual([addresses(one[0]), addresses(two[0])], [['10.0.0.1'], ['10.0.0.2']]);
  });

  it('that is not one is dropped', () => {
    for (const length of [0, 1, 11]) assert.deepEqual(ask(Buffer.alloc(length)), []);
    assert.deepEqual(asked, []);
  });

  it('has its answer once, and what nobody asked for is nobody’s', () => {
    const answers = ask(question('x'));
    const response = encode({ type: 'response', id: asked[0]?.query.readUInt16BE(0) ?? 0, flags: 0x8183 });
    dns.answered(response);
    dns.answered(response);
    dns.answered(encode({ type: 'response', id: 60_000, flags: 0x8180 }));
    dns.answered(Buffer.alloc(3));
    assert.equal(answers.length, 1);
  });

  it('that is asked by many at once is asked of the server once', () => {
    const all = [1, 2, 3].map((id) => ask(question('x', { id })));
    assert.equal(asked.length, 1);
    answer({ answers: [a('x', 0)] });
    assert.deepEqual(
      all.map(([response]) => response?.readUInt16BE(0)),
      [1, 2, 3],
    );
  });

  it('that the asker repeats is asked of the server again, for the first may be lost', () => {
    const query = question('x');
    const answers = ask(query);
    dns.query(query, SERVER, (response) => answers.push(response));
    assert.equal(asked.length, 2);
    assert.deepEqual(asked[0]?.query, asked[1]?.query);
    answer({ answers: [a('x', 30)] });
    assert.equal(answers.length, 1, 'one answer, as any resolver would give');
  });

  it('that the server never answers is forgotten, and asked anew', () => {
    ask(question('x', { id: 1 }));
    now += 11 * SECOND;
    const later = ask(question('x', { id: 2 }));
    assert.equal(asked.length, 2);
    answer({ answers: [a('x', 30)] });
    assert.equal(later.length, 1);
  });

  it('differs from another in type, flags, case, options and server', () => {
    const name = 'x.example.com';
    const options: Answer = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 1232,
      flags: 0x8000,
      extendedRcode: 0,
      ednsVersion: 0,
      flag_do: true,
      options: [],
    };
    const questions: Packet['questions'] = [{ name, type: 'A' }];
    // Each with an id of its own: one that comes again is its asker's repetition.
    ask(question(name, { id: 1 }));
    ask(question(name, { id: 2, type: 'AAAA' }));
    ask(question(name, { id: 3, flags: 0 }));
    ask(question('X.example.com', { id: 4 }));
    ask(question(name, { id: 5 }), '10.43.0.11');
    ask(encode({ type: 'query', id: 6, flags: RECURSION_DESIRED, questions, additionals: [options] }));
    assert.equal(asked.length, 6);
  });

  it('is dropped while too many wait for the server, and not when they have waited too long', () => {
    for (let n = 0; n < MAX_PENDING + 50; n++) ask(question(`n${n}`));
    assert.equal(asked.length, MAX_PENDING);
    const ids = new Set(asked.map(({ query }) => query.readUInt16BE(0)));
    assert.equal(ids.size, MAX_PENDING);
    answer({ answers: [a('n0', 0)] }, { index: 0 });
    ask(question('room'));
    assert.equal(asked.length, MAX_PENDING + 1);
    now += 11 * SECOND;
    ask(question('later'));
    assert.equal(asked.length, MAX_PENDING + 2);
  });

  it('that is malformed is the nameserver’s to judge, and quickly, where siblings have names, too', () => {
    dns.setNames({ db: ['172.18.0.3'] }, SEARCH);
    const whole = question('db.shop.svc.cluster.local');
    const changed = fc
      .tuple(fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { minLength: 1, maxLength: 8 }), fc.nat(60))
      .map(([changes, length]) => {
        const query = Buffer.concat([whole, Buffer.alloc(60)]);
        for (const [at, value] of changes) query.writeUInt8(value, at);
        return query.subarray(0, 12 + length);
      });
    const noise = fc.uint8Array({ minLength: 12, maxLength: 600 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(changed, noise), (query) => {
        const [local] = ask(query);
        if (local) assert.equal(local.readUInt16BE(0), query.readUInt16BE(0));
        else assert.deepEqual(asked.at(-1)?.query.subarray(2), query.subarray(2));
        now += 11 * SECOND; // so that what waits is forgotten
      }),
      { numRuns: 1_000 },
    );
    // Names that point to themselves, to each other, or behind the end; counts of questions that are not there.
    const header = (count: number) => Buffer.from([0, 7, 1, 0, count >> 8, count & 255, 0, 0, 0, 0, 0, 0]);
    for (const [count, body] of [
      [1, 'c00c00010001'],
      [1, 'c00ec00c00010001'],
      [1, 'ffff00010001'],
      [0xffff, '0264620000010001'],
      [0xffff, `${'c00c00010001'.repeat(10_000)}`],
    ] as const) {
      const began = performance.now();
      assert.deepEqual(ask(Buffer.concat([header(count), Buffer.from(body, 'hex')])), []);
      assert.ok(performance.now() - began < QUICK_MS, body.slice(0, 12));
    }
  });

  it('may be asked for ever: ids come round', () => {
    for (let n = 0; n < 70_000; n++) {
      const answers = ask(question(`n${n % 7}`, { id: n & 0xffff }));
      if (answers.length === 0) answer({}, { rcode: 2 });
      assert.equal(answers[0]?.readUInt16BE(0), n & 0xffff);
      asked.length = 0;
    }
  });
});

describe('an answer', () => {
  const NAME = 'thing1.shop.svc.cluster.local';
  /** Whether the next one to ask is answered without the server. */
  const kept = (query = question(NAME, { id: 99 })) => {
    const before = asked.length;
    const [response] = ask(query);
    if (response === undefined) {
      assert.equal(asked.length, before + 1);
      answer({}, { rcode: 2 }); // so that it does not stay pending
    }
    return response;
  };

  it('is kept for its TTL, and no longer', () => {
    ask(question(NAME));
    answer({ answers: [a(NAME, 30)] });
    now += 29.9 * SECOND;
    const response = kept();
    assert.deepEqual(addresses(response), ['10.43.0.7']);
    assert.equal(response?.readUInt16BE(0), 99);
    now += 0.2 * SECOND;
    assert.equal(kept(), undefined);
  });

  it('is kept for its shortest TTL', () => {
    ask(question(NAME));
    answer({ answers: [{ type: 'CNAME', name: NAME, ttl: 300, data: 'x' }, a('x', 5), a('x', 60)] });
    now += 4 * SECOND;
    assert.ok(kept());
    now += 2 * SECOND;
    assert.equal(kept(), undefined);
  });

  it('that may not be kept is not', () => {
    ask(question(NAME));
    answer({ answers: [a(NAME, 0)] });
    assert.equal(kept(), undefined);
  });

  it('has TTLs that are less by what has passed', () => {
    ask(question(NAME));
    answer({ answers: [a(NAME, 30), a(NAME, 90)] });
    assert.deepEqual(ttls(kept()), [30, 90]);
    now += 10.5 * SECOND;
    assert.deepEqual(ttls(kept()), [20, 80]);
    now += 19 * SECOND;
    assert.deepEqual(ttls(kept()), [1, 61]);
  });

  it('that says there is no such name is kept as RFC 2308 says', () => {
    for (const [ttl, minimum] of [
      [30, 300],
      [300, 30],
    ] as const) {
      const name = `ttl${ttl}`;
      ask(question(name));
      answer({ authorities: [soa(ttl, minimum)] }, { rcode: 3 });
      now += 29 * SECOND;
      assert.equal(rcodeOf(kept(question(name))), 3);
      now += 2 * SECOND;
      assert.equal(kept(question(name)), undefined);
    }
  });

  it('that says there is no such data is kept too', () => {
    ask(question(NAME, { type: 'AAAA' }));
    answer({ authorities: [soa(30, 30)] });
    const response = kept(question(NAME, { type: 'AAAA' }));
    assert.equal(rcodeOf(response), 0);
    assert.deepEqual(addresses(response), []);
  });

  it('that is negative without a word on how long is not kept', () => {
    ask(question(NAME));
    answer({}, { rcode: 3 });
    assert.equal(kept(), undefined);
  });

  it('that says the server failed, or refuses, is passed on and not kept', () => {
    for (const rcode of [1, 2, 4, 5]) {
      const answers = ask(question(NAME, { id: rcode }));
      answer({ answers: [a(NAME, 30)] }, { rcode });
      assert.equal(rcodeOf(answers[0]), rcode);
      assert.equal(kept(), undefined, `rcode ${rcode}`);
    }
  });

  it('that is cut short is passed on, so that the asker tries TCP, and not kept', () => {
    const answers = ask(question(NAME));
    answer({ answers: [a(NAME, 30)] }, { flags: TRUNCATED });
    assert.equal((answers[0]?.readUInt16BE(2) ?? 0) & TRUNCATED, TRUNCATED);
    assert.equal(kept(), undefined);
  });

  it('that nobody can read is passed on, and not kept', () => {
    const answers = ask(question(NAME));
    const id = asked[0]?.query.readUInt16BE(0) ?? 0;
    const response = Buffer.from([id >> 8, id & 255, 0x81, 0x80, 0, 1, 0, 200, 0, 0, 0, 0, 1, 2, 3]);
    dns.answered(response);
    assert.deepEqual(answers[0]?.subarray(2), response.subarray(2));
    assert.equal(kept(), undefined);
  });

  it('is one of so many that are kept; the oldest goes first', () => {
    for (let n = 0; n <= MAX_CACHED; n++) {
      ask(question(`n${n}`));
      answer({ answers: [a(`n${n}`, 3600)] });
      asked.length = 0;
    }
    assert.ok(kept(question(`n${MAX_CACHED}`)));
    assert.ok(kept(question('n1')));
    assert.equal(kept(question('n0')), undefined);
  });

  it('comes from the cache as it came from the server, but for its age', () => {
    // Names that are compressed, a record that nobody knows, labels with dots and binary ones, and options.
    const response = Buffer.from(
      [
        '0000 8180 0001 0003 0000 0001', // id, flags, counts
        '03777777 076578616d706c65 03636f6d 00 0041 0001', // www.example.com, HTTPS
        'c00c 0005 0001 0000003c 0006 03612e62 c010', // CNAME "a.b".example.com, 60 s
        'c02d 0041 0001 0000012c 0007 0001 00 000100 00', // HTTPS, 300 s; not for anybody to read
        'c02d fde8 0001 00000258 0003 ff00c0', // a private type, 600 s, bytes like a pointer
        '00 0029 04d0 00 00 8000 0006 000a 0002 abcd', // OPT: its "TTL" is flags
      ]
        .join('')
        .replaceAll(' ', ''),
      'hex',
    );
    const query = Buffer.concat([
      Buffer.from('0007 0100 0001 0000 0000 0000'.replaceAll(' ', ''), 'hex'),
      response.subarray(12, 33),
    ]);
    const live = ask(query);
    const id = asked[0]?.query.readUInt16BE(0) ?? 0;
    const sent = Buffer.from(response);
    sent.writeUInt16BE(id, 0);
    dns.answered(sent);
    const expected = Buffer.from(response);
    expected.writeUInt16BE(7, 0);
    assert.deepEqual(live[0], expected);
    now += 20 * SECOND;
    const older = Buffer.from(expected);
    for (const [before, after] of [
      ['0000003c', '00000028'],
      ['0000012c', '00000118'],
      ['00000258', '00000244'],
    ] as const) {
      older.write(after, older.indexOf(before, 'hex'), 'hex');
    }
    assert.deepEqual(ask(query)[0]?.toString('hex'), older.toString('hex'));
  });

  it('does not grow by its age beyond what a client has room for', () => {
    const name = `${'a'.repeat(40)}.${'b'.repeat(40)}.example.com`;
    ask(question(name));
    // Twenty records of 16 bytes each, as every server sends them: the name once, and then where it stands.
    const head = decode(asked[0]?.query ?? Buffer.alloc(0));
    const bare = encode({
      type: 'response',
      id: head.id ?? 0,
      flags: 0x8180,
      questions: head.questions ?? [],
    });
    bare.writeUInt16BE(20, 6);
    const record = Buffer.from('c00c000100010000003c00040a000001', 'hex');
    const response = Buffer.concat([bare, ...Array.from({ length: 20 }, () => record)]);
    assert.ok(response.length < 512);
    dns.answered(response);
    now += 5 * SECOND;
    const [later] = ask(question(name));
    assert.equal(later?.length, response.length);
    assert.deepEqual(new Set(ttls(later)), new Set([55]));
  });
});

describe('a sibling', () => {
  const found = (name: string, type: RecordType = 'A') => {
    const [response] = ask(question(name, { type }));
    return response && decode(response);
  };
  const data = (name: string) =>
    (found(name)?.answers ?? []).map((each) => ('data' in each ? each.data : undefined));

  beforeEach(() => {
    dns.setNames(
      { db: ['172.20.0.3', '172.20.0.4'], 'Shop-Web-1': ['172.20.0.5'], 'a.b': ['172.20.0.6'] },
      SEARCH,
    );
  });

  it('is found by its name, whatever its case', () => {
    assert.deepEqual(data('db'), ['172.20.0.3', '172.20.0.4']);
    assert.deepEqual(data('DB'), ['172.20.0.3', '172.20.0.4']);
    assert.deepEqual(data('shop-web-1'), ['172.20.0.5']);
    assert.deepEqual(data('a.b'), ['172.20.0.6']);
    assert.deepEqual(asked, [], 'nobody in the cluster was asked');
  });

  it('is found with each search domain too, for many resolvers never ask without', () => {
    for (const domain of SEARCH) {
      assert.deepEqual(data(`db.${domain}`), ['172.20.0.3', '172.20.0.4'], domain);
      assert.deepEqual(data(`a.b.${domain}`), ['172.20.0.6'], domain);
    }
    assert.deepEqual(data('DB.Shop.svc.cluster.LOCAL'), ['172.20.0.3', '172.20.0.4']);
  });

  it('is found with each of them in whatever order they are', () => {
    dns.setNames({ db: ['172.20.0.3'] }, ['cluster.local.', 'shop.svc.cluster.local']);
    assert.deepEqual(data('db.shop.svc.cluster.local'), ['172.20.0.3']);
    assert.deepEqual(data('db.cluster.local'), ['172.20.0.3']);
  });

  it('answers as to the question: its id, its name as it was written', () => {
    const [response] = ask(question('Db', { id: 321 }));
    const packet = decode(response ?? Buffer.alloc(12));
    assert.equal(packet.id, 321);
    assert.equal(packet.type, 'response');
    assert.equal(packet.questions?.[0]?.name, 'Db');
    assert.equal(packet.answers?.[0]?.name, 'Db');
    assert.equal(packet.flag_rd, true);
    assert.equal(packet.flag_ra, true);
    assert.equal(rcodeOf(response), 0);
    assert.deepEqual(ttls(response), [5, 5]);
    assert.equal(decode(ask(question('db', { flags: 0 }))[0] ?? Buffer.alloc(12)).flag_rd, false);
  });

  it('is answered with its addresses of the family that was asked for', () => {
    dns.setNames({ both: ['172.20.0.3', 'fd20::3'] }, []);
    assert.deepEqual(data('both'), ['172.20.0.3']);
    assert.deepEqual(
      found('both', 'AAAA')?.answers?.map((answer) => 'data' in answer && answer.data),
      ['fd20::3'],
    );
  });

  it('has no address of a family without one, which is not the same as no such name', () => {
    for (const type of ['AAAA', 'TXT', 'SRV'] as RecordType[]) {
      const packet = found('db', type);
      assert.ok(packet, type);
      assert.equal((packet as { rcode?: string }).rcode, 'NOERROR');
      assert.deepEqual(packet.answers, []);
    }
    assert.deepEqual(asked, []);
  });

  it('of the laptop’s that it does not know is no such name, at once, and nobody in the cluster is asked', () => {
    dns.setNames({ 'git.example.com': [] }, SEARCH);
    for (const name of ['git.example.com', 'Git.example.com', `git.example.com.${SEARCH[0]}`]) {
      for (const type of ['A', 'AAAA', 'TXT'] as RecordType[]) {
        assert.equal((found(name, type) as { rcode?: string } | undefined)?.rcode, 'NXDOMAIN', name);
      }
    }
    assert.deepEqual(asked, []);
  });

  it('is not every name that looks like its own', () => {
    for (const name of [
      'db2',
      'x.db',
      'db.example.com',
      'dbshop.svc.cluster.local',
      'cluster.local',
      'db.x.cluster.local',
    ]) {
      assert.equal(found(name), undefined, name);
    }
    assert.equal(asked.length, 6);
  });

  it('is one no more when it has gone', () => {
    dns.setNames({}, SEARCH);
    assert.equal(found('db'), undefined);
    assert.equal(asked.length, 1);
  });

  it('is found before what the cluster said of its name', () => {
    dns.setNames({}, SEARCH);
    ask(question('db'));
    answer({}, { rcode: 3 });
    dns.setNames({ db: ['172.20.0.3'] }, SEARCH);
    assert.deepEqual(data('db'), ['172.20.0.3']);
  });
});

describe('whatever comes over the network', () => {
  const bytes = fc.uint8Array({ maxLength: 80 }).map((each) => Buffer.from(each));
  const name = fc.constantFrom('db', 'x.example.com', 'db.cluster.local', '');
  const record = fc.oneof(
    fc.tuple(name, fc.nat(100)).map(([each, ttl]): Answer => a(each, ttl)),
    fc.nat(100).map((ttl): Answer => soa(ttl, 5)),
    fc.tuple(name, fc.nat(100)).map(([each, ttl]): Answer => ({ type: 'TXT', name: each, ttl, data: ['x'] })),
  );
  const response = fc
    .tuple(
      name,
      fc.array(record, { maxLength: 4 }),
      fc.array(record, { maxLength: 2 }),
      fc.constantFrom(0, 3),
    )
    .map(([each, answers, authorities, rcode]) =>
      encode({
        type: 'response',
        flags: 0x8180 | rcode,
        questions: [{ name: each, type: 'A' }],
        answers,
        authorities,
      }),
    );
  /** A well-formed packet in which some bytes are others, cut off somewhere. */
  const damaged = fc
    .tuple(response, fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 5 }), fc.nat(200))
    .map(([whole, changes, length]) => {
      const copy = Buffer.from(whole);
      for (const [at, value] of changes) if (at < copy.length) copy.writeUInt8(value, at);
      return copy.subarray(0, length);
    });

  it('nothing is thrown, also when it is kept and grows old', () => {
    dns.setNames({ db: ['172.20.0.3'] }, SEARCH);
    fc.assert(
      fc.property(
        fc.oneof(bytes, damaged),
        fc.oneof(bytes, damaged),
        fc.nat(120),
        (query, reply, seconds) => {
          ask(query);
          const pending = asked.pop();
          if (pending && reply.length >= 2) {
            const copy = Buffer.from(reply);
            copy.writeUInt16BE(pending.query.readUInt16BE(0), 0);
            dns.answered(copy);
          }
          dns.answered(reply);
          now += seconds * SECOND;
          for (const again of ask(query)) assert.equal(again.readUInt16BE(0), query.readUInt16BE(0));
          asked.length = 0;
        },
      ),
      { numRuns: 5_000 },
    );
  });
});
