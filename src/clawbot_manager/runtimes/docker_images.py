"""Images of an engine: whether one is there, fetching it, and those that nothing needs."""

import json
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from typing import Any

import aiodocker
import aiohttp
from aiodocker.exceptions import DockerError
from aiodocker.utils import clean_filters

from clawbot_manager.runtimes.base import ImageProgress, InstanceFailedError, Leftover
from clawbot_manager.runtimes.docker_calls import NOT_CONNECTED, unless
from clawbot_manager.runtimes.docker_spec import MANAGED

_STALL_SECONDS = 120.0


async def has_image(engine: aiodocker.Docker, image: str) -> bool:
    """Whether it is on the engine's machine."""
    try:
        await engine.images.inspect(image)
    except DockerError as error:
        if error.status != 404:
            raise
        return False
    return True


async def fetch_image(engine: aiodocker.Docker, image: str) -> AsyncIterator[ImageProgress]:
    """Fetch it from its registry, layer by layer.

    Raises:
        InstanceFailedError: the registry refuses, or cannot be reached.
    """
    name, tag = _name_and_tag(image)
    params = {"fromImage": name} if tag is None else {"fromImage": name, "tag": tag}
    limits = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=_STALL_SECONDS)
    layers: dict[str, tuple[int, int]] = {}
    try:
        async with engine._query("images/create", "POST", params=params, timeout=limits) as answer:
            async for line in answer.content:
                told = json.loads(line)
                if "error" in told:
                    raise InstanceFailedError(_cannot_fetch(image, str(told["error"])))
                detail = told.get("progressDetail") or {}
                if told.get("id") and detail.get("total"):
                    layers[told["id"]] = (int(detail.get("current", 0)), int(detail["total"]))
                done, total = (sum(layer[part] for layer in layers.values()) for part in (0, 1))
                yield ImageProgress(str(told.get("status", ""))[:200], done, total)
    except DockerError as error:
        if error.status == NOT_CONNECTED:
            raise
        raise InstanceFailedError(_cannot_fetch(image, str(error.message))) from None


def _cannot_fetch(image: str, why: str) -> str:
    return f"{absent(image)}. It cannot be fetched: {why.strip()[:200]}"


def absent(image: str) -> str:
    """What to do about an image that is not there."""
    return (
        f"the image {image} is not on this machine: build it (make bot-images), or fetch it "
        f"(docker pull {image})"
    )


def _name_and_tag(image: str) -> tuple[str, str | None]:
    if "@" in image:
        return image, None
    name, separator, tag = image.rpartition(":")
    return (name, tag) if separator and "/" not in tag else (image, "latest")


async def unused_images(engine: aiodocker.Docker, wanted: Collection[str]) -> list[Leftover]:
    """Our images that are not among the wanted and that no container, of whomever, is made from."""
    used = {container["ImageID"] for container in await _json(engine, "containers/json", all=1)}
    images = await _json(engine, "images/json", filters=clean_filters({"label": [MANAGED]}))
    kept = used | await _ids(engine, wanted)
    return [
        Leftover(
            kind="image",
            id=str(image["Id"]),
            detail=", ".join(image.get("RepoTags") or []) or "without a name",
            created_at=datetime.fromtimestamp(image["Created"], UTC),
            size_bytes=image.get("Size"),
        )
        for image in images
        if image["Id"] not in kept
    ]


async def _ids(engine: aiodocker.Docker, images: Collection[str]) -> set[str]:
    """The engine tells which is meant: a name may lack its tag or its registry, or be a digest."""
    found: set[str] = set()
    for image in images:
        with unless(404):
            found.add(str((await engine.images.inspect(image))["Id"]))
    return found


async def remove_image(engine: aiodocker.Docker, image_id: str) -> None:
    """Remove it with all its names.

    Raises:
        InstanceFailedError: a container is made from it again, which the engine would overlook.
    """
    if any(container["ImageID"] == image_id for container in await _json(engine, "containers/json", all=1)):
        raise InstanceFailedError("a container is made from this image")
    with unless(404):
        await engine.images.delete(image_id, force=True)


async def _json(engine: aiodocker.Docker, path: str, **params: Any) -> Any:
    return await engine._query_json(path, params=params)
