import { stringify } from 'yaml';

/** The rights that a session needs in its namespace, as in docs/rights.md. */
export const RIGHTS: readonly { group: string; resource: string; verbs: readonly string[] }[] = [
  { group: '', resource: 'pods', verbs: ['get', 'list', 'watch', 'delete'] },
  { group: '', resource: 'pods/portforward', verbs: ['get', 'create'] },
  { group: '', resource: 'pods/log', verbs: ['get'] },
  { group: '', resource: 'services', verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { group: '', resource: 'configmaps', verbs: ['list', 'create', 'delete'] },
  { group: 'apps', resource: 'deployments', verbs: ['list', 'create', 'delete'] },
  { group: 'apps', resource: 'replicasets', verbs: ['list'] },
  { group: 'apps', resource: 'statefulsets', verbs: ['list'] },
];

/** What lets the link be straight. Without it a port-forward does, which is slower: so nobody is sent away for it. */
export const STRAIGHT_RIGHTS: typeof RIGHTS = [{ group: '', resource: 'pods/proxy', verbs: ['get'] }];

/** What `--replace` needs besides: to scale, and to give the guardian a service account that may only do so, too. */
export const REPLACE_RIGHTS: typeof RIGHTS = [
  { group: 'apps', resource: 'deployments/scale', verbs: ['get', 'patch'] },
  { group: 'apps', resource: 'statefulsets/scale', verbs: ['get', 'patch'] },
  { group: 'coordination.k8s.io', resource: 'leases', verbs: ['get', 'list', 'create', 'patch', 'delete'] },
  { group: '', resource: 'serviceaccounts', verbs: ['create'] },
  { group: 'rbac.authorization.k8s.io', resource: 'roles', verbs: ['create'] },
  { group: 'rbac.authorization.k8s.io', resource: 'rolebindings', verbs: ['create'] },
];

/** The Role that grants them, as a manifest. */
export const roleManifest = (rights: typeof RIGHTS = RIGHTS): string =>
  stringify({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'tp' },
    rules: rights.map(({ group, resource, verbs }) => ({
      apiGroups: [group],
      resources: [resource],
      verbs: [...verbs],
    })),
  });

/** Commands that grant them, to paste for someone who may. */
export const grantCommands = (namespace: string, rights: typeof RIGHTS = RIGHTS): string =>
  `whoever may grant it:\nkubectl -n ${namespace} apply -f - <<'END'\n${roleManifest([...rights, ...STRAIGHT_RIGHTS])}END\nkubectl -n ${namespace} create rolebinding tp --role tp --user NAME`;
