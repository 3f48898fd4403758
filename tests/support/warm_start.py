"""The command of `warm.py`: `warm_start.py PYTHON COMMAND SOCKET`, and then Python's arguments.

For what a forked process can't do (other options than -u and -m, Python's variables), Python runs.

Only modules of the interpreter are used: `os`, `signal` and `socket` take longer than all the rest.
"""

import _signal
import _socket
import marshal
import posix
import sys
from binascii import crc32

python, command, address, *arguments = sys.argv[1:]
env = posix.environ
rest = arguments[arguments[:1] == ["-u"] :]
# What the real engine asks before each operation, about packages that do not change meanwhile.
if rest[:2] == ["-m", "pip"] or (
    rest[:1] == ["-c"] and rest[1].startswith("import importlib.meta")
):
    answer = f"{command}.{crc32(marshal.dumps(rest)):08x}"
    if not posix.access(answer, posix.R_OK):
        draft = f"{answer}.{posix.getpid()}"
        if not (pid := posix.fork()):
            posix.dup2(posix.open(draft, posix.O_CREAT | posix.O_WRONLY, 0o600), 1)
            posix.execve(python, [python, *arguments], env)
        if posix.waitpid(pid, 0)[1]:
            posix._exit(1)
        posix.rename(draft, answer)
    posix.execve("/bin/cat", ["cat", answer], env)
unbuffered = rest != arguments or b"PYTHONUNBUFFERED" in env
module = rest[1] if rest[:1] == ["-m"] else ""
rest = rest[bool(module) :]
variables = {name for name in env if name.startswith(b"PYTHON")} - {b"PYTHONUNBUFFERED"}
if variables or not rest or rest[0].startswith("-"):
    posix.execve(python, [python, *arguments], env)

connection = _socket.socket(_socket.AF_UNIX)
connection.connect(address)
forwarded = {number: number for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)}
forwarded[_signal.SIGUSR1] = _signal.SIGKILL
for signal in forwarded:
    _signal.signal(signal, lambda number, frame: connection.send(bytes([forwarded[number]])))
asked = marshal.dumps((command, module, rest, unbuffered, posix.getcwd(), env))
files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
size = len(asked).to_bytes(8, "big")
connection.sendmsg([size], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
connection.sendall(asked)
for number in (0, 1, 2):
    posix.close(number)
code = int(connection.recv(16) or 1)
if code < 0:
    _signal.signal(-code, _signal.SIG_DFL)
    posix.kill(posix.getpid(), -code)
posix._exit(code)
