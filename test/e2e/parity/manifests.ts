import { readFileSync } from 'node:fs';

/** What is in the cluster for the probe to look at, and the workload that it runs in. */

const PEER = readFileSync(new URL('peer.cjs', import.meta.url), 'utf8');

/** More addresses than fit 512 bytes, so that the answer comes by EDNS or TCP. */
export const WIDE = Array.from({ length: 60 }, (_, at) => `10.99.0.${at + 1}`);

const PORTS = [
  ...Array.from({ length: 9 }, (_, at) => ({ name: `tcp-${at}`, port: 7000 + at })),
  ...Array.from({ length: 3 }, (_, at) => ({ name: `udp-${at}`, port: 7100 + at, protocol: 'UDP' })),
];

/** A Deployment of one Node program, from the image of the example. */
const deployment = (name: string, program: string, pod: string, container: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name}, tier: "one" }, annotations: { note: probed, "example.com/long": "two\\nlines" } }
    spec:
      terminationGracePeriodSeconds: 2
${pod}
      containers:
        - name: app
          image: examplecom/servicename:1.0
          imagePullPolicy: IfNotPresent
          command: [node, -e, ${JSON.stringify(program)}]
${container}`;

/** Services of all kinds, and the peer. */
export const SURROUNDINGS = `
apiVersion: v1
kind: Service
metadata: { name: parity-nobody }
spec:
  selector: { app: parity-nobody }
  ports: [{ name: tcp, port: 80 }, { name: udp, port: 53, protocol: UDP }]
---
apiVersion: v1
kind: Service
metadata: { name: parity-external }
spec: { type: ExternalName, externalName: thing1.default.svc.cluster.local }
---
apiVersion: v1
kind: Service
metadata: { name: parity-headless }
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  ports: [{ name: peer, port: 8080 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: parity-headless-1, labels: { kubernetes.io/service-name: parity-headless } }
addressType: IPv4
ports: [{ name: peer, port: 8080, protocol: TCP }]
endpoints:
  - { addresses: [10.99.1.1], hostname: parity-0 }
  - { addresses: [10.99.1.2], hostname: parity-1 }
---
apiVersion: v1
kind: Service
metadata: { name: parity-wide }
spec: { clusterIP: None, ports: [{ name: peer, port: 8080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: parity-wide-1, labels: { kubernetes.io/service-name: parity-wide } }
addressType: IPv4
ports: [{ name: peer, port: 8080, protocol: TCP }]
endpoints: [${WIDE.map((address) => `{ addresses: [${address}] }`).join(', ')}]
---
apiVersion: v1
kind: Service
metadata: { name: parity-peer }
spec: { selector: { app: parity-peer }, ports: ${JSON.stringify(PORTS)} }
---
${deployment('parity-peer', PEER, '', '')}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: parity }
data: { lines: "one\\n\\ttwo\\n", quotes: "it's \\"quoted\\"" }
---
apiVersion: v1
kind: Secret
metadata: { name: parity }
stringData: { word: "$(NOTE) stays" }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: parity }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: parity }
rules: [{ apiGroups: [""], resources: [configmaps], verbs: [get, list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: parity }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: parity }
subjects: [{ kind: ServiceAccount, name: parity, namespace: default }]
`;

/** The workload's process: says who is calling. */
export const SERVER = `
  process.on('SIGTERM', () => process.exit(0));
  require('node:http').createServer((request, response) => response.end(request.socket.remoteAddress)).listen(9090);`;

/** The workload itself: to be made after the Services, so that its environment names them. */
export const WORKLOAD = `${deployment(
  'parity',
  SERVER,
  `      serviceAccountName: parity
      hostAliases: [{ ip: 10.99.2.1, hostnames: [parity-host-alias, parity-other-alias] }]
      dnsConfig: { options: [{ name: timeout, value: "2" }] }
      volumes:
        - name: pod
          downwardAPI:
            items:
              - { path: label, fieldRef: { fieldPath: "metadata.labels['tier']" } }
              - { path: labels, fieldRef: { fieldPath: metadata.labels } }
              - { path: annotations, fieldRef: { fieldPath: metadata.annotations } }
              - { path: memory, resourceFieldRef: { containerName: app, resource: limits.memory, divisor: 1Mi } }
              - { path: cpu, resourceFieldRef: { containerName: app, resource: requests.cpu, divisor: 1m } }`,
  `          ports: [{ containerPort: 9090 }]
          resources: { requests: { cpu: 15m, memory: 40Mi }, limits: { memory: 300Mi } }
          volumeMounts: [{ name: pod, mountPath: /etc/pod }]
          envFrom:
            - { prefix: FROM_CONFIG_, configMapRef: { name: parity } }
            - { secretRef: { name: parity } }
          env:
            - { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
            - { name: POD_NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
            - { name: NAMESPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
            - { name: ACCOUNT, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
            - { name: NOTE, valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } }
            - { name: TIER, valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } }
            - { name: CPU_REQUEST, valueFrom: { resourceFieldRef: { resource: requests.cpu, divisor: 1m } } }
            - { name: MEMORY_LIMIT, valueFrom: { resourceFieldRef: { resource: limits.memory } } }
            - { name: EXPANDED, value: "$(NOTE) in $(NAMESPACE), not $$(NOTE) nor $(NOWHERE)" }
            - { name: QUOTES, valueFrom: { configMapKeyRef: { name: parity, key: quotes } } }
            - { name: ABSENT, valueFrom: { configMapKeyRef: { name: parity, key: nosuch, optional: true } } }
            - { name: LINES, value: "one\\ntwo" }`,
)}
---
apiVersion: v1
kind: Service
metadata: { name: parity }
spec: { selector: { app: parity }, ports: [{ port: 80, targetPort: 9090 }] }
`;

/** All of it, as kubectl deletes it. */
export const OBJECTS: readonly (readonly string[])[] = [
  ['deployments', 'parity', 'parity-peer'],
  ['services', 'parity', 'parity-nobody', 'parity-external', 'parity-headless', 'parity-wide', 'parity-peer'],
  ['endpointslices', 'parity-headless-1', 'parity-wide-1'],
  ['configmaps,secrets,serviceaccounts,roles,rolebindings', 'parity'],
];
