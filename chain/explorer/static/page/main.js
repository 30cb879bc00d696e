// The page: wires the map, the lists, the feed and the search together.

import { ask, listen } from "./api.js";
import { createStyle, loadBasemap, paintBasemap } from "./basemap.js";
import { byId, el, fill } from "./dom.js";
import { Feed } from "./feed.js";
import { count, decibels, distance, plural } from "./format.js";
import { Header } from "./header.js";
import { HotspotPage } from "./hotspot.js";
import { addLayers, CLICKABLE, paintLayers, setData, showGroup } from "./layers.js";
import { Legend } from "./legend.js";
import { contacts, showLists, startTabs } from "./lists.js";
import { OwnerView, takeAccess } from "./owner.js";
import { Search } from "./search.js";
import { isStill, watchTheme } from "./theme.js";
import { View } from "./view.js";

const MAP_KINDS = ["hotspot_added", "location_asserted", "beacon_verdict", "witness_verdict", "reward_earned"];
const TOWN_ZOOM = 12;

const state = { bounds: null, hasFitted: false, hasMoved: false };

function notice(words) {
  byId("notice").hidden = !words;
  fill(byId("notice"), words ?? "");
}

function createMap() {
  try {
    return new maplibregl.Map({
      container: "map", style: createStyle(), center: [10, 30], zoom: 1.6, minZoom: 1, maxZoom: 16, maxPitch: 0, dragRotate: false,
      attributionControl: { compact: true }, fadeDuration: isStill() ? 0 : 200,
    });
  } catch {
    notice("This browser can't draw the map (no WebGL). The lists beside show the same data.");
    return null;
  }
}

const isPhone = () => matchMedia("(max-width: 720px)").matches;

function padding() {
  const panel = byId("panel").getBoundingClientRect();
  if (isPhone()) return { top: 40, left: 40, right: 40, bottom: Math.min(panel.height, innerHeight * 0.5) + 40 };
  const legend = byId("legend").open ? byId("legend").getBoundingClientRect().width : 0;
  return { top: 70, right: legend + 80, bottom: 70, left: panel.width + 80 };
}

function start() {
  const map = createMap();
  if (!map) return;
  window.hexhaulMap = map;
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 120 }), "bottom-right");

  const move = { duration: isStill() ? 0 : 600 };
  const flyTo = (center, zoom = TOWN_ZOOM) => map.easeTo({ center, zoom: Math.max(map.getZoom(), zoom), offset: getOffset(), ...move });
  const fit = (bounds, isQuick = false) => map.fitBounds([[bounds[0], bounds[1]], [bounds[2], bounds[3]]], { padding: padding(), maxZoom: 13.2, ...(isQuick ? { duration: 0 } : move) });
  const showAll = () => state.bounds && fit(state.bounds);

  const tabs = startTabs();
  const header = new Header();
  const openHotspot = async (address) => {
    unfold(true);
    const page = await hotspotPage.show(address);
    paintLayers(map, address);
    setQuery(address);
    if (page?.cell && !isInSight(map, [page.lng, page.lat])) flyTo([page.lng, page.lat]);
  };
  const hotspotPage = new HotspotPage({
    onOpen: openHotspot,
    onClose: () => { paintLayers(map, ""); setQuery(""); },
    onCell: (page) => flyTo([page.lng, page.lat], 13.5),
  });
  const feed = new Feed(openHotspot);
  const view = new View(map, (answer) => {
    notice(null);
    const { network } = answer.hotspots.meta;
    state.bounds = network.bounds;
    showLists(answer, { openHotspot, showAll, goTo: (feature) => flyTo(feature.geometry.coordinates[0][0]) });
    if (!network.hotspots) notice("No hotspots yet: the first one shows here by itself once it has joined and has its place.");
    // The first hotspots may come while somebody looks at an empty world; who has moved the map isn't disturbed.
    if (network.bounds && !state.hasFitted && !state.hasMoved) {
      state.hasFitted = true;
      fit(network.bounds);
    }
  }, (message) => notice(`The map can't be brought up to date: ${message}. It tries again with the next block.`));
  const legend = new Legend({
    onToggle: (group, isShown) => {
      showGroup(map, group, isShown);
      if (group === "imported") { view.withImported = isShown; view.refresh(); }
    },
    onShowImported: (bounds) => bounds && fit(bounds),
  });
  const search = new Search((result) => {
    if (result.kind === "hotspot") return openHotspot(result.address);
    if (result.kind === "cell") return map.easeTo({ center: [result.lng, result.lat], zoom: result.resolution + 4.5, ...move });
    return flyTo([result.lng, result.lat], 11.5);
  });

  map.on("load", async () => {
    addLayers(map);
    const repaint = () => { paintBasemap(map); paintLayers(map, hotspotPage.address); legend.render(); };
    repaint();
    watchTheme(byId("theme"), repaint);
    legend.render();
    addClicks(map, openHotspot);
    map.on("dragstart", () => (state.hasMoved = true));
    map.on("wheel", () => (state.hasMoved = true));
    const wanted = new URLSearchParams(location.search).get("hotspot");
    view.withImported = await legend.refreshImported();
    await fitFirst(fit);
    await view.load();
    if (wanted) openHotspot(wanted);
    startOwner(map, legend, tabs, flyTo);
    startFeed({ feed, header, view, hotspotPage, legend });
    try {
      search.towns = await loadBasemap(map);
    } catch (error) {
      notice(`The basemap is missing (${error.message}): coverage is drawn without coasts and towns.`);
    }
    document.documentElement.dataset.basemap = "done";
  });
  byId("fold").addEventListener("click", () => unfold(byId("panel").dataset.folded === "true"));
}

