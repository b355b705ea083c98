import { type Scenario, same } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  asks: [
    ['web', 'http://cache/', /^from cache$/],
    ['cache', 'http://web:8080/who', /"hostname":"from-base"/],
  ],
  async check({ node }) {
    await node('web', same('[process.env.LEVEL, process.env.TEAM]', ['web', 'orders']));
  },
} satisfies Scenario;
