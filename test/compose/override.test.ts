import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseDocument } from 'yaml';
import type { Match } from '../../src/compose/match.ts';
import { isOurs, overrideText, writeOverride } from '../../src/compose/override.ts';
import type { ComposeProject, ComposeService } from '../../src/compose/project.ts';
import { TpError } from '../../src/errors.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tp-override-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const MATCHES: Match[] = [
  { service: 'web', workload: 'deployment/web', container: 'app', prefer: 'compose' },
  { service: 'a.pi', workload: 'deployment/api', container: 'app', prefer: 'compose' },
];

const project = (services: Record<string, ComposeService> = {}, more: string[] = []): ComposeProject => {
  const files = ['compose.yaml', ...more].map((name) => join(directory, name));
  return { name: 'shop', directory, files, named: false, services };
};

interface Override {
  services: Record<string, { network_mode: string; env_file: { path: string }[] }>;
}
const parsed = (text: string): Override => parseDocument(text, { logLevel: 'silent' }).toJS();

describe('the override', () => {
  it('is YAML that joins each service to its network container', () => {
    const { services } = parsed(overrideText(project(), MATCHES));
    assert.deepEqual(Object.keys(services), ['web', 'a.pi']);
    assert.equal(services.web?.network_mode, 'container:tp-shop-web');
    assert.match(
      services['a.pi']?.env_file[0]?.path ?? '',
      /^\$\{XDG_RUNTIME_DIR:-.*\}\/tp-shop-a\.pi\/environment$/,
    );
  });

  it('says what made it, from what, and how to be rid of it', () => {
    const text = overrideText(project({}, ['compose.override.yml']), MATCHES);
    assert.match(text, /^# Made by `tp compose generate`, from compose\.yaml, compose\.override\.yml\.\n/);
    assert.match(text, /# web acts as deployment\/web, container app\.\n/);
    assert.match(text, /delete this file/);
  });

  it('is made from a template of the team’s where there is one', () => {
    mkdirSync(join(directory, 'compose-templates'));
    const template = join(directory, 'compose-templates/service.yaml');
    writeFileSync(
      template,
      'services:\n  {{service}}:\n    network_mode: {{network_mode}}\n    labels: [mine]\n',
    );
    assert.match(overrideText(project(), MATCHES), /labels: \[mine\]/);
    writeFileSync(template, 'services:\n  {{service}}:\n    x: {{nosuch}}\n');
    assert.throws(
      () => overrideText(project(), MATCHES),
      (error: unknown) => error instanceof TpError && error.code === 'TP_COMPOSE_FILE',
    );
  });
});

describe('where it is written', () => {
  const write = (of = project()) => {
    const { path, found } = writeOverride(of, MATCHES);
    return [basename(path), found];
  };

  it('is Compose’s own place where that is free, again and again', () => {
    assert.deepEqual(write(), ['docker-compose.override.yml', true]);
    assert.ok(isOurs(join(directory, 'docker-compose.override.yml')));
    assert.deepEqual(write(), ['docker-compose.override.yml', true]);
  });

  it('is another where the project has an override, of whatever name', () => {
    writeFileSync(join(directory, 'compose.override.yaml'), 'services: {}\n');
    assert.deepEqual(write(), ['docker-compose.tp.yml', false]);
    assert.equal(readFileSync(join(directory, 'compose.override.yaml'), 'utf8'), 'services: {}\n');
  });

  it('is another where the project is of several files', () => {
    assert.deepEqual(write(project({}, ['more.yaml'])), ['docker-compose.tp.yml', false]);
  });

  it('is never over a file that somebody else wrote', () => {
    writeFileSync(join(directory, 'docker-compose.override.yml'), 'services: {}\n');
    writeFileSync(join(directory, 'docker-compose.tp.yml'), 'mine\n');
    assert.throws(
      () => write(),
      (error: unknown) => error instanceof TpError && error.code === 'TP_COMPOSE_FILE',
    );
    assert.equal(readFileSync(join(directory, 'docker-compose.tp.yml'), 'utf8'), 'mine\n');
    assert.ok(existsSync(join(directory, 'docker-compose.override.yml')));
  });
});