// The very first view is the network's, without a flight across the world.
async function fitFirst(fit) {
  try {
    const { meta } = await ask("/map/hotspots");
    state.bounds = meta.network.bounds;
  } catch {
    return; // the view's own load says what is wrong
  }
  if (!state.bounds) return;
  state.hasFitted = true;
  fit(state.bounds, true);
}

function startFeed({ feed, header, view, hotspotPage, legend }) {
  let ticks = 0;
  listen({
    onHello: ({ sentences }) => {
      feed.restart(sentences);
      header.refresh();
      view.refresh();
      hotspotPage.refresh();
    },
    onBlock: (block) => {
      feed.add(block);
      header.setHeight(block.height);
      header.refresh();
      if (block.kinds.some((kind) => MAP_KINDS.includes(kind))) {
        view.refresh();
        hotspotPage.refresh();
      }
      if (++ticks % 10 === 0) legend.refreshImported().then((isShown) => (view.withImported = isShown));
    },
    onDropped: ({ blocks }) => {
      feed.addDropped(blocks);
      view.refresh();
    },
    onState: (words) => header.setConnection(words),
  });
}

function startOwner(map, legend, tabs, flyTo) {
  const access = takeAccess();
  if (!access) return;
  legend.hasSensors = true;
  legend.render();
  const owner = new OwnerView(map, access, {
    onFirst: (places) => { if (!places.some((place) => isInSight(map, place))) flyTo(places[0], 13); },
    onOpen: (place) => flyTo(place, 14),
  });
  tabs.pick("tab-sensors");
  owner.start();
}

function addClicks(map, openHotspot) {
  let hovered = null;
  const pick = (point) => {
    const near = [[point.x - 4, point.y - 4], [point.x + 4, point.y + 4]];
    const found = map.queryRenderedFeatures(near, { layers: CLICKABLE });
    return CLICKABLE.map((layer) => found.find((feature) => feature.layer.id === layer)).find(Boolean);
  };
  map.on("click", (event) => {
    const feature = pick(event.point);
    if (!feature) return;
    if (feature.layer.id === "hotspots") openHotspot(feature.properties.address);
    else popUp(map, event.lngLat, feature, openHotspot);
  });
  map.on("mousemove", (event) => {
    const feature = pick(event.point);
    map.getCanvas().style.cursor = feature ? "pointer" : "";
    const cell = feature?.layer.id === "hexes" ? feature.id : null;
    if (cell === hovered) return;
    if (hovered) map.setFeatureState({ source: "hexes", id: hovered }, { hover: false });
    if (cell) map.setFeatureState({ source: "hexes", id: cell }, { hover: true });
    hovered = cell;
  });
}

function popUp(map, lngLat, feature, openHotspot) {
  const p = feature.properties;
  const link = (address, name) => el("button", { type: "button", class: "link", onclick: () => { popup.remove(); openHotspot(address); } }, name);
  const words = {
    hexes: () => [el("strong", { class: "mono" }, p.cell), el("p", {}, `${plural(contacts(feature), "radio contact")} proven, ${plural(p.hotspots, "hotspot")}`)],
    links: () => [el("p", {}, link(p.witness, p.witness_name), ` heard ${count(p.heard)} × `, link(p.beaconer, p.beaconer_name)), el("p", {}, `last ${decibels(p.signal_ddbm, "dBm")}, SNR ${decibels(p.snr_ddb, "dB")}, over ${distance(p.distance_m)}`)],
    "links-rejected": () => [el("p", {}, link(p.witness, p.witness_name), " reported ", link(p.beaconer, p.beaconer_name)), el("p", { class: "no" }, `rejected ${count(p.rejected)} ×: ${p.last_reason.replaceAll("_", " ")}`)],
    "imported-hexes": () => [el("strong", {}, "Imported, not on this chain"), el("p", {}, `${plural(p.observations, "observation")} by ${plural(p.hotspots, "hotspot")}, ${p.mean_rssi_dbm} dBm on average`), el("p", { class: "mono" }, p.cell)],
    "imported-hotspots": () => [el("strong", {}, p.name), el("p", {}, `a hotspot of another network, imported from ${p.source}`)],
    sensors: () => [el("strong", {}, p.name), el("p", {}, "your sensor; only you see it")],
  }[feature.layer.id]();
  const popup = new maplibregl.Popup({ maxWidth: "280px", closeButton: true }).setLngLat(lngLat).setDOMContent(el("div", {}, words)).addTo(map);
}

function isInSight(map, place) {
  const { x, y } = map.project(place);
  const { clientWidth, clientHeight } = map.getContainer();
  const { top, left, bottom } = padding();
  return x > left - 60 && x < clientWidth - 20 && y > top - 50 && y < clientHeight - (isPhone() ? bottom - 40 : 20);
}

// From the middle of the window to the middle of what the panel leaves free.
function getOffset() {
  const { width, height } = byId("panel").getBoundingClientRect();
  return isPhone() ? [0, -height / 2] : [width / 2, 0];
}

function unfold(isOpen) {
  byId("panel").dataset.folded = String(!isOpen);
  byId("fold").setAttribute("aria-expanded", String(isOpen));
}

function setQuery(address) {
  history.replaceState(null, "", address ? `?hotspot=${encodeURIComponent(address)}` : location.pathname);
}

if (window.maplibregl && window.h3 && window.topojson) start();
else notice("The map's libraries did not load: run make setup, then reload.");
