import { CONFIG_FILE } from '../config-file.ts';
import type { ClusterFlags } from '../flags.ts';
import type { Progress } from '../progress.ts';
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

/** What tp exits with when a check has failed. */
const FAILED = 1;

/**
 * `tp doctor`: what is in the way of a session here, on stdout. `settle` adds tp.yaml to the flags. Returns the exit code.
 */
export async function doctorCommand(
  settle: () => Promise<void>,
  readFlags: () => DoctorFlags,
  progress: Progress,
): Promise<number> {
  const ofFile = await examine('configuration', async () => {
    await settle();
    return ok(`${CONFIG_FILE} of this directory, where there is one, and the command line`);
  });
  const { workload, networkImage, proxyImage, output, ...flags } = readFlags();
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
  return findings.some(({ level }) => level === 'failure') ? FAILED : 0;
}
