import { type Scenario, same } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  asks: [['web', 'http://reader/', /^from reader$/]],
  async check({ node }) {
    for (const path of ['/data/x', '/scratch/x', '/run/web/x'])
      await node('web', `import fs from 'node:fs'; fs.writeFileSync('${path}', 'written');`);
    await node('reader', same("fs.readFileSync('/data/x', 'utf8')", 'written'));
    await node('web', same("fs.readFileSync('/settings/web.txt', 'utf8')", 'bound\n'));
  },
} satisfies Scenario;
