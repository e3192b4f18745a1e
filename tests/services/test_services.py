"""The tests' own ground holds: databases are real, separate and quick, and nothing reaches out."""

from __future__ import annotations

import asyncio
import socket
import time
import urllib.request

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.services import postgres
from tests.services.network_guard import OutboundNetworkError


async def test_each_database_is_empty_and_writable(database_url: str) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE only_here (n INTEGER)"))
        await connection.execute(text("INSERT INTO only_here VALUES (1)"))
        assert (await connection.execute(text("SELECT n FROM only_here"))).scalar() == 1
    await engine.dispose()


async def test_a_template_is_copied(postgresql_url: str) -> None:
    engine = create_async_engine(postgresql_url)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE prepared (n INTEGER)"))
    await engine.dispose()
    copy_url = postgres.fresh_database(postgres.template_from(postgresql_url))
    engine = create_async_engine(copy_url)
    async with engine.begin() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM prepared"))).scalar() == 0
    await engine.dispose()
    postgres.drop_database(copy_url)


def test_a_database_costs_little(postgresql_url: str) -> None:
    started = time.perf_counter()
    for _ in range(5):
        postgres.drop_database(postgres.fresh_database())
    assert (time.perf_counter() - started) / 5 < 1.0  # usually 0.03; room for a busy machine


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "169.254.169.254", "::ffff:192.0.2.1"])
async def test_no_connection_leaves_this_machine(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as connection, pytest.raises(OutboundNetworkError):
        connection.connect((address, 80))
    with pytest.raises(OutboundNetworkError):
        await asyncio.open_connection(address, 80)


def test_no_name_is_looked_up_outside() -> None:
    with pytest.raises(OutboundNetworkError):
        urllib.request.urlopen("http://provider.example/v1")
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("provider.invalid", 443)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(("localhost", server.getsockname()[1])).close()


def test_time_and_locale_do_not_depend_on_the_machine() -> None:
    assert time.localtime(0).tm_hour == 8
