import type { Scenario } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who', jobs: 'http://queue/', second: 'http://thing2/' },
  args: ['web', 'jobs', 'second=deployment/thing2'],
  asks: [
    ['web', 'http://cache/', /^from cache$/],
    ['jobs', 'http://cache/', /^from cache$/],
    ['web', 'http://jobs:8080/', /"name":"queue"/],
    ['jobs', 'http://second:8080/', /"name":"thing2"/],
    ['second', 'http://web:8080/who', /"hostname"/],
    // Through the cluster: the Service of the one is answered by the other's container.
    ['web', 'http://queue/', /"hostname":"tp-queue-/],
    ['cache', 'http://web:8080/who', /"hostname"/],
  ],
} satisfies Scenario;
