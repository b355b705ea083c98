import { CONFIG_FILE, type Settings } from '../config-file.ts';
import type { ClusterFlags } from '../flags.ts';
import type { Progress } from '../progress.ts';
import { bundleName, refuseExisting, writeBundle } from './bundle.ts';
import { diagnose } from './doctor.ts';
import { examine, ok } from './finding.ts';
import { asText } from './report.ts';

export interface DoctorFlags extends ClusterFlags {
  workload?: string | false;
  networkImage?: string;
  proxyImage?: string;
  output?: 'json';
  bundle?: string | true;
}

/** Where the flags come from: tp.yaml may be broken, which is a finding. */
export interface FlagSource {
  /** Adds what tp.yaml says to the flags. Throws TpError. */
  settle(): Promise<Settings>;
  flags(): DoctorFlags;
}

/** What tp exits with when a check has failed. */
const FAILED = 1;

/** `tp doctor`: what is in the way of a session here, on stdout. Returns the exit code. Throws TpError. */
export async function doctorCommand(source: FlagSource, progress: Progress): Promise<number> {
  let settings: Settings = {};
  const ofFile = await examine('configuration', async () => {
    settings = await source.settle();
    const there = Object.keys(settings).length > 0;
    return ok(there ? `${CONFIG_FILE} of this directory, and the command line` : 'the command line alone');
  });
  const { workload, networkImage, proxyImage, output, bundle, ...flags } = source.flags();
  const path = bundle === true ? bundleName(new Date()) : bundle;
  if (path !== undefined) refuseExisting(path);
  const diagnosis = await progress.step('looking', () =>
    diagnose({
      cluster: { ...flags, terminal: progress },
      workload: workload || undefined,
      networkImage,
      proxyImage,
    }),
  );
  const findings = [...ofFile, ...diagnosis.findings];
  process.stdout.write(
    output === 'json' ? `${JSON.stringify({ findings }, undefined, 2)}\n` : asText(findings),
  );
  if (path !== undefined) {
    const { cluster, docker, versions } = diagnosis;
    const request = {
      findings,
      versions,
      cluster,
      docker: docker?.docker,
      settings,
      kubeconfig: flags.kubeconfig,
    };
    await progress.step('bundle', () => writeBundle(path, request));
    progress.say(`${path} has no secrets that tp knows of; look through it before you pass it on`);
  }
  return findings.some(({ level }) => level === 'failure') ? FAILED : 0;
}
