// What the network draws: hexagons, links, hotspots, imported observations, the owner's sensors.

import { FONT } from "./basemap.js";
import { getColors } from "./theme.js";

const EMPTY = { type: "FeatureCollection", features: [] };

// Radio contacts proven in a hexagon: [from, words]. Steps of ten, for they grow by the day.
export const COVERAGE_STEPS = [[1, "1 – 9"], [10, "10 – 99"], [100, "100 – 999"], [1000, "1,000 – 9,999"], [10_000, "10,000 +"]];
export const IMPORTED_STEPS = [[-200, "below −120"], [-120, "−120 … −106"], [-105, "−105 … −91"], [-90, "−90 and more"]];

export const CLICKABLE = ["sensors", "hotspots", "imported-hotspots", "links", "links-rejected", "hexes", "imported-hexes"];
export const GROUPS = {
  coverage: ["hexes", "hexes-line"],
  hotspots: ["hotspots", "hotspot-names", "hotspot-selected"],
  links: ["links", "links-rejected"],
  grid: ["grid"],
  imported: ["imported-hexes", "imported-line", "imported-hotspots"],
};

// Small zooms show coarser hexagons: each stays a few pixels wide at least.
export function getResolution(zoom) {
  return [[10, 8], [8, 7], [7, 6], [6, 5], [4, 4], [3, 3]].find(([from]) => zoom >= from)?.[1] ?? 2;
}

const contacts = ["+", ["get", "beacons_heard"], ["get", "witnessed"]];
const stepped = (value, steps, colors) => ["step", value, colors[0], ...steps.slice(1).flatMap(([from], at) => [from, colors[at + 1]])];
const byZoom = (...stops) => ["interpolate", ["linear"], ["zoom"], ...stops];

export function addLayers(map) {
  const source = (id, promoteId) => map.addSource(id, { type: "geojson", data: EMPTY, promoteId, tolerance: 0.1 });
  source("grid");
  source("imported-hexes", "cell");
  source("hexes", "cell");
  source("links", "id");
  source("imported-hotspots", "hotspot");
  source("hotspots", "address");
  source("sensor-trails");
  source("sensors", "dev_eui");
  const add = (layer) => map.addLayer(layer, "places");
  add({ id: "grid", type: "line", source: "grid", minzoom: 11, paint: { "line-width": 0.6, "line-opacity": byZoom(11, 0, 12, 0.55) } });
  add({ id: "imported-hexes", type: "fill", source: "imported-hexes", paint: { "fill-opacity": 0.55 } });
  add({ id: "imported-line", type: "line", source: "imported-hexes", paint: { "line-width": 1, "line-dasharray": [2, 2], "line-opacity": 0.7 } });
  add({ id: "hexes", type: "fill", source: "hexes", paint: { "fill-opacity": ["case", ["boolean", ["feature-state", "hover"], false], 0.85, 0.62] } });
  add({ id: "hexes-line", type: "line", source: "hexes", paint: { "line-width": byZoom(6, 0.3, 12, 1.2), "line-opacity": 0.6 } });
  const lane = { "line-cap": "round", "line-join": "round" };
  add({ id: "links-rejected", type: "line", source: "links", filter: ["==", ["get", "heard"], 0], layout: { "line-join": "round" }, paint: { "line-width": 1.4, "line-dasharray": [2, 2.5], "line-offset": 0.9 } });
  add({ id: "links", type: "line", source: "links", filter: [">", ["get", "heard"], 0], layout: lane, paint: { "line-offset": byZoom(8, 0.4, 13, 0.9) } });
  map.addLayer({ id: "imported-hotspots", type: "circle", source: "imported-hotspots", paint: { "circle-radius": byZoom(5, 2, 12, 5), "circle-stroke-width": 1.8, "circle-opacity": 0.25 } });
  map.addLayer({ id: "hotspot-selected", type: "circle", source: "hotspots", filter: ["==", ["get", "address"], ""], paint: { "circle-radius": byZoom(5, 8, 13, 17), "circle-opacity": 0.14, "circle-stroke-width": 1.6 } });
  map.addLayer({ id: "hotspots", type: "circle", source: "hotspots", paint: { "circle-radius": byZoom(3, 2.2, 8, 4, 13, 8), "circle-stroke-width": byZoom(3, 0.6, 10, 2) } });
  map.addLayer({
    id: "hotspot-names", type: "symbol", source: "hotspots", minzoom: 9,
    layout: {
      "text-field": ["get", "name"], "text-font": FONT, "text-size": byZoom(9, 11, 14, 13.5), "text-max-width": 9,
      "text-variable-anchor": ["top", "bottom", "left", "right"], "text-radial-offset": 1.05, "text-justify": "auto", "text-optional": true,
    },
    paint: { "text-halo-width": 1.8 },
  });
  map.addLayer({ id: "sensor-trails", type: "line", source: "sensor-trails", layout: lane, paint: { "line-width": 2.5, "line-opacity": 0.65, "line-dasharray": [0.2, 1.8] } });
  map.addLayer({ id: "sensors", type: "circle", source: "sensors", paint: { "circle-radius": 7, "circle-stroke-width": 3 } });
  map.addLayer({
    id: "sensor-names", type: "symbol", source: "sensors",
    layout: { "text-field": ["get", "name"], "text-font": FONT, "text-size": 13, "text-anchor": "bottom", "text-offset": [0, -0.9], "text-allow-overlap": true },
    paint: { "text-halo-width": 2 },
  });
}

