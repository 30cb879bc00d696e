"""The index's rows as the map's API shows them."""

from __future__ import annotations

import h3.api.basic_int as h3
from sqlalchemy import Connection

from chain.explorer.geojson import (
    Box,
    Feature,
    build_line,
    build_point,
    build_polygon,
    compute_place,
)
from chain.explorer.sentences import describe_rejection, describe_reward
from chain.index.find_hotspots import get_map_hotspot, get_map_links
from chain.index.find_rewards import RewardFilter, find_rewards
from chain.index.find_verdicts import VerdictFilter, find_verdicts
from chain.index.rendering import Row
from chain.keys.public_key import InvalidPublicKey, PublicKey

_INNER = ("cell", "rank", "crowd")


def touches(box: Box, feature: Feature) -> bool:
    """Whether a feature has any part in the box."""
    coordinates = feature["geometry"]["coordinates"]
    match feature["geometry"]["type"]:
        case "Point":
            return box.touches([coordinates])
        case "Polygon":
            return box.touches(coordinates[0], is_area=True)
        case _:
            return box.touches(coordinates)


def view_cell(row: Row) -> Feature:
    return build_polygon(row["cell"], {key: value for key, value in row.items() if key not in _INNER})


def view_hotspot(row: Row) -> Feature:
    properties = {key: value for key, value in row.items() if key not in _INNER}
    cell = h3.int_to_str(row["cell"])
    return build_point(compute_place(row["cell"], row["rank"], row["crowd"]), {**properties, "cell": cell})


def view_link(row: Row) -> Feature:
    start, end = (
        compute_place(row[f"{who}_cell"], row[f"{who}_rank"], row[f"{who}_crowd"])
        for who in ("beaconer", "witness")
    )
    properties = {
        key: value for key, value in row.items() if not key.endswith(tuple(f"_{inner}" for inner in _INNER))
    }
    return build_line(start, end, {**properties, "id": f"{row['beaconer']}>{row['witness']}"})


def view_found_hotspot(row: Row) -> Row:
    found = {
        "kind": "hotspot",
        "name": row["name"],
        "address": row["address"],
        "placed": row["cell"] is not None,
    }
    if row["cell"] is not None:
        found["lng"], found["lat"] = compute_place(row["cell"], row["rank"], row["crowd"])
    return found


def view_found_cell(cell: int) -> Row:
    lat, lng = h3.cell_to_latlng(cell)
    index, resolution = h3.int_to_str(cell), h3.get_resolution(cell)
    return {
        "kind": "cell",
        "name": f"hexagon {index}",
        "cell": index,
        "resolution": resolution,
        "lat": lat,
        "lng": lng,
    }


def view_hotspot_page(connection: Connection, address: str, limit: int) -> Row | None:
    """One hotspot's page; None where there is no such hotspot. Links are summed over all time, rewards and
    verdicts are the newest first.
    """
    row = get_map_hotspot(connection, address)
    if row is None:
        return None
    page = {key: value for key, value in row.items() if key not in _INNER}
    page["cell"] = None
    if row["cell"] is not None:
        page["cell"] = h3.int_to_str(row["cell"])
        page["lng"], page["lat"] = compute_place(row["cell"], row["rank"], row["crowd"])
    links = [view_link(link)["properties"] for link in get_map_links(connection, address)]
    names = {link[who]: link[f"{who}_name"] for link in links for who in ("beaconer", "witness")}
    rewards = find_rewards(connection, RewardFilter(hotspot=address), None, limit).items
    page["rewards"] = [
        {**reward, "sentence": describe_reward(reward["reward"], reward["hxt"], reward["why"])}
        for reward in rewards
    ]
    for name, ok in (("verdicts", None), ("rejected_reports", False)):
        wanted = VerdictFilter(hotspot=address, ok=ok)
        found = find_verdicts(connection, wanted, None, limit).items
        page[name] = [view_verdict(verdict, names) for verdict in found]
    page["heard"] = [link for link in links if link["witness"] == address]
    page["heard_by"] = [link for link in links if link["beaconer"] == address]
    return page


def view_verdict(row: Row, names: dict[str, str]) -> Row:
    """A verdict with its reason in words, and without the place: maps show resolution 8."""
    shown = {key: value for key, value in row.items() if key not in ("location", "data", "index", "event")}
    sentence = None if row["ok"] else describe_rejection(row["reason"], row["measured"], row["limit"])
    beaconer = row.get("beaconer") or None
    name = None if beaconer is None else names.get(beaconer) or _get_name(beaconer)
    return {
        **shown,
        "kind": row["event"],
        "beaconer": beaconer,
        "beaconer_name": name,
        "sentence": sentence,
    }


def view_observed_hotspot(row: Row) -> Feature:
    """A hotspot of another network: its animal name where it has such an address."""
    properties = {
        "hotspot": row["hotspot"],
        "name": _get_name(row["hotspot"]) or row["hotspot"][:40],
        "source": row["source"],
        "cell": h3.int_to_str(row["cell"]),
        "imported": True,
    }
    return build_point(compute_place(row["cell"], row["rank"], row["crowd"]), properties)


def _get_name(address: str) -> str | None:
    try:
        return PublicKey.from_address(address).name
    except InvalidPublicKey:
        return None
