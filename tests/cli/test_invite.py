"""`invite`: whose invitation it is."""

from __future__ import annotations

from tests.cli.program import Program, running_node


def test_the_port_at_which_a_server_is_reached_tells_which_of_ones_own_it_is(program: Program) -> None:
    directories = program.home / ".local/share/activity-tui"
    with running_node(program, directories / "node-first") as node:
        (directories / f"node-{node.port}").symlink_to(node.data_dir, target_is_directory=True)
        invited = program.run("invite", "server", node.address)
        assert invited.status == 0 and f" {node.address}/" in invited.out, invited.err
        otherwise = program.run("invite", "server", node.address, "--port", "1")
        assert otherwise.status == 6 and "node-1 is no data" in otherwise.err
