// The map's twin in words: the same hotspots, links and hexagons of the view as tables, for keyboards and
// screen readers.

import { byId, el, fill } from "./dom.js";
import { ago, amount, count, decibels, distance, plural } from "./format.js";

const ROWS = 200;

export function startTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const pick = (tab) => {
    for (const other of tabs) {
      const isPicked = other === tab;
      other.setAttribute("aria-selected", isPicked);
      other.tabIndex = isPicked ? 0 : -1;
      byId(other.getAttribute("aria-controls")).hidden = !isPicked;
    }
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => pick(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const shown = tabs.filter((other) => !other.hidden);
      const next = shown[(shown.indexOf(tab) + step + shown.length) % shown.length];
      pick(next);
      next.focus();
    });
  }
  return { pick: (id) => pick(byId(id)) };
}

function table(caption, columns, rows, left) {
  const shown = rows.slice(0, ROWS);
  const more = rows.length - shown.length + left;
  return [
    el("p", { class: "caption" }, caption),
    el("div", { class: "scroll" },
      el("table", {},
        el("thead", {}, el("tr", {}, columns.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
        el("tbody", {}, shown.map((cells) => el("tr", {}, cells.map((cell, at) =>
          el(at === 0 ? "th" : "td", { scope: at === 0 ? "row" : null, class: columns[at][1] }, cell))))))),
    more > 0 && el("p", { class: "empty" }, `${count(more)} more: zoom in to list them.`),
  ];
}

const opener = (text, open) => el("button", { type: "button", class: "link", onclick: open }, text);

// What to say where a view holds none: whether there are any elsewhere, and what brings the first.
function none(words, others, next, showAll) {
  if (!others) return el("p", { class: "empty" }, el("strong", {}, `No ${words} yet. `), next);
  return el("p", { class: "empty" }, `No ${words} in this view. `, opener(`Show all ${count(others)} hotspots`, showAll));
}

export function showLists(view, { openHotspot, showAll, goTo }) {
  const { hexes, hotspots, links } = view;
  const { placed } = hotspots.meta.network;
  const rows = hotspots.features.map(({ properties: p }) => [
    opener(p.name, () => openHotspot(p.address)), amount(p.hxt), count(p.beacons_heard), count(p.witnessed), count(p.rejected), ago(p.last_ms)]);
  fill(byId("hotspot-list"), rows.length
    ? table(`${plural(rows.length, "hotspot")} in this view, ${count(placed)} in the network`,
      [["Hotspot", ""], ["HXT earned", "number"], ["Beacons heard", "number"], ["Wit\u00adnessed", "number"], ["Re\u00adjected", "number"], ["Last report", "number"]], rows, hotspots.meta.left_out)
    : none("hotspots", placed, "Set one up: hexhaul hotspot setup. It appears here once a block has its place.", showAll));
  const linkRows = links.features.map(({ properties: p }) => [
    opener(p.witness_name, () => openHotspot(p.witness)), opener(p.beaconer_name, () => openHotspot(p.beaconer)),
    p.heard ? `${count(p.heard)} ×` : `rejected ${count(p.rejected)} ×`, decibels(p.signal_ddbm, "dBm"), decibels(p.snr_ddb, "dB"), distance(p.distance_m)]);
  fill(byId("link-list"), linkRows.length
    ? table(`${plural(linkRows.length, "link")} in this view: who heard whose beacon, with the last measurement`,
      [["Witness", ""], ["heard", ""], ["How often", "number"], ["Signal", "number"], ["SNR", "number"], ["Distance", "number"]], linkRows, links.meta.left_out)
    : none("links", placed > 1 ? placed : 0, "The first comes when one hotspot hears another's beacon and the round has closed.", showAll));
  const hexRows = [...hexes.features].sort((a, b) => contacts(b) - contacts(a)).map((feature) => [
    opener(feature.properties.cell, () => goTo(feature)), count(contacts(feature)), count(feature.properties.hotspots), ago(feature.properties.last_ms)]);
  fill(byId("hex-list"), hexRows.length
    ? table(`${plural(hexRows.length, "hexagon")} with coverage in this view, H3 resolution ${hexes.meta.resolution}`,
      [["Hexagon", "mono"], ["Contacts", "number"], ["Hotspots", "number"], ["Last", "number"]], hexRows, hexes.meta.left_out)
    : none("hexagons with coverage", placed, "A hexagon is covered when a beacon from it was heard, or one was heard in it.", showAll));
}

export function contacts(feature) {
  return feature.properties.beacons_heard + feature.properties.witnessed;
}
