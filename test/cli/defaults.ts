import type { DockerRunFlags } from '../../src/flags.ts';

/** tp's own flags where none is given. */
export const DEFAULTS: DockerRunFlags = {
  inbound: true,
  evict: false,
  replace: false,
  service: [],
  fallback: true,
  waitReady: 15,
  resumeLimit: 60,
  skipInit: false,
  withoutContainer: [],
  dropLabel: [],
  port: [],
  toPod: [],
  fromPod: [],
  localCidr: [],
  localName: [],
  unset: [],
  volumeCopy: [],
  dryRun: false,
  pushProxyImage: false,
  poll: false,
  watch: [],
  sync: [],
};