export function paintLayers(map, selected) {
  const colors = getColors();
  const paint = (layer, properties) => {
    for (const [name, value] of Object.entries(properties)) map.setPaintProperty(layer, name, value);
  };
  paint("grid", { "line-color": colors.grid });
  paint("hexes", { "fill-color": stepped(contacts, COVERAGE_STEPS, colors.coverage) });
  paint("hexes-line", { "line-color": colors.hexLine });
  paint("imported-hexes", { "fill-color": stepped(["get", "mean_rssi_dbm"], IMPORTED_STEPS, colors.imported) });
  paint("imported-line", { "line-color": colors.importedLine });
  paint("imported-hotspots", { "circle-color": colors.importedLine, "circle-stroke-color": colors.importedLine });
  paint("hotspots", { "circle-color": colors.hotspot, "circle-stroke-color": colors.hotspotRing });
  paint("hotspot-selected", { "circle-color": colors.hotspot, "circle-stroke-color": colors.hotspot });
  paint("sensors", { "circle-color": colors.sensor, "circle-stroke-color": colors.halo });
  paint("sensor-trails", { "line-color": colors.sensor });
  for (const layer of ["hotspot-names", "sensor-names"]) paint(layer, { "text-color": colors.name, "text-halo-color": colors.halo });
  const own = ["any", ["==", ["get", "beaconer"], selected], ["==", ["get", "witness"], selected]];
  const strength = (full, dim) => (selected ? ["case", own, full, dim] : full * 0.5);
  const width = ["interpolate", ["linear"], ["log10", ["max", ["get", "heard"], 1]], 0, 1, 2, 2, 4, 3.5];
  paint("links", { "line-color": colors.link, "line-width": width, "line-opacity": strength(0.95, 0.1) });
  paint("links-rejected", { "line-color": colors.rejected, "line-opacity": strength(0.9, 0.1) });
  map.setFilter("hotspot-selected", ["==", ["get", "address"], selected]);
}

export function showGroup(map, group, isShown) {
  for (const layer of GROUPS[group]) map.setLayoutProperty(layer, "visibility", isShown ? "visible" : "none");
}

export function setData(map, source, collection) {
  map.getSource(source).setData(collection ?? EMPTY);
}

// The empty hexagons around: where nobody has proven coverage yet.
export function drawGrid(map) {
  if (map.getZoom() < 11) return setData(map, "grid", null);
  const bounds = map.getBounds();
  const [west, east] = [bounds.getWest(), bounds.getEast()];
  const [south, north] = [bounds.getSouth(), bounds.getNorth()];
  const [dx, dy] = [(east - west) * 0.06, (north - south) * 0.06];
  const ring = [[west - dx, south - dy], [east + dx, south - dy], [east + dx, north + dy], [west - dx, north + dy], [west - dx, south - dy]];
  const cells = h3.polygonToCells([ring], 8, true);
  if (cells.length > 6000) return setData(map, "grid", null);
  const lines = cells.map((cell) => h3.cellToBoundary(cell, true));
  const geometry = { type: "MultiLineString", coordinates: lines };
  return setData(map, "grid", { type: "Feature", properties: {}, geometry });
}
