import type { Scenario } from '../scenario.ts';

export default {
  pods: { web: 'http://servicename/who' },
  asks: [
    ['web', 'http://proxy/', /^from proxy$/],
    ['web', 'http://10.213.77.20/', /^from proxy$/],
    ['web', 'http://database/', /^from store$/],
    ['proxy', 'http://shop:8080/who', /"hostname"/],
    ['proxy', 'http://shop.example:8080/who', /"hostname"/],
    ['proxy', 'http://10.213.77.10:8080/who', /"hostname"/],
    ['store', 'http://internal-shop:8080/who', /"hostname"/],
  ],
} satisfies Scenario;
