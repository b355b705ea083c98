import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LINK_LOG, linkInLog, logLine } from '../../../images/proxy/link-log.ts';

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 23, 9, 0, seconds));
const since = (seconds: number) => at(seconds).toISOString();

describe('the link in the proxy’s log', () => {
  const log = [
    logLine('session abc: ports 8080', at(0)),
    logLine(LINK_LOG.joined, at(1)),
    logLine('a connection from 10.0.0.9 to port 8080 got no answer: refused', at(5)),
  ];

  it('is as its last change says', () => {
    assert.deepEqual(linkInLog(log.join('\n')), { state: 'connected', since: since(1) });
    const cut = [...log, logLine(LINK_LOG.silent, at(6)), logLine(LINK_LOG.down, at(8)), ''];
    assert.deepEqual(linkInLog(cut.join('\n')), { state: 'connecting', since: since(8) });
    const back = [...cut, logLine(LINK_LOG.up, at(9))];
    assert.deepEqual(linkInLog(back.join('\n')), { state: 'connected', since: since(9) });
    assert.deepEqual(linkInLog([...back, logLine(LINK_LOG.gone, at(70))].join('\n')), {
      state: 'gone',
      since: since(70),
    });
  });

  it('is not known before anybody came', () => {
    assert.equal(linkInLog(''), undefined);
    assert.equal(linkInLog(log[0] ?? ''), undefined);
  });
});
