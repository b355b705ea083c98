import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { listeningPorts } from '../../../images/network/listening.ts';
import { REDIRECT_PORT } from '../../../images/network/messages.ts';

/** /proc/net/tcp of a container on a network with names, recorded: Docker's resolver, an inspector, a connection. */
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0B00007F:8F0D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 51215 1 0000000000000000 100 0 0 10 0                   
   1: 0100007F:240D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 51313 1 0000000000000000 100 0 0 10 0                   
   2: 0100007F:F85B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 51314 1 0000000000000000 100 0 0 10 0                   
   3: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51315 1 0000000000000000 100 0 0 10 0                   
   4: 0900F40A:1F90 0500F40A:C3B2 01 00000000:00000000 00:00000000 00000000     0        0 51416 1 0000000000000000 20 4 30 10 -1                  
   5: 0900F40A:1F91 0500F40A:C3B3 06 00000000:00000000 03:00000F65 00000000     0        0 0 3 0000000000000000                                    
`;

/** /proc/net/tcp6 of the same: a server on all addresses of both families. */
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 51612 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000900F40A:1F90 0000000000000000FFFF00000500F40A:C3B4 01 00000000:00000000 00:00000000 00000000     0        0 51713 1 0000000000000000 20 4 30 10 -1
`;

describe('the ports that are listened on', () => {
  it('are those in the state LISTEN, without Docker’s resolver and our own', () => {
    assert.equal(REDIRECT_PORT, 0xf85b, 'or the recording has to be made anew');
    assert.deepEqual(listeningPorts(TCP), [0x240d, 80]);
    assert.deepEqual(listeningPorts(TCP6), [8080]);
  });

  it('are none in a table that is empty, or not there', () => {
    assert.deepEqual(listeningPorts(TCP.split('\n').slice(0, 1).join('\n')), []);
    assert.deepEqual(listeningPorts(''), []);
  });
});
