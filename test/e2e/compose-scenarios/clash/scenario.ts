import type { Scenario } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who', jobs: 'http://queue/' },
  args: ['web', 'jobs'],
  asks: [
    ['web', 'http://thing2/', /^from cache$/],
    ['jobs', 'http://thing2/', /"name":"thing2"/],
    ['jobs', 'http://cache/', /^from cache$/],
  ],
  thing1: { web: /^from the project$/ },
  says: [
    /web: thing1 is in this project and in the cluster: the project's answers; .*x-tp: \{prefer: cluster\}/,
    /jobs: thing1 is in this project and in the cluster: the cluster's answers; .*x-tp: \{prefer: compose\}/,
  ],
} satisfies Scenario;
