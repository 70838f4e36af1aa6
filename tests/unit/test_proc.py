"""/proc/net and /proc/PID as the kernel prints them."""

from __future__ import annotations

import os
import socket

from imglint.runner import Listener, Peer
from imglint.runner.ports import Port, exposed_checks, parse_port
from imglint.runner.proc import Unreadable, asks, parse_process, parse_sockets, snapshot

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP = (
    HEAD
    + "   0: 00000000:22B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1\n"
    + "   1: 0100007F:2329 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1\n"
    + "   2: 0B00007F:8601 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1\n"
    + "   3: 020011AC:22B8 010011AC:D431 01 00000000:00000000 00:00000000 00000000  1000        0 4 1\n"
    + "   4: 020011AC:D432 07080910:1538 01 00000000:00000000 00:00000000 00000000  1000        0 5 1\n"
)
TCP6 = (
    HEAD
    + "   0: 00000000000000000000000000000000:1B58 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 1 1\n"
    + "   1: 00000000000000000000000001000000:1B59 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 1 1\n"
    + "   2: 0000000000000000FFFF00000100007F:1B5A 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 1 1\n"
)
UDP = (
    HEAD
    + "   0: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 1 1\n"
    + "   1: 00000000:14EA 07080910:0035 01 00000000:00000000 00:00000000 00000000  1000        0 1 1\n"
)


def test_listeners_and_peers() -> None:
    listeners, peers = parse_sockets("tcp", TCP)
    # The engine's own resolver on 127.0.0.11 is not the image's; an open connection is no listener.
    assert listeners == [Listener("tcp", "0.0.0.0", 8888, 1000), Listener("tcp", "127.0.0.1", 9001, 0)]
    assert peers == [(Peer("172.17.0.1", 54321), 8888), (Peer("16.9.8.7", 5432), 54322)]
    assert [one.loopback for one in listeners] == [False, True]


def test_ipv6_and_mapped_addresses() -> None:
    listeners, _ = parse_sockets("tcp6", TCP6)
    assert [(one.address, one.port, one.loopback) for one in listeners] == [
        ("::", 7000, False),
        ("::1", 7001, True),
        ("127.0.0.1", 7002, True),
    ]


def test_udp_has_no_listen_state() -> None:
    listeners, _ = parse_sockets("udp", UDP)
    assert listeners == [Listener("udp", "0.0.0.0", 5353, 1000)]


QUIET = "Ip: Forwarding OutNoRoutes\nIp: 1 0\nUdp: InDatagrams OutDatagrams\nUdp: 0 0\n"


def test_who_asks_for_another_host() -> None:
    assert not asks({"tcp": TCP, "udp": UDP, "snmp": QUIET})
    assert asks({"snmp": QUIET.replace("Ip: 1 0", "Ip: 1 3")})
    assert asks({"snmp": QUIET.replace("Udp: 0 0", "Udp: 0 2")})
    assert not asks({"snmp": QUIET.replace("Udp: 0 0", "Udp: 2 0")})
    dialling = TCP.replace("07080910:1538 01", "07080910:1538 02")
    assert asks({"tcp": dialling})
    assert not asks({})
    assert not asks({"snmp": "Udp:\nUdp: 1", "tcp": HEAD + "garbage\n"})


def test_damaged_lines_are_passed_over() -> None:
    assert parse_sockets("tcp", HEAD + "garbage\n") == ([], [])


def test_process() -> None:
    status = (
        "Name:\tnginx\nState:\tS (sleeping)\nPid:\t4711\nPPid:\t4700\nUid:\t1000\t1001\t0\t0\nGid:\t1\t2\t3\t4\n"
        "NSpid:\t4711\t7\nCapEff:\t00000000a80425fb\nNoNewPrivs:\t1\nSigCgt:\t0000000000004000\n"
    )
    one = parse_process(status, b"nginx: worker\0-x\0")
    assert (one.pid, one.host_pid, one.parent, one.uid, one.gid, one.state) == (7, 4711, 4700, 1001, 2, "S")
    assert one.argv == ("nginx: worker", "-x")
    assert one.no_new_privileges
    assert one.caught_signals >> 14 & 1
    assert parse_process(status, b"").argv == ("nginx",)


def test_this_process_is_no_container() -> None:
    try:
        snapshot(os.getpid(), "0" * 64)
    except Unreadable as reason:
        assert "not this machine's" in str(reason)
    else:
        raise AssertionError("a process outside any container was taken for one")


def test_ports() -> None:
    assert parse_port("80") == [Port(80, "tcp")]
    assert parse_port("7000-7001/UDP") == [Port(7000, "udp"), Port(7001, "udp")]
    assert parse_port("x/tcp") == []


def test_exposed_against_what_listens() -> None:
    seen = [Listener("tcp", "0.0.0.0", 80), Listener("tcp", "127.0.0.1", 81), Listener("udp", "::", 82)]
    declared = [Port(number, "tcp") for number in (80, 81, 82, 83)]
    checks = exposed_checks(declared, seen, "", 3.0)
    assert [(one.name, one.subject, one.verdict.value) for one in checks] == [
        ("ports.exposed", "80/tcp", "proved"),
        ("ports.exposed", "81/tcp", "disproved"),
        ("ports.exposed", "82/tcp", "disproved"),
        ("ports.exposed", "83/tcp", "disproved"),
        ("ports.undeclared", "82/udp", "proved"),
    ]


def test_dialling_tells_the_manners_apart() -> None:
    from imglint.runner.dial import CLOSED, REFUSED, SILENT, dial

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert dial("127.0.0.1", port).outcome == REFUSED
        server.listen()
        assert dial("127.0.0.1", port).outcome == SILENT
    import threading

    with socket.create_server(("127.0.0.1", 0)) as closing:
        thread = threading.Thread(target=lambda: closing.accept()[0].close())
        thread.start()
        assert dial("127.0.0.1", closing.getsockname()[1]).outcome == CLOSED
        thread.join()
