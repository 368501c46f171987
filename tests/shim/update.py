"""update.py BUNDLE ID RESOURCES: asks the shim of a bundle for new limits, which ctr has no verb for.

What a shim is asked is one request of ttrpc, and prints the error if that is the answer."""

import json
import socket
import struct
import sys


def field(number: int, data: bytes) -> bytes:
    length, size = len(data), b""
    while length > 0x7F:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + data


bundle, name, resources = sys.argv[1:]
with open(f"{bundle}/bootstrap.json", encoding="utf-8") as file:
    address = json.load(file)["address"].removeprefix("unix://")
packed = field(1, b"types.containerd.io/opencontainers/runtime-spec/1/LinuxResources") + field(2, resources.encode())
update = field(1, name.encode()) + field(2, packed)
request = field(1, b"containerd.task.v3.Task") + field(2, b"Update") + field(3, update)
shim = socket.socket(socket.AF_UNIX)
shim.settimeout(20)
shim.connect(address)
shim.sendall(struct.pack(">IIBB", len(request), 1, 1, 0) + request)
length, _, _, _ = struct.unpack(">IIBB", shim.recv(10, socket.MSG_WAITALL))
answer = shim.recv(length, socket.MSG_WAITALL)
# A status comes first; without one the call has been done.
if answer[:1] == b"\x0a" and b"\x12" in answer[:6]:
    sys.exit(answer[answer.index(b"\x12") + 2 :].decode(errors="replace"))
