import type { Scenario } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  asks: [
    ['web', 'http://store/', /^from cache$/],
    ['web', 'http://cache/', /^from cache$/],
    ['web', 'http://post/', /^from mailer$/],
    ['web', 'http://tp-e2e-mailer/', /^from mailer$/],
    ['mailer', 'http://web:8080/who', /"hostname":"linked"/],
  ],
} satisfies Scenario;
