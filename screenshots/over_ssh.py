"""The pictures of the way in over SSH: the OpenSSH client in a terminal emulator, as it looks there."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

import asyncssh
from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.terminal_theme import MONOKAI

from core.engine import Server
from tests.ssh.tmux import Tmux
from tui.ssh.ssh_server import SSHServer
from tui.ssh.ssh_settings import SSHSettings

PICTURES = Path(__file__).resolve().parent
PORT = 3722
SIZE = (100, 30)


async def take(ada: Server, name: str, directory: Path) -> None:
    """Take pictures of `name`, who has an account, coming to `ada` over SSH. Needs tmux and the OpenSSH client."""
    if not (shutil.which("tmux") and shutil.which("ssh")):
        sys.stderr.write("screenshots of SSH need tmux and the OpenSSH client: left out\n")
        return
    ssh = SSHServer(ada, SSHSettings("127.0.0.1", PORT, ada.settings.data_dir))
    await ssh.start()
    try:
        await _allow_key(ada, name, directory)
        async with Tmux(directory, size=SIZE) as tmux:
            await tmux.enter(f'ssh() {{ command ssh -F {directory / "config"} "$@"; }}; PS1="$ "; clear')
            await tmux.until(lambda screen: screen.strip() == "$", "an empty screen")
            await tmux.enter(f'ssh -p {PORT} {name}@ada post "the backups are done, #ops"')
            await tmux.shows("accepted ")
            await tmux.enter(f"echo rollout of 1.4 finished | ssh -p {PORT} {name}@ada post -")
            await tmux.until(lambda screen: screen.count("accepted ") == 2, "a second answer")
            await tmux.enter(f"ssh -p {PORT} {name}@ada keys")
            await tmux.shows("SHA256:")
            await tmux.enter(f"ssh -p {PORT} {name}@ada tail --since 4 --no-follow")
            await tmux.until(lambda screen: screen.rstrip().endswith("\n$"), "the end of the feed")
            keep(await tmux.painted(), "ssh-commands", "sh")
            await tmux.enter("clear")
            await tmux.enter(f"ssh -t -p {PORT} {name}@ada")
            await tmux.shows(f"you are {name}")
            await tmux.types("hello from a machine with nothing but ssh")
            await tmux.shows("nothing but ssh")
            keep(await tmux.painted(), "ssh", f"ssh -p {PORT} {name}@ada")
            await tmux.keys("C-u", "C-q")
            await tmux.shows("$")
    finally:
        await ssh.close("the pictures have been taken")


async def _allow_key(ada: Server, name: str, directory: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519", comment="laptop")
    file = directory / "key"
    file.touch(mode=0o600)
    file.write_bytes(key.export_private_key())
    account = ada.account(name)
    assert account is not None
    text = " ".join(key.export_public_key("openssh").decode().split()[:2])
    await ada.change_key(account.claim, text, "laptop", bound=True)
    (directory / "config").write_text(
        f"Host ada\n HostName 127.0.0.1\n IdentityFile {file}\n IdentitiesOnly yes\n StrictHostKeyChecking no\n"
        f" UserKnownHostsFile {directory / 'hosts'}\n LogLevel ERROR\n SetEnv COLORTERM=truecolor\n"
    )


def keep(painted: str, name: str, title: str) -> None:
    """Draw what is on a terminal, colours included."""
    console = Console(width=SIZE[0], record=True, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in AnsiDecoder().decode(painted.rstrip("\n")):
        console.print(line, no_wrap=True, crop=True)
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id=name)
    (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
    sys.stdout.write(f"screenshots/{name}.svg\n")
