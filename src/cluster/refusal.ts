import type { TpErrorCode } from '../error-codes.ts';
import { TpError } from '../errors.ts';

/**
 * Who refuses an object although the login may make it. The API server only says so in words: those of its own admission
 * plugins (kubernetes: plugin/pkg/admission/resourcequota, pod-security-admission, apiserver/pkg/admission/plugin).
 */
const REFUSALS: readonly { words: RegExp; code: TpErrorCode; hint(words: RegExpExecArray): string }[] = [
  {
    words: /(?:exceeded|failed) quota: ([^,:]+)/,
    code: 'TP_QUOTA',
    hint: ([, quota]) => `kubectl describe quota ${quota}`,
  },
  {
    words: /in namespace (\S+) because it is being terminated/,
    code: 'TP_NAMESPACE_ENDS',
    hint: ([, namespace]) => `somebody deletes it: kubectl get namespace ${namespace}`,
  },
  {
    words: /violates PodSecurity/,
    code: 'TP_POD_SECURITY',
    hint: () =>
      '--without-container NAME for a sidecar that the line names; the proxy itself passes "restricted"',
  },
  {
    words: /admission webhook "([^"]+)" denied|ValidatingAdmissionPolicy '([^']+)'/,
    code: 'TP_ADMISSION',
    hint: ([, webhook, policy]) => `ask whoever runs ${webhook ?? policy}`,
  },
];

/** The error for the API server's words; undefined where no admission plugin speaks. */
export function admissionRefusal(what: string, words: string, cause?: unknown): TpError | undefined {
  for (const { words: pattern, code, hint } of REFUSALS) {
    const match = pattern.exec(words);
    if (match) return new TpError(code, `${what}: ${words}`, { hint: hint(match), cause });
  }
  return undefined;
}
