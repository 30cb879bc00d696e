// The world beneath: coasts and borders from Natural Earth, towns from GeoNames; all from this node.

import { getColors } from "./theme.js";

export const FONT = ["Noto Sans", "Segoe UI", "Helvetica Neue", "Arial", "sans-serif"];
const EMPTY = { type: "FeatureCollection", features: [] };

export function createStyle() {
  return {
    version: 8,
    sources: {
      land: { type: "geojson", data: EMPTY, attribution: "Natural Earth", tolerance: 0.5 },
      borders: { type: "geojson", data: EMPTY },
      places: { type: "geojson", data: EMPTY, attribution: "GeoNames, CC BY 4.0" },
    },
    layers: [
      { id: "water", type: "background" },
      { id: "land", type: "fill", source: "land" },
      {
        id: "borders", type: "line", source: "borders",
        paint: { "line-width": ["interpolate", ["linear"], ["zoom"], 2, 0.5, 10, 1.6] },
      },
      {
        id: "places", type: "symbol", source: "places",
        filter: [">=", ["get", "population"], ["step", ["zoom"], 4e6, 3, 2e6, 4, 8e5, 5, 3e5, 6, 1e5, 7, 5e4, 8, 0]],
        layout: {
          "text-field": ["get", "name"], "text-font": FONT, "symbol-sort-key": ["-", ["get", "population"]],
          "text-size": ["interpolate", ["linear"], ["zoom"], 3, 11, 12, ["step", ["get", "population"], 12, 5e4, 14, 5e5, 17]],
          "text-padding": 8, "text-max-width": 7,
        },
        paint: { "text-halo-width": 1.6 },
      },
    ],
  };
}

export function paintBasemap(map) {
  const colors = getColors();
  map.setPaintProperty("water", "background-color", colors.water);
  map.setPaintProperty("land", "fill-color", colors.land);
  map.setPaintProperty("borders", "line-color", colors.border);
  map.setPaintProperty("places", "text-color", colors.place);
  map.setPaintProperty("places", "text-halo-color", colors.halo);
}

// Rings that cross the date line jump by 360 degrees there: they are made to run on instead, and one that runs
// around the pole is closed along it. Else they would be drawn as bands across the whole world.
function unwrapLand(land) {
  const unwrapRing = (ring) => {
    let turns = 0;
    const run = ring.map(([lng, lat], at) => {
      const step = at === 0 ? 0 : lng - ring[at - 1][0];
      if (Math.abs(step) > 180) turns -= Math.sign(step) * 360;
      return [lng + turns, lat];
    });
    if (turns === 0) return run;
    const pole = run[0][1] < 0 ? -90 : 90;
    return [...run, [run.at(-1)[0], pole], [run[0][0], pole], run[0]];
  };
  const polygons = land.features.flatMap(({ geometry }) => (geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates));
  const coordinates = polygons.map((rings) => rings.map(unwrapRing));
  return { type: "Feature", properties: {}, geometry: { type: "MultiPolygon", coordinates } };
}

// Comes after the first view: coverage needn't wait for coasts. Returns the towns for the search.
export async function loadBasemap(map) {
  const [world, towns] = await Promise.all(
    ["vendor/countries-10m.json", "places.json"].map(async (name) => {
      const response = await fetch(`/static/${name}`);
      if (!response.ok) throw new Error(`${name}: ${response.status}`);
      return response.json();
    }),
  );
  map.getSource("land").setData(unwrapLand(topojson.feature(world, world.objects.land)));
  map.getSource("borders").setData(topojson.mesh(world, world.objects.countries, (a, b) => a !== b));
  map.getSource("places").setData({
    type: "FeatureCollection",
    features: towns.places.map(([name, population, lng, lat]) => ({
      type: "Feature", properties: { name, population }, geometry: { type: "Point", coordinates: [lng, lat] },
    })),
  });
  return towns.places.map(([name, population, lng, lat]) => ({ kind: "town", name, population, lng, lat }));
}
