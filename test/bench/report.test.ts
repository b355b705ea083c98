import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseTicks, sharedPart } from '../../bench/cpu.ts';
import { Figures } from '../../bench/figures.ts';
import { type Run, terminalReport, writeReport } from '../../bench/report.ts';
import { type Phase, plannedAfter, timeline } from '../../bench/timeline.ts';
import { typicalStart } from '../../bench/timeline-chart.ts';

const MACHINE = {
  date: '2026-11-28',
  cores: 2,
  processor: 'P',
  memoryGib: 4,
  kernel: '6',
  docker: '20',
  kubernetes: '1.34',
  node: 'v24',
};

/** A run that measured a little. */
function run(): Run {
  const figures = new Figures();
  const bulk = { id: 'bulk.to.1', title: 'bulk to the laptop, one stream', unit: 'MiB/s' } as const;
  const cost = { id: 'cost.bulk.to.1.agent', title: 'for each GiB: agent', unit: 'CPU s' } as const;
  const memory = { id: 'memory.rest.agent', title: 'at rest: agent', unit: 'MiB' } as const;
  figures.add(bulk, 0, 'raw', 100);
  figures.add(bulk, 0, 'peer', 20);
  figures.add(bulk, 0, 'out', 95);
  figures.add(bulk, 20, 'out', 50);
  figures.add(cost, 0, 'out', 3);
  figures.add(memory, 0, 'out', 60);
  figures.check({ row: 'bulk.to.1', link: 0, way: 'out', bytes: 1, sent: 'a', received: 'a' });
  const starts = [[{ name: 'proxy pod <1>', begin: 0, end: 1.5 }]];
  return {
    figures,
    starts,
    size: { rounds: 1, bytes: 1024 ** 2, ms: 100 },
    machine: MACHINE,
    load: 0.25,
    peer: 'Other',
  };
}

describe('the report', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'bench-report-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const read = (file: string) => readFileSync(join(directory, file), 'utf8');

  it('has each aim beside what was measured, and whether it is met', () => {
    writeReport(directory, run());
    const lines = read('tables.md').split('\n');
    const line = (what: string) => lines.find((each) => each.includes(what));
    const first = 'Bulk: to the laptop, outbound, one stream: of one raw stream';
    assert.equal(line('of one raw stream'), `| ${first} | at least 0.9 | 0.95 | yes |`);
    assert.match(line('20 ms added: of that without') ?? '', /at least 0\.8 \| 0\.53 \| no \|$/);
    assert.equal(line('of kubectl port-forward'), undefined, 'it was not measured');
  });

  it('has a table for each link, one for CPU time and one for memory, each with its ways only', () => {
    writeReport(directory, run());
    const tables = read('tables.md');
    const headings = [...tables.matchAll(/^### (.*)$/gm)].map((match) => match[1]);
    const links = ['The link: as it is', 'The link: 20 ms added'];
    assert.deepEqual(headings, ['The aims', ...links, 'CPU time', 'Resident memory']);
    assert.ok(tables.includes('|  | one raw stream | Other | tp: laptop → pod |'));
    assert.ok(tables.includes('| bulk to the laptop, one stream, MiB/s | 50.0 |'));
    assert.match(tables, /Load average before: 0\.25\. 2026-11-28; 2 cores .* Linux 6, Docker 20/);
  });

  it('is short for the README', () => {
    writeReport(directory, run());
    const short = read('latest.md');
    assert.ok(short.includes('| bulk to the laptop, one stream, MiB/s | 100 | 20.0 | 95.0 |'));
    assert.ok(!short.includes('agent'));
    assert.match(short, /1 of 2 aims are met\./);
  });

  it('writes the charts of what was measured, and all values', () => {
    writeReport(directory, run());
    const charts = readdirSync(directory).filter((name) => name.endsWith('.svg'));
    assert.deepEqual(charts.sort(), ['bulk.svg', 'cost.svg', 'delayed.svg', 'memory.svg', 'timeline.svg']);
    assert.match(read('bulk.svg'), />Other<.*>95\.0</s);
    assert.match(read('timeline.svg'), />proxy pod &lt;1><.*>1500 ms</s);
    const { rows, checks, aims } = JSON.parse(read('latest.json')) as Record<string, unknown[]>;
    assert.deepEqual([rows?.length, checks?.length, aims?.length], [4, 1, 2]);
  });

  it('is printed, too', () => assert.match(terminalReport(run()), /^The aims\n\n.*one raw stream/s));
});

describe('the timeline of a start', () => {
  const step = (name: string, begin: number, end: number) => `${JSON.stringify({ name, begin, end })}\n`;
  const lines =
    step('loaded', 1_100, 1_100) +
    step('looking at image and cluster', 1_150, 1_240) +
    step('network container', 1_250, 1_500) +
    step('proxy pod', 1_245, 1_900) +
    step('removing the proxy', 9_000, 9_900);
  const moments = { command: 1_000, switched: 2_500, answered: 2_600 };

  it('has all phases in order, in seconds since the command', () => {
    const phases = timeline(lines, moments);
    assert.deepEqual(
      phases.map(({ begin, end }) => [begin, end]),
      [
        [0, 0.1],
        [0.1, 0.15],
        [0.15, 0.24],
        [0.245, 0.9],
        [0.25, 0.5],
        [0.9, 1.5],
        [1.5, 1.6],
      ],
    );
    assert.equal(plannedAfter(phases), 0.24);
  });

  it('takes an answer before tp has said so', () => {
    const last = timeline(lines, { ...moments, answered: 2_400 }).at(-1);
    assert.deepEqual([last?.begin, last?.end], [1.4, 1.4]);
  });

  it('refuses a start that told nothing', () => {
    assert.throws(() => timeline('', moments), /no steps/);
    assert.throws(() => plannedAfter([]), /looking at image and cluster/);
  });

  it('shows the typical of several', () => {
    const start = (end: number): Phase[] => [{ name: '', begin: 0, end }];
    assert.equal(typicalStart([start(3), start(1), start(2)])[0]?.end, 2);
    assert.deepEqual(typicalStart([]), []);
  });
});

describe('CPU time', () => {
  it('is read behind whatever a process calls itself', () => {
    const rest = 'S 1 1 1 0 -1 4194560 100 0 0 0 123 45 0 0 20 0 1 0 5 6 7';
    assert.equal(parseTicks(`42 (a) b (c)) ${rest}`), 168);
  });

  it('is each part’s own: what a process runs, not what its arguments name', () => {
    const apiServer = 'kube-apiserver --kubelet-client-key=/a/kubelet.key ';
    assert.equal(sharedPart(`/a/kubenode ${apiServer}`), 'API server');
    assert.equal(sharedPart(`/usr/local/bin/${apiServer}`), 'API server');
    assert.equal(sharedPart('/a/kubenode kubelet --config=/a '), 'kubelet');
    assert.equal(sharedPart('/usr/bin/kubelet --config=/a '), 'kubelet');
    assert.equal(sharedPart('containerd --config /var/lib/tpcluster/containerd.toml '), 'node’s containerd');
    assert.equal(sharedPart('/usr/bin/containerd --config /etc/containerd.toml '), undefined);
    assert.equal(sharedPart('vi /a/kubenode kubelet '), undefined);
  });
});
