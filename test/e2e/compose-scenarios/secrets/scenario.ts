import { type Scenario, same } from '../scenario.ts';

const FILES: [string, string][] = [
  ['/run/secrets/token', 'a token of the team\n'],
  ['/run/secrets/api-key', 'a $key'],
  ['/etc/web/settings.ini', '[web]\nsize = 3\n'],
  ['/etc/web/inline.txt', 'for tp-e2e-secrets\n'],
];

export default {
  pods: { web: 'http://servicename/who' },
  env: { API_KEY: 'a $key' },
  asks: [['web', 'http://cache/', /^from cache$/]],
  async check({ node }) {
    for (const [path, text] of FILES) await node('web', same(`fs.readFileSync('${path}', 'utf8')`, text));
  },
} satisfies Scenario;
