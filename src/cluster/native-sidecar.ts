import type { V1Container } from '@kubernetes/client-node';

/** Whether an init container is a sidecar by another name: it restarts for ever (Kubernetes, "Sidecar Containers"). */
export const isNativeSidecar = ({ restartPolicy }: V1Container): boolean => restartPolicy === 'Always';
