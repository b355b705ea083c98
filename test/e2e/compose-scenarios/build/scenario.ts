import { type Scenario, same } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  env: { WHOM: 'somebody' },
  asks: [
    ['web', 'http://cache/', /^from a built one$/],
    ['cache', 'http://web:8080/who', /"hostname"/],
  ],
  async check({ node }) {
    await node('web', same('process.env.GREETING', 'built for somebody'));
  },
} satisfies Scenario;
