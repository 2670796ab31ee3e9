"""A command in a pseudo-terminal, as an operator runs it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from facts import Problem

# A prompt is the end of the output: `Region of AWS [us-east-1]: `.
PROMPT = re.compile(r"\[[^\]\n]*\]: ?$")
LONGEST_SILENCE = 180
MOST_PROMPTS = 30
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Session:
    """A command that ran in a terminal, with its text, its exit status, and its questions."""

    def __init__(self, command, environment, cwd, log, answers=(), until=None):
        """Runs a command. Types `answers` in turn, then Enter alone. With `until`, sends Ctrl-C after that text."""
        self.command, self.log = command, log
        self.text = ""
        self.asked = []
        self.answers = list(answers)
        self.until = until
        main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        try:
            process = subprocess.Popen(
                command, env={**environment, "TERM": "dumb"}, cwd=cwd, stdin=side, stdout=side, stderr=side,
                start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        finally:
            os.close(side)
        try:
            self.drive(main)
            self.status = process.wait(timeout=LONGEST_SILENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            os.close(main)
            with open(log, "a") as output:
                output.write(f"$ {' '.join(map(str, command))}\n{self.text}\n")

    def drive(self, main):
        """Reads until the command ends, and answers each prompt."""
        while True:
            ready, _, _ = select.select([main], [], [], LONGEST_SILENCE)
            if not ready:
                raise Problem(f"expected {self.command[2]} to go on, and it was silent for {LONGEST_SILENCE} s. Full output: {self.log}")
            try:
                piece = os.read(main, 65536)
            except OSError:
                return  # the command has closed the terminal
            if not piece:
                return
            self.text += COLOUR.sub("", piece.decode(errors="replace")).replace("\r\n", "\n")
            self.react(main)

    def react(self, main):
        """Answers a prompt, or ends the command."""
        last = self.text.rsplit("\n", 1)[-1]
        if self.until and self.until in self.text:
            self.until = None
            time.sleep(0.5)
            os.write(main, b"\x03")
        elif PROMPT.search(last):
            self.asked.append(last.strip())
            if len(self.asked) > MOST_PROMPTS:
                raise Problem(f"expected {self.command[2]} to end, and it asks again and again: {last.strip()}. Full output: {self.log}")
            answer = self.answers.pop(0) if self.answers else ""
            os.write(main, f"{answer}\n".encode())
