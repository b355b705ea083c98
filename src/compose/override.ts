import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { COMPOSE_TEMPLATES } from '../assets.ts';
import { filesContainerName } from '../docker/files-container.ts';
import { TpError } from '../errors.ts';
import type { Match } from './match.ts';
import { type ComposeProject, OVERRIDES } from './project.ts';

/** The file that makes services of a project act as pods: names only, to be read and committed. */

const MARK = '# Made by `tp compose generate`';
const TEMPLATE = 'service.yaml';
const OWN_OVERRIDE = 'docker-compose.override.yml';
const OTHER = 'docker-compose.tp.yml';

/** The name of the session's network container, by which the service joins it. */
export const networkName = (project: string, service: string): string => `tp-${project}-${service}`;

/**
 * Where Compose finds the pod's environment: the user's runtime directory, as held-files.ts finds it. The variables are
 * Compose's to fill in, as the file is the same for everybody.
 */
const RUNTIME = `$\{XDG_RUNTIME_DIR:-$\{TMPDIR:-/tmp}}`;

/** Whether tp wrote the file. */
export const isOurs = (path: string): boolean =>
  existsSync(path) && readFileSync(path, 'utf8').startsWith(MARK);

/** The whole text. A team's own template lies in `compose-templates/` beside the project's first file. */
export function overrideText(project: ComposeProject, matches: readonly Match[]): string {
  const own = join(project.directory, 'compose-templates', TEMPLATE);
  const path = existsSync(own) ? own : join(COMPOSE_TEMPLATES, TEMPLATE);
  const template = readFileSync(path, 'utf8');
  const from = project.files.map((file) => relative(project.directory, file)).join(', ');
  const header = [
    `${MARK}, from ${from}.`,
    ...matches.map(
      ({ service, workload, container }) => `# ${service} acts as ${workload}, container ${container}.`,
    ),
    '# With it the project needs sessions: `tp compose up`. To be rid of it, delete this file.',
    '',
  ];
  const [top = '', ...indented] = template.split(/^(?= {2}\{\{service\}\})/m);
  const services = matches.map((match) => fill(indented.join(''), project, match));
  return `${header.join('\n')}${top}${services.join('')}`;
}

function fill(template: string, project: ComposeProject, { service }: Match): string {
  const name = networkName(project.name, service);
  const values: Record<string, unknown> = {
    service,
    network_mode: `container:${name}`,
    env_file: `${RUNTIME}/${name}/environment`,
    volumes_from: `container:${filesContainerName(name)}`,
  };
  return template.replace(/\{\{(\w+)\}\}/g, (_whole, key: string) => {
    if (!(key in values)) throw new TpError('TP_COMPOSE_FILE', `${TEMPLATE}: there is no value {{${key}}}`);
    return JSON.stringify(values[key]);
  });
}

/** A file that was written, and whether stock Compose finds it by itself. */
export interface WrittenOverride {
  path: string;
  found: boolean;
}

/** Writes the file beside the project's. Throws TpError where somebody else's is in the way. */
export function writeOverride(project: ComposeProject, matches: readonly Match[]): WrittenOverride {
  const text = overrideText(project, matches);
  const { directory, files, named } = project;
  const others = OVERRIDES.map((name) => join(directory, name)).filter(
    (path) => existsSync(path) && !isOurs(path),
  );
  // Of several overrides Compose takes one; and files that are named are all it takes.
  const found = others.length === 0 && files.length === 1 && !named;
  const path = join(directory, found ? OWN_OVERRIDE : OTHER);
  if (existsSync(path) && !isOurs(path)) {
    throw new TpError('TP_COMPOSE_FILE', `${basename(path)} is there, and was not made by tp`, {
      hint: `mv ${path} ${path}.bak`,
    });
  }
  writeFileSync(path, text);
  return { path, found };
}
