import { type Scenario, same } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  asks: [
    ['web', 'http://cache/', /^from the included cache$/],
    ['cache', 'http://web:8080/who', /"hostname"/],
  ],
  async check({ node }) {
    await node('web', same('process.env.KIND', 'included'));
    await node('web', same("fs.readFileSync('/public/index.txt', 'utf8')", 'from the included directory\n'));
  },
} satisfies Scenario;
