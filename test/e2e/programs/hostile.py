"""Sends what no socket would into the network namespace that it runs in: argv is the pod's address, and targets."""

import random
import socket
import struct
import sys

COUNT = 5_000  # of each kind
dice = random.Random(7)  # the same each time
source, nameserver, *targets = sys.argv[1:]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def packet(protocol, target, body, flags=0, header=5, options=b""):
    start = struct.pack("!BBHHHBBH", 0x40 | header, 0, 0, dice.randrange(65536), flags, 64, protocol, 0)
    return start + socket.inet_aton(source) + socket.inet_aton(target) + options + body


def send(data, target):
    try:
        raw.sendto(data, (target, 0))
    except OSError:
        pass  # what the kernel itself refuses does not reach the device


for _ in range(COUNT):
    target = dice.choice(targets)
    noise = dice.randbytes(dice.randrange(0, 1400))
    ports = struct.pack("!HH", dice.choice([0, 1, 53, 65535]), dice.choice([0, 53, 80, 65535]))
    # Any protocol, with noise; UDP with lengths that lie; fragments; IP options.
    send(packet(dice.randrange(256), target, noise), target)
    send(packet(17, target, ports + struct.pack("!HH", dice.randrange(65536), 0) + noise), target)
    send(packet(17, target, ports + struct.pack("!HH", 8 + len(noise), 0) + noise, flags=0x2000 | dice.randrange(100)), target)
    send(packet(17, nameserver, struct.pack("!HHHH", 0, 53, 8 + len(noise), 0) + noise), nameserver)
    # SYNs to a port that no socket can have, and with options that are none.
    syn = struct.pack("!HHIIBBHHH", dice.randrange(1024, 65536), 0, 0, 0, 0x50, 2, 1024, 0, 0)
    if _ % 50 == 0:
        send(packet(6, target, syn), target)

# Questions that are none, from ports of their own and from one: noise; names that point to themselves, to each other and
# behind the end; more questions, answers and options than there are; and those that were whole once.
NAMES = [b"\xc0\x0c", b"\xc0\x0e\xc0\x0c", b"\xff\xff", b"\x3f" + b"a" * 20, b"\x40a", b"\x01a" * 300 + b"\0", b"\x05thing\xc0\x0c"]


def question():
    counts = struct.pack("!HHHH", *(dice.choice([0, 1, 1, 2, 65535]) for _ in range(4)))
    start = dice.randbytes(2) + dice.choice([b"\x01\x00", b"\x81\x80", dice.randbytes(2)]) + counts
    body = dice.choice(NAMES) + dice.choice([b"", b"\0\1\0\1", b"\0\x29\xff\xff"]) * dice.randrange(1, 60)
    return start + body


one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for index in range(COUNT):
    one.sendto(dice.randbytes(dice.randrange(0, 600)), (nameserver, 53))
    one.sendto(question(), (nameserver, 53))
    if index % 10 == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(dice.randbytes(40), (dice.choice(targets), 9))
