import type { Docker } from '../docker/connect.ts';
import { kernelFeatures } from '../docker/kernel-features.ts';
import { presentNetworkImage } from '../docker/network-image.ts';
import { type Found, failure, ok, skipped, warning } from './finding.ts';

/** What to load where a part of the kernel is missing; on Docker's machine, which may be a virtual one. */
const MODULES: Readonly<Record<string, string>> = {
  sock_diag: 'sudo modprobe -a inet_diag tcp_diag',
  'TUN device': 'sudo modprobe tun && ls -l /dev/net/tun',
  'routes, marks and rules':
    'sudo modprobe -a iptable_nat iptable_mangle xt_conntrack xt_connmark xt_REDIRECT',
  'redirect of TCP': 'sudo modprobe -a iptable_nat nf_conntrack xt_REDIRECT',
  'packets that wait (NFQUEUE)': 'sudo modprobe -a nfnetlink_queue xt_NFQUEUE xt_mark ipt_REJECT',
  "callers' addresses (IP_TRANSPARENT)": 'sudo modprobe -a xt_mark xt_connmark',
};

/** Whether Docker's kernel has what the network container uses: tried in one, if its image is there. */
export async function examineKernel(docker: Docker, named: string | undefined): Promise<Found[]> {
  const { image, present } = await presentNetworkImage(docker, named);
  if (!present) {
    const how = named === undefined ? 'the first session builds it' : `docker pull ${named} brings it`;
    return [skipped(`not tried: the network image ${image} is not here yet; ${how}`)];
  }
  try {
    const features = await kernelFeatures(docker, image);
    const failed = features.flatMap(({ name, failure: why, without }) => {
      if (why === undefined) return [];
      const fix = MODULES[name] ?? 'docker info';
      return [without === undefined ? failure(`${name}: ${why}`, fix) : warning(`${without}: ${why}`, fix)];
    });
    return failed.length > 0 ? failed : [ok(features.map(({ name }) => name).join('; '))];
  } catch (error) {
    const { message } = error as Error;
    if (/features\.cjs/.test(message)) return [skipped(`not tried: ${image} is of another version of tp`)];
    if (!/\/dev\/net\/tun/.test(message)) throw error;
    return [failure(`Docker's machine has no TUN device: ${message}`, MODULES['TUN device'] ?? '')];
  }
}
