import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { proxyFromEnvironment } from '../../src/cluster/proxy-environment.ts';

/** Environment, server, proxy. The cases are those of Go's own test of the same rules, and more. */
const PROXIES: [env: Record<string, string>, server: string, url: string | undefined, variable?: string][] = [
  [{ HTTPS_PROXY: 'http://proxy:3128' }, 'https://api.example/k8s', 'http://proxy:3128', 'HTTPS_PROXY'],
  [{ https_proxy: 'http://proxy:3128' }, 'https://api.example', 'http://proxy:3128', 'https_proxy'],
  [{ HTTPS_PROXY: 'http://big', https_proxy: 'http://small' }, 'https://api', 'http://big', 'HTTPS_PROXY'],
  [{ HTTPS_PROXY: '', https_proxy: 'http://small' }, 'https://api', 'http://small', 'https_proxy'],
  [{ HTTPS_PROXY: '127.0.0.1:8080' }, 'https://api', 'http://127.0.0.1:8080'],
  [{ HTTPS_PROXY: 'cache.corp.example:1234' }, 'https://api', 'http://cache.corp.example:1234'],
  [{ HTTPS_PROXY: 'localhost' }, 'https://api', 'http://localhost'],
  [{ HTTPS_PROXY: 'https://secure.example' }, 'https://api', 'https://secure.example'],
  [{ HTTPS_PROXY: 'socks5://127.0.0.1' }, 'https://api', 'socks5://127.0.0.1'],
  [{ HTTPS_PROXY: 'http://me:p%40ss@proxy' }, 'https://api', 'http://me:p%40ss@proxy'],
  [{ HTTP_PROXY: 'plain', HTTPS_PROXY: 'secure' }, 'http://api', 'http://plain', 'HTTP_PROXY'],
  [{ HTTP_PROXY: 'plain' }, 'https://api', undefined],
  [{ HTTPS_PROXY: '[broken' }, 'https://api', undefined],
  [{ HTTPS_PROXY: '' }, 'https://api', undefined],
  [{}, 'https://api', undefined],
  [{ ALL_PROXY: 'http://proxy' }, 'https://api', undefined],
];

const NO_PROXY =
  'foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, 10.0.0.0/30, 2001:db8::52:0:1, ' +
  '[2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, 2002:db8:a::45/64, :1, ,10.9.9.9/40, port.example:80, 示例.com, ::ffff:10.7.7.7, 10.8/16, slash.example/24';

/** Hosts of a server on port 80, and whether the proxy is used with that NO_PROXY. */
const HOSTS: [host: string, proxied: boolean][] = [
  ['localhost', false],
  ['127.0.0.1', false],
  ['127.0.0.2', false],
  ['[::1]', false],
  ['[::ffff:127.0.0.1]', false],
  ['[::2]', true],
  ['192.168.1.1', false],
  ['192.168.1.2', true],
  ['192.168.1.3', false],
  ['192.168.1.4', true],
  ['10.0.0.2', false],
  ['10.0.0.4', true],
  ['10.9.9.9', true],
  ['10.7.7.7', false],
  ['10.8.0.1', true],
  ['[2001:db8::52:0:1]', false],
  ['[2001:0db8:0::52:0:1]', false],
  ['[2001:db8::52:0:2]', true],
  ['[2001:db8::52:0:3]', false],
  ['[2002:db8:a::123]', false],
  ['[fe80::424b:c8be:1643:a1b6]', true],
  ['barbaz.net', true],
  ['www.barbaz.net', false],
  ['foobar.com', false],
  ['FooBar.com', false],
  ['www.foobar.com', false],
  ['foofoobar.com', true],
  ['baz.com', true],
  ['localhost.net', true],
  ['local.localhost', true],
  ['barbarbaz.net', true],
  ['wildcard.io', true],
  ['nested.wildcard.io', false],
  ['awildcard.io', true],
  ['port.example', false],
  ['slash.example', true],
  ['www.示例.com', false],
  ['xn--fsq092h.com', false],
];

describe('the proxy of the environment', () => {
  for (const [env, server, url, variable] of PROXIES) {
    const named = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    it(`is ${url ?? 'none'} for ${server} with ${named.join(' ') || 'nothing'}`, () => {
      const proxy = proxyFromEnvironment(server, env);
      assert.equal(proxy?.url, url);
      if (variable) assert.equal(proxy?.variable, variable);
    });
  }

  for (const [host, proxied] of HOSTS) {
    it(`is ${proxied ? 'used' : 'passed over'} for ${host}, by NO_PROXY`, () => {
      const env = { HTTP_PROXY: 'http://proxy', NO_PROXY };
      assert.equal(proxyFromEnvironment(`http://${host}:80`, env) !== undefined, proxied);
      assert.equal(proxyFromEnvironment(`http://${host}`, env) !== undefined, proxied, 'by the usual port');
      assert.equal(proxyFromEnvironment(`http://${host}`, { ...env, NO_PROXY: '*' }), undefined);
    });
  }

  it('is used on another port than the one that NO_PROXY names', () => {
    const env = { HTTPS_PROXY: 'http://proxy', no_proxy: 'port.example:6443' };
    assert.equal(proxyFromEnvironment('https://port.example:6443', env), undefined);
    assert.equal(proxyFromEnvironment('https://port.example', env)?.url, 'http://proxy');
  });
});
