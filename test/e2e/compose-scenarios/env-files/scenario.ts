import { type Scenario, same } from '../scenario.ts';

/** What the service says itself: as Compose has it without tp. */
const OWN = {
  STAGE: 'compose',
  DOLLAR: "it's $5",
  FROM_SHELL: 'from the $hell',
  DEFAULTED: 'a default',
  PLAIN: 'two words',
  SINGLE: 'it costs $5, "really"',
  DOUBLE: 'a "quoted" word, $5 and a\nnew line',
  INTERPOLATED: 'two words and nothing',
  EMPTY_HERE: '',
  HASH: 'before',
  BOTH: 'second',
  MOTD: 'mine',
  LINES: 'one\ntwo',
};

/** What the pod has, of which the service says nothing. */
const OF_THE_POD = {
  POD_NAMESPACE: 'default',
  CURRENCY: '€',
  FLAG_DARK_MODE: 'true',
  QUOTED: 'it\'s "quoted", costs $5 or ${PRICE}, \\n is no newline, `id` and $(POD_NAME) stay, 100% = yes',
  EMPTY: '',
};

export default {
  pods: { web: 'http://servicename/who' },
  env: { FROM_SHELL: 'from the $hell' },
  asks: [['web', 'http://cache/', /^from cache$/]],
  async check({ node }) {
    for (const [name, value] of Object.entries({ ...OWN, ...OF_THE_POD }))
      await node('web', same(`process.env[${JSON.stringify(name)}]`, value));
    await node('web', same("'NOT_IN_SHELL' in process.env", false));
  },
} satisfies Scenario;
